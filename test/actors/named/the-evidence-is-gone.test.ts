/** bullmq #3286: when the failure's handler ran, nothing was left of what had failed. */
import { describe, expect, test } from "bun:test";
import { Blueprint } from "../../../src/blueprint/index.ts";
import type { JobState } from "../../../src/blueprint/sdk.ts";
import { jobStateText } from "../../../src/job/state-text.ts";
import { jobText } from "../../../src/http/views.ts";
import { oneTask, type TaskSettings } from "../../support/blueprints.ts";
import type { World } from "../../support/engine.ts";
import { permanent, StreamWorker, transient } from "../../support/worker.ts";
import { startOnFile } from "./stage.ts";

const retry = { maxAttempts: 2, backoffSeconds: 1, maxBackoffSeconds: 1 };
const ERROR = { code: "PERMANENT_ERROR", message: "Task failed with permanent error: never" };
const INPUT = { order: 7, items: ["a", { b: null }] };

/** Its handlers for failures write down all that they are given, and take a way of their own. */
function compensating(task: TaskSettings = {}): Blueprint {
  const blueprint = new Blueprint({ name: "pay" });
  blueprint.handlerFor("start", { isStart: true }, ({ initialData }, actions) =>
    actions.dispatchTask({
      taskType: "t",
      params: { ...initialData, currency: "EUR" },
      transitions: { success: "done", failure: "undo", cancelled: "undo" },
      ...task,
    }),
  );
  blueprint.handlerFor("undo", async ({ storage, stateHistory, jobId, error }, actions) => {
    const state = await storage.getJobState(jobId);
    stateHistory["seen"] = state?.failedTask ?? null;
    stateHistory["why"] = error ?? null;
    actions.dispatchTask({ taskType: "refund", params: {}, transitions: { success: "done", failure: "stuck" } });
  });
  for (const state of ["done", "stuck"]) blueprint.handlerFor(state, { isEnd: true }, () => undefined);
  return blueprint;
}

async function report(world: World, worker: StreamWorker, progress: number, message: string): Promise<void> {
  const { job_id: jobId, task_id: taskId } = worker.last;
  world.engine.workers.progress(worker.id, { jobId, taskId, progress, message });
  await world.time.settle();
}

const seen = async (world: World, id: string) => (await world.stateHistory(id))["seen"];
const read = async (world: World, id: string) =>
  JSON.parse(jobText(await world.view(id))) as Record<string, unknown> & { failed_task?: object };

describe("the evidence is gone when the failure handler runs", () => {
  test("it is not: params, worker, attempts, the error and the last progress are there, written a moment before or not", async () => {
    for (const writtenMs of [0, 3_000]) {
      const world = await startOnFile({ blueprints: [compensating()] });
      const worker = await new StreamWorker(world, "w").connect();
      const id = await world.create("pay", INPUT);
      await report(world, worker, 0.25, "a quarter");
      await report(world, worker, 0.75, "nearly");
      await world.pass(writtenMs, 500);
      const { task_id: taskId } = worker.last;
      await worker.answer(permanent);

      expect(await seen(world, id)).toEqual({
        type: "t",
        params: { ...INPUT, currency: "EUR" },
        taskId,
        workerId: "w",
        attempts: 1,
        error: ERROR,
        progress: 0.75,
        progressMessage: "nearly",
      });
      expect((await world.stateHistory(id))["why"]).toEqual(ERROR);
    }
  });

  test("over attempts and restarts: the progress of an earlier one, the worker of the last", async () => {
    const world = await startOnFile({ blueprints: [compensating({ retry })] });
    const first = await new StreamWorker(world, "first", { tasks: ["t"] }).connect();
    const id = await world.create("pay", INPUT);
    await report(world, first, 0.5, "half");
    await first.answer(transient);
    await first.kill();
    await world.restart();
    const second = await new StreamWorker(world, "second", { tasks: ["t"] }).connect();
    await world.pass(3_000, 100);
    const { task_id: taskId } = second.last;
    await second.answer(transient);

    expect(await seen(world, id)).toMatchObject({
      taskId,
      workerId: "second",
      attempts: 2,
      progress: 0.5,
      error: { code: "TRANSIENT_ERROR" },
    });
  });

  test("of a worker that was lost, and of one that nobody took again", async () => {
    const world = await startOnFile({ blueprints: [compensating({ retry, dispatchTimeoutSeconds: 60 })] });
    const lost = await new StreamWorker(world, "lost").connect();
    const id = await world.create("pay", INPUT);
    await lost.kill();
    await world.pass(90_000, 1_000);

    expect(await seen(world, id)).toMatchObject({ workerId: "lost", attempts: 1, error: { code: "DISPATCH_TIMEOUT" } });
    expect(await seen(world, id)).not.toHaveProperty("taskId");
  });

  test("of a task that was cancelled", async () => {
    const world = await startOnFile({ blueprints: [compensating()] });
    const worker = await new StreamWorker(world, "w").connect();
    const id = await world.create("pay", INPUT);
    await report(world, worker, 0.5, "half");
    await world.done(world.engine.jobs.cancel(undefined, id));
    await worker.answer({ status: "cancelled" });

    expect(await seen(world, id)).toMatchObject({ workerId: "w", progress: 0.5, error: { code: "CANCELLED" } });
  });

  test("of a branch that sends its job to the failure state: its own, not another's", async () => {
    const blueprint = new Blueprint({ name: "fan" });
    blueprint.handlerFor("start", { isStart: true }, (_context, actions) =>
      actions.dispatchParallel({
        tasks: [0, 1, 2].map((part) => ({ taskType: "t", params: { part }, transitions: { failure: "failed" } })),
        aggregateInto: "collect",
      }),
    );
    blueprint.aggregatorFor("collect", (_context, actions) => actions.transitionTo("failed"));
    blueprint.handlerFor("failed", { isEnd: true }, () => undefined);
    const world = await startOnFile({ blueprints: [blueprint] });
    const worker = await new StreamWorker(world, "w").connect();
    const id = await world.create("fan");
    const bad = worker.got.find(({ params }) => params["part"] === 1);
    for (const task of worker.got) {
      const progress = task === bad ? 0.1 : 0.9;
      world.engine.workers.progress("w", { jobId: id, taskId: task.task_id, progress });
    }
    await world.pass(2_000, 500);
    await worker.answer(permanent, bad);

    expect((await read(world, id)).failed_task).toMatchObject({ params: { part: 1 }, progress: 0.1, attempts: 1 });
  });

  test("whoever reads the job has it until the job goes on, and for as long as it has not ended well", async () => {
    const world = await startOnFile({ blueprints: [compensating(), oneTask("plain")] });
    const worker = await new StreamWorker(world, "w").connect();
    const plain = await world.create("plain", INPUT);
    await worker.answer(permanent);
    const id = await world.create("pay", INPUT);
    await worker.answer(permanent);
    await world.restart();

    expect(await read(world, plain)).toMatchObject({
      status: "quarantined",
      failed_task: { type: "t", params: INPUT, worker_id: "w", attempts: 1, progress: null, error: ERROR },
    });
    const { job } = await world.view(plain);
    expect((JSON.parse(jobStateText(job)) as JobState).failedTask?.params).toEqual(INPUT);
    // That one waits for its refund.
    expect(await read(world, id)).toMatchObject({ status: "waiting_for_worker" });
    expect((await read(world, id)).failed_task).toBeUndefined();

    await world.done(world.engine.jobs.retry(undefined, plain));
    await world.time.settle();
    expect((await read(world, plain)).failed_task).toBeUndefined();
  });
});
