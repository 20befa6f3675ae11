import { afterEach, describe, expect, test } from "bun:test";
import { jobText } from "../../src/http/views.ts";
import { branches, oneTask } from "../support/blueprints.ts";
import { World, type WorldOptions } from "../support/engine.ts";
import { permanent, StreamWorker, transient } from "../support/worker.ts";

let world: World | undefined;
async function start(options: WorldOptions): Promise<World> {
  world = await World.start(options);
  return world;
}
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

describe("the life of a job", () => {
  test("one step takes two units: the creation with its first handler, and the result with the end", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();

    const id = await w.create("simple", { x: 1 });
    expect(await w.status(id)).toBe("waiting_for_worker");
    expect(worker.last).toMatchObject({ job_id: id, type: "t", params: { x: 1 }, attempt: 1 });
    const answer = await worker.answer({ data: { out: 2 } });

    expect(answer).toEqual({ status: "result_accepted_success" });
    expect(await w.status(id)).toBe("finished");
    expect(await w.stateHistory(id)).toEqual({ out: 2 });
    expect(w.disk.unitsOf(id)).toHaveLength(2);
  });

  test("a result that is sent twice counts once", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");

    await worker.answer({ data: { out: 1 } });
    const second = await worker.answer({ data: { out: 2 } });

    expect(second).toMatchObject({ status: "ignored", reason: "job_already_terminated" });
    expect(await w.stateHistory(id)).toEqual({ out: 1 });
  });

  test("a permanent error quarantines at the failure state, and nothing is tried again", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");

    expect(await worker.answer(permanent)).toEqual({ status: "result_accepted_failure" });
    await w.pass(60_000, 1_000);

    const { job } = await w.view(id);
    expect(job).toMatchObject({ status: "quarantined", state: "failed", error: { code: "PERMANENT_ERROR" } });
    expect(worker.got).toHaveLength(1);
  });

  test("a result with a status that leads nowhere fails the job, and its sender hears why", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");

    const answer = await worker.answer({ status: "succes" });

    const said = "Worker returned unhandled status: succes, did the worker mean success? Add it to the transitions";
    expect(answer).toMatchObject({ status: "result_accepted_failure", transition: "unhandled_status_failure" });
    expect(answer).toHaveProperty("message", expect.stringContaining(said));
    expect((await w.view(id)).job).toMatchObject({ status: "failed", error: { code: "UNHANDLED_STATUS" } });
  });

  test("history says which of several tasks went out, which ended, and which were taken back", async () => {
    const w = await start({ blueprints: [branches("fan")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("fan", { count: 4 });
    const [first, second] = worker.got;

    w.engine.workers.progress("w", { jobId: id, taskId: second?.task_id ?? "", progress: 50 });
    await worker.answer({}, first);
    const read = JSON.parse(jobText(await w.view(id))) as { branches: object; tasks: { branch: number }[] };
    expect(read.branches).toEqual({ total: 4, done: 1, progress: 0.375 });
    expect(read.tasks.map(({ branch }) => branch)).toEqual([2, 3, 4]);

    await worker.answer(permanent, second);
    const events = await w.history(id);
    const of = (type: string) => events.filter((event) => event.event_type === type);
    const infos = of("task_dispatched").map(({ context_snapshot: { task_info } }) => task_info);
    expect(infos).toEqual(
      [first, second].map((task, index) => ({
        task_id: task?.task_id ?? "",
        type: "t",
        priority: 0,
        branch: index + 1,
        branches: 4,
      })),
    );
    expect(of("task_finished").map(({ context_snapshot }) => context_snapshot["task_id"])).toEqual([
      first?.task_id ?? "",
      second?.task_id ?? "",
    ]);
    expect(of("progress").map(({ context_snapshot }) => context_snapshot["task_id"])).toEqual([second?.task_id ?? ""]);
    expect(of("tasks_withdrawn").map(({ context_snapshot }) => context_snapshot["withdrawn"])).toEqual([
      { count: 2, branches: [3, 4], of: 4 },
    ]);
  });

  test("nothing is said of branches that were all awaited", async () => {
    const w = await start({ blueprints: [branches("fan")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("fan", { count: 2 });
    for (const task of worker.got) await worker.answer({}, task);

    expect(await w.status(id)).toBe("finished");
    expect(await w.eventTypes(id)).not.toContain("tasks_withdrawn");
  });

  test("transient errors are tried four times with a pause before each", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");

    for (let attempt = 1; attempt <= 4; attempt++) {
      expect(worker.last.attempt).toBe(attempt);
      await worker.answer(transient);
      expect(worker.got).toHaveLength(attempt);
      await w.pass(30_000, 500);
    }

    expect(worker.got).toHaveLength(4);
    expect(await w.view(id)).toMatchObject({ job: { status: "quarantined", state: "failed" } });
  });

  test("branches come together in the aggregator once all of them have ended well", async () => {
    const w = await start({ blueprints: [branches("fan")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("fan", { count: 3 });

    expect(await w.status(id)).toBe("waiting_for_parallel");
    for (const task of worker.got) {
      expect(await worker.answer({}, task)).toEqual({ status: "parallel_branch_result_accepted" });
    }

    expect(await w.status(id)).toBe("finished");
    expect(await w.stateHistory(id)).toEqual({ collected: 3 });
  });
});
