import { afterEach, describe, expect, test } from "bun:test";
import { Blueprint } from "../../src/blueprint/index.ts";
import { oneTask } from "../support/blueprints.ts";
import { World, type WorldOptions } from "../support/engine.ts";
import { StreamWorker, transient } from "../support/worker.ts";

let world: World | undefined;
async function start(options: WorldOptions): Promise<World> {
  world = await World.start(options);
  return world;
}
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

/** Two steps, one task each. */
function twoTasks(name: string): Blueprint {
  const blueprint = new Blueprint({ name });
  blueprint.handlerFor("start", { isStart: true }, (_context, actions) =>
    actions.dispatchTask({ taskType: "t", params: {}, transitions: { success: "second", failure: "failed" } }),
  );
  blueprint.handlerFor("second", (_context, actions) =>
    actions.dispatchTask({ taskType: "t", params: {}, transitions: { success: "done", failure: "failed" } }),
  );
  blueprint.handlerFor("done", { isEnd: true }, () => undefined);
  blueprint.handlerFor("failed", { isEnd: true }, () => undefined);
  return blueprint;
}

describe("progress", () => {
  test("of a step that is over changes nothing", async () => {
    const w = await start({ blueprints: [twoTasks("two")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("two");
    const first = worker.last;
    await worker.answer();
    expect(worker.got).toHaveLength(2);

    w.engine.workers.progress("w", { jobId: id, taskId: first.task_id, progress: 0.5 });
    await w.pass(3_000, 500);

    expect((await w.view(id)).job.progress).toBeUndefined();
  });

  test("of a hand-out that was replaced changes nothing", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w", { concurrency: 1 }).connect();
    const id = await w.create("simple");
    const first = worker.last;
    await w.done(w.engine.workers.drain("w"));
    await worker.release();
    const other = await new StreamWorker(w, "other").connect();
    expect(other.got).toHaveLength(1);

    w.engine.workers.progress("w", { jobId: id, taskId: first.task_id, progress: 0.5 });
    await w.pass(3_000, 500);

    expect((await w.view(id)).job.progress).toBeUndefined();
  });

  test("is written once a second, and the newest hundred are kept", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await w.pass(1_000);
    const before = w.disk.unitsOf(id).length;

    for (let count = 1; count <= 300; count++) {
      w.engine.workers.progress("w", { jobId: id, taskId: worker.last.task_id, progress: count / 300 });
      await w.pass(10, 10);
    }
    await w.pass(1_500);

    expect(w.disk.unitsOf(id).length - before).toBeLessThanOrEqual(4);
    const updates = (await w.stateHistory(id))["progress_updates"] as { progress: number }[];
    expect(updates).toHaveLength(100);
    expect(updates.at(-1)?.progress).toBe(1);
    expect((await w.view(id)).job.progress).toBe(1);
  });

  test("comes before the end in the history, however late it was written", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    w.engine.workers.progress("w", { jobId: id, taskId: worker.last.task_id, progress: 0.5 });
    await w.time.settle();

    await worker.answer({ status: "no such word" });

    const events = await w.history(id);
    expect(events.map((event) => event.event_type).slice(-2)).toEqual(["task_finished", "job_failed"]);
    expect(events.at(-1)?.context_snapshot["status"]).toBe("failed");
    expect(events.find((event) => event.event_type === "progress")?.state).toBe("start");
  });
});

describe("a task that many runs are allowed for", () => {
  test("counts the results of runs past the 255th too", async () => {
    const retry = { maxAttempts: 300, backoffSeconds: 0.001, maxBackoffSeconds: 0.001 };
    const w = await start({ blueprints: [oneTask("simple", { retry })] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    for (let attempt = 1; attempt < 258; attempt++) {
      expect(await worker.answer(transient)).toEqual({ status: "result_accepted_failure" });
      await w.pass(10, 5);
      expect(worker.got).toHaveLength(attempt + 1);
    }

    expect(await worker.answer()).toEqual({ status: "result_accepted_success" });
    expect(await w.status(id)).toBe("finished");
  });
});
