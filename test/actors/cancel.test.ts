import { afterEach, describe, expect, test } from "bun:test";
import { Blueprint } from "../../src/blueprint/index.ts";
import { branches, oneTask } from "../support/blueprints.ts";
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

const cancel = (w: World, id: string) => w.done(w.engine.jobs.cancel(undefined, id));

describe("a cancel", () => {
  test("of a queued task withdraws it and follows the cancelled transition", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const id = await w.create("simple");

    await cancel(w, id);
    await w.time.settle();

    expect((await w.view(id)).job).toMatchObject({ status: "cancelled", state: "stopped" });
    expect(w.engine.queuedTasks).toBe(0);
  });

  test("of a running task tells its worker, and whatever it answers counts as cancelled", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");

    expect(await cancel(w, id)).toBe("cancellation_request_sent");
    expect(worker.cancels).toEqual([worker.last.task_id]);
    expect(await w.status(id)).toBe("waiting_for_worker");
    const answer = await worker.answer({ data: { out: 1 } });

    expect(answer).toEqual({ status: "result_accepted_cancelled" });
    expect((await w.view(id)).job).toMatchObject({ status: "cancelled", state: "stopped", stateHistory: "{}" });
  });

  test("ends as one though the job's deadline passes before its last handler has run", async () => {
    let breaks = true;
    const w = await start({
      blueprints: [oneTask("simple")],
      settings: { handlerBackoffMs: 20_000 },
      runner: (inline) => ({
        run(turn, signal) {
          if (turn.state !== "stopped" || !breaks) return inline.run(turn, signal);
          breaks = false;
          const error = { code: "HANDLER_THREAD_DIED", message: "gone" };
          return Promise.resolve({ steps: [], ending: { kind: "broke", state: turn.state, error, alone: false } });
        },
      }),
    });
    const id = await w.create("simple", {}, { deadlineSeconds: 5 });
    await cancel(w, id);
    await w.time.settle();
    expect(await w.status(id)).toBe("awaiting_retry");

    await w.pass(7_000, 500);

    expect((await w.view(id)).job).toMatchObject({ status: "cancelled", error: { code: "CANCELLED" } });
  });

  test("is not held up by a worker that never answers", async () => {
    const w = await start({ blueprints: [oneTask("simple")], settings: { cancelGraceMs: 10_000 } });
    await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await cancel(w, id);

    await w.pass(9_000, 500);
    expect(await w.status(id)).toBe("waiting_for_worker");
    await w.pass(2_000, 500);

    expect(await w.status(id)).toBe("cancelled");
  });

  test("ends the job after its grace even if the dispatch timeout comes before", async () => {
    const w = await start({ blueprints: [oneTask("simple", { dispatchTimeoutSeconds: 3 })] });
    await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    // The hand-out is not on disk yet, so that the wait has a dispatch timeout still.
    await cancel(w, id);

    await w.pass(12_000, 500);

    expect(await w.status(id)).toBe("cancelled");
  });

  test("counts more than a deadline that passes while the worker is asked to stop", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    await new StreamWorker(w, "w").connect();
    const id = await w.create("simple", {}, { deadlineSeconds: 5 });
    await w.pass(1_000, 500);
    await cancel(w, id);

    await w.pass(15_000, 500);

    expect((await w.view(id)).job).toMatchObject({ status: "cancelled", state: "stopped" });
  });

  test("a second one ends the job without a handler", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await cancel(w, id);

    await cancel(w, id);

    expect((await w.view(id)).job).toMatchObject({ status: "cancelled", state: "start" });
    expect(await w.refused(cancel(w, id))).toMatchObject({ code: "JOB_TERMINAL", status: 409 });
  });

  test("without a cancelled transition leaves the job where it is", async () => {
    const blueprint = new Blueprint({ name: "plain" });
    blueprint.handlerFor("start", { isStart: true }, (_context, actions) =>
      actions.dispatchTask({ taskType: "t", params: {}, transitions: { success: "finished" } }),
    );
    const w = await start({ blueprints: [blueprint] });
    const id = await w.create("plain");

    await cancel(w, id);
    await w.time.settle();

    expect((await w.view(id)).job).toMatchObject({ status: "cancelled", state: "start" });
  });

  test("in the pause before a retry ends it at once", async () => {
    const w = await start({ blueprints: [oneTask("simple", { retry: { backoffSeconds: 60 } })] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await worker.answer(transient);

    await cancel(w, id);
    await w.time.settle();
    await w.pass(120_000, 1_000);

    expect((await w.view(id)).job).toMatchObject({ status: "cancelled", state: "stopped" });
    expect(worker.got).toHaveLength(1);
  });

  test("while a retried task's hand-out is on its way to the disk does not wait for the grace", async () => {
    const retry = { backoffSeconds: 1, maxBackoffSeconds: 1 };
    const w = await start({ blueprints: [oneTask("simple", { retry })] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await worker.answer(transient);
    await w.pass(400, 100);
    w.disk.hold();
    await w.pass(1_000, 100);

    const cancelling = w.engine.jobs.cancel(undefined, id);
    await w.time.settle();
    w.disk.release();
    await w.done(cancelling);
    await w.pass(500, 100);

    expect(await w.status(id)).toBe("cancelled");
  });

  test("overtakes a handler that runs: what it did is dropped", async () => {
    const blueprint = new Blueprint({ name: "slow" });
    blueprint.handlerFor("start", { isStart: true }, async ({ stateHistory }, actions) => {
      stateHistory["seen"] = true;
      await new Promise<void>((resolve) => void w.time.after(5_000, resolve));
      actions.transitionTo("finished");
    });
    const w = await start({ blueprints: [blueprint] });
    const creating = w.engine.jobs.create({ id: "client", config: {} }, [{ blueprint: "slow", initialData: "{}" }]);
    await w.pass(100, 10);
    const [id = ""] = await w.done(creating);
    expect(await w.status(id)).toBe("pending");

    await cancel(w, id);
    await w.pass(10_000, 500);

    expect((await w.view(id)).job).toMatchObject({ status: "cancelled", state: "start", stateHistory: "{}" });
  });

  test("of branches stops the running and the queued ones", async () => {
    const w = await start({ blueprints: [branches("fan")] });
    const worker = await new StreamWorker(w, "w", { concurrency: 2 }).connect();
    const id = await w.create("fan", { count: 5 });
    expect(worker.got).toHaveLength(2);

    await cancel(w, id);
    await w.time.settle();

    expect(await w.status(id)).toBe("cancelled");
    expect(new Set(worker.cancels)).toEqual(new Set(worker.got.map((task) => task.task_id)));
    expect(w.engine.queuedTasks).toBe(0);
    expect(await worker.answer({}, worker.got[0])).toMatchObject({ status: "ignored", reason: "job_cancelled" });
  });

  test("is refused for a job that nobody knows, or that is another client's", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const id = await w.create("simple");

    expect(await w.refused(w.engine.jobs.cancel("somebody else", id))).toMatchObject({ code: "JOB_NOT_FOUND" });
    expect(await w.refused(w.engine.jobs.cancel(undefined, "no such job"))).toMatchObject({ code: "JOB_NOT_FOUND" });
    await w.time.settle();
  });
});
