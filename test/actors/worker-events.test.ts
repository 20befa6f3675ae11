import { afterEach, describe, expect, test } from "bun:test";
import { WORKER_EVENTS_MAX } from "../../actors/job/worker-events.ts";
import { Blueprint } from "../../src/blueprint/index.ts";
import { readWorkerEvent, type WorkerEventAnswer } from "../../src/protocol/worker-event.ts";
import { World } from "../support/engine.ts";
import { StreamWorker } from "../support/worker.ts";

let world: World | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

/** Half way it goes on to another task, or to its end. */
function film(): Blueprint {
  const blueprint = new Blueprint({ name: "film" });
  blueprint.handlerFor("start", { isStart: true }, (_context, actions) =>
    actions.dispatchTask({
      taskType: "t",
      params: {},
      transitions: { success: "done", failure: "failed", cancelled: "stopped" },
      eventTransitions: { preview_ready: "review" },
    }),
  );
  blueprint.handlerFor("review", ({ stateHistory }, actions) => {
    stateHistory["reviewed"] = stateHistory["preview_ready"]?.url ?? null;
    actions.transitionTo("done");
  });
  for (const state of ["done", "failed", "stopped"]) blueprint.handlerFor(state, { isEnd: true }, () => undefined);
  return blueprint;
}

async function begin(
  more: object = {},
  { record, isStrictOnEvents = true }: { record?: Record<string, unknown>; isStrictOnEvents?: boolean } = {},
): Promise<{ w: World; worker: StreamWorker; id: string }> {
  const w = await World.start({ blueprints: [film()], settings: { isStrictOnEvents } });
  world = w;
  const worker = await new StreamWorker(w, "w", { ...(record && { record }) }).connect();
  const id = await w.create("film", {}, more);
  return { w, worker, id };
}

/** As it comes in by either door. */
function send(w: World, worker: StreamWorker, body: object): Promise<WorkerEventAnswer> {
  const { job_id: target_job_id, task_id: target_task_id } = worker.last;
  const event = readWorkerEvent({ target_job_id, target_task_id, ...body });
  if (!event) throw new Error("this is no event");
  return w.done(w.engine.workers.event(worker.id, event));
}

const accepted: WorkerEventAnswer = { status: "event_accepted" };

describe("an event of a worker", () => {
  test("that its task has a transition for takes the job there, with its data, and the worker is told to end", async () => {
    const { w, worker, id } = await begin();

    expect(await send(w, worker, { event_type: "preview_ready", payload: { url: "s3://x" } })).toEqual(accepted);
    await w.time.settle();

    expect((await w.view(id)).job).toMatchObject({ status: "finished", state: "done" });
    expect(await w.stateHistory(id)).toEqual({ preview_ready: { url: "s3://x" }, reviewed: "s3://x" });
    expect(worker.cancels).toEqual([worker.last.task_id]);
    expect(await worker.answer({ data: { late: 1 } })).toMatchObject({ status: "ignored" });
  });

  test("that leads a branch to the aggregator is the branch's end, and no other's", async () => {
    const blueprint = new Blueprint({ name: "fan" });
    blueprint.handlerFor("start", { isStart: true }, (_context, actions) =>
      actions.dispatchParallel({
        tasks: [1, 2].map(() => ({ taskType: "t", params: {}, eventTransitions: { enough: "sum" } })),
        aggregateInto: "sum",
      }),
    );
    blueprint.aggregatorFor("sum", ({ aggregationResults, stateHistory }, actions) => {
      stateHistory["statuses"] = Object.values(aggregationResults).map(({ status }) => status);
      actions.transitionTo("finished");
    });
    const w = await World.start({ blueprints: [blueprint] });
    world = w;
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("fan");
    const [first] = worker.got;

    await send(w, worker, { event_type: "enough", payload: { sum: 3 } });
    expect(await w.status(id)).toBe("waiting_for_parallel");
    expect(worker.cancels).toEqual([worker.last.task_id]);
    await worker.answer({}, first);

    expect(await w.stateHistory(id)).toEqual({ statuses: ["success", "enough"] });
  });

  test("of another name stands in the history and goes to the webhook, and the task runs on", async () => {
    const { w, worker, id } = await begin({ webhookUrl: "https://example.com/hook" });

    for (const event_type of ["warm", "constructor"]) {
      expect(await send(w, worker, { event_type, payload: { degrees: 40 } })).toEqual(accepted);
    }

    const event = (await w.history(id)).find(({ event_type }) => event_type === "worker_event:warm");
    expect(event).toMatchObject({
      worker_id: "w",
      state: "start",
      context_snapshot: { worker_event: { degrees: 40 } },
    });
    const bodies = w.disk
      .unitsOf(id)
      .flatMap(({ jobs }) => jobs.flatMap(({ outbox }) => outbox?.map((row) => row.body) ?? []));
    expect(bodies.map((body) => JSON.parse(body.split("\n")[1] ?? ""))).toMatchObject([
      { event: "worker_event:warm", job_id: id, payload: { degrees: 40 } },
      { event: "worker_event:constructor", job_id: id },
    ]);
    expect(await worker.answer()).toEqual({ status: "result_accepted_success" });
  });

  test("sent again with its id changes nothing; without a task's id it is about the one that the worker runs", async () => {
    const { w, worker, id } = await begin();
    const again = { event_type: "warm", event_id: "e1", target_task_id: undefined };
    for (let count = 0; count < 3; count++) await send(w, worker, again);

    expect((await w.eventTypes(id)).filter((type) => type === "worker_event:warm")).toHaveLength(1);
  });

  test("of who does not run the task, or not any more, is refused, and so is the thousand and first", async () => {
    const { w, worker, id } = await begin();
    const other = new StreamWorker(w, "other");
    other.got.push(worker.last);
    expect(await send(w, other, { event_type: "preview_ready" })).toMatchObject({
      status: "error",
      code: "STALE_TASK",
    });
    for (let count = 0; count < WORKER_EVENTS_MAX; count++) await send(w, worker, { event_type: "warm" });
    expect(await send(w, worker, { event_type: "warm" })).toMatchObject({ status: "error", code: "TOO_MANY_EVENTS" });
    expect(await w.status(id)).toBe("waiting_for_worker");
    await worker.answer();

    expect(await send(w, worker, { event_type: "warm" })).toMatchObject({ status: "error", code: "STALE_TASK" });
    const nowhere = { event_type: "warm", target_job_id: "none" };
    expect(await send(w, worker, nowhere)).toMatchObject({ status: "error", code: "JOB_NOT_FOUND" });
  });

  test("of a further attempt is one of a task of its own, whatever the attempt before had sent", async () => {
    const { w, worker } = await begin();
    for (let count = 0; count < WORKER_EVENTS_MAX; count++) await send(w, worker, { event_type: "warm" });
    await worker.answer({ status: "failure", error: { code: "TRANSIENT_ERROR", message: "out of memory" } });
    await w.pass(60_000, 5_000);
    expect(worker.last).toMatchObject({ attempt: 2 });

    expect(await send(w, worker, { event_type: "warm" })).toEqual(accepted);
  });

  test("puts the hand-out of its task on disk with it, once", async () => {
    const { w, worker, id } = await begin();
    expect((await w.view(id)).job.task?.delivery).toBeUndefined();

    await send(w, worker, { event_type: "warm" });
    expect((await w.view(id)).job.task?.delivery).toMatchObject({ taskId: worker.last.task_id, workerId: "w" });

    await w.pass(500);
    expect((await w.eventTypes(id)).filter((type) => type === "task_dispatched")).toHaveLength(1);
  });

  test("that is no event is told from one", () => {
    for (const body of [
      {},
      { event_type: "progress", target_job_id: "j" },
      { event_type: "x".repeat(101), target_job_id: "j" },
      { event_type: "warm" },
      { event_type: "warm", target_job_id: "j", payload: [1] },
    ]) {
      expect(readWorkerEvent(body)).toBeUndefined();
    }
  });
});

describe("an event that comes again", () => {
  const clip = (n: number) => ({ event_id: `clip-${n}`, event_type: "clip", payload: { n } });

  test("counts once, however much came from the same task and from clients in between", async () => {
    const { w, worker, id } = await begin();
    for (let n = 0; n < 60; n++) expect(await send(w, worker, clip(n))).toEqual(accepted);
    for (let n = 0; n < 60; n++) expect(await send(w, worker, clip(n))).toEqual(accepted);

    const told = (await w.history(id)).filter(({ event_type: type }) => type === "worker_event:clip");
    expect(told.map((event) => event.context_snapshot["worker_event"])).toEqual(
      Array.from({ length: 60 }, (_, n) => ({ n })),
    );
  });

  test("pushes out nothing of what clients may send again", async () => {
    const { w, worker, id } = await begin();
    const go = { event: "go", data: '{"n":1}' };
    await w.done(w.engine.jobs.event(undefined, id, go, "key"));
    for (let n = 0; n < 60; n++) await send(w, worker, clip(n));
    await w.done(w.engine.jobs.event(undefined, id, go, "key"));

    expect((await w.view(id)).job.early).toHaveLength(1);
  });
});

describe("a worker that declares schemas of what it sends", () => {
  const url = { type: "object", required: ["url"], properties: { url: { type: "string" } } };
  const record = { supported_skills: [{ name: "t", events_schema: { preview_ready: url }, output_schema: url }] };
  const bad = { event_type: "preview_ready", payload: { url: 7 } };

  test("is refused an event that does not fit, and the job stays where it is", async () => {
    const { w, worker, id } = await begin({}, { record });
    const answer = await send(w, worker, bad);

    expect(answer).toMatchObject({ status: "error", code: "CONTRACT_VIOLATION_ERROR" });
    expect(answer).toMatchObject({ message: expect.stringContaining('events_schema of "preview_ready"') });
    expect(await w.status(id)).toBe("waiting_for_worker");
    expect(await w.eventTypes(id)).not.toContain("worker_event:preview_ready");
    expect(w.engine.workers.list()[0]?.["reputation"]).toBe(1);
    expect(await send(w, worker, { ...bad, payload: { url: "s3://x" } })).toEqual(accepted);
  });

  test("is held to it as well where the event does not say of which task it is", async () => {
    const { w, worker } = await begin({}, { record });
    const { target_task_id: _, ...event } = { target_task_id: "", target_job_id: worker.last.job_id, ...bad };
    const read = readWorkerEvent(event);
    if (!read) throw new Error("this is no event");

    expect(await w.done(w.engine.workers.event("w", read))).toMatchObject({ code: "CONTRACT_VIOLATION_ERROR" });
  });

  test("has it taken with a warning where the server is not strict", async () => {
    const { w, worker, id } = await begin({}, { record, isStrictOnEvents: false });
    expect(await send(w, worker, bad)).toEqual(accepted);
    await w.time.settle();

    expect(await w.status(id)).toBe("finished");
    expect(w.warnings().join()).toContain('events_schema of "preview_ready" does not take: payload/url');
  });

  test("has a success that does not fit counted as a broken contract", async () => {
    const { w, worker, id } = await begin({}, { record });
    expect(await worker.answer({ data: { url: 7 } })).toEqual({ status: "result_accepted_failure" });

    expect((await w.view(id)).job).toMatchObject({ state: "failed", error: { code: "CONTRACT_VIOLATION_ERROR" } });
    expect(w.engine.workers.list()[0]?.["reputation"]).toBe(0.8);
  });
});
