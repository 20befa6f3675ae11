/** What a worker file may be written with, all of it in use: a name that goes, or means something else, does not compile. */
import { expect, test } from "bun:test";
import {
  EventRefused,
  InvalidInputError,
  type Json,
  type JsonObject,
  type Logger,
  PermanentError,
  runTask,
  type TaskContext,
  type TaskHandler,
  type TaskResult,
  TransientError,
  Type,
  Worker,
  type WorkerFiles,
  type WorkerOptions,
} from "orchestrator/worker";

const options: WorkerOptions = {
  workerType: "surface",
  maxConcurrentTasks: 2,
  taskTypeLimits: { gpu: 1 },
  costPerSecond: 0.5,
  resources: { cpuCores: 4, gpu: { model: "T4", vramGb: 16 }, zone: undefined },
  installedModels: ["a", { name: "b", version: "1" }],
  skillDependencies: { all: ["a"] },
};

const all: TaskHandler = async (params, task: TaskContext): Promise<TaskResult> => {
  const { taskId, jobId, priority, attempt, signal, log, files, lastCheckpoint } = task;
  const facts: readonly [string, string, number, number, AbortSignal] = [taskId, jobId, priority, attempt, signal];
  const logger: Logger = log;
  for (const level of ["debug", "info", "warn", "error"] as const) logger[level]("said", { level });
  await task.sendProgress(0.5);
  await task.sendProgress(50, "half");
  await task.sendEvent("half_way");
  await task.sendEvent("half_way", { at: 50 });
  const kept: Json | undefined = lastCheckpoint;
  await task.checkpoint({ page: 2 });
  task.addToHotCache("a");
  task.removeFromHotCache("a");
  const folder: WorkerFiles = files;
  const path: string = await folder.write("note.txt", "text");
  const bytes: Uint8Array = await folder.read("note.txt");
  await worker.sendProgress({ taskId, jobId, progress: 1, message: "done" });
  await worker.sendEvent({ taskId, jobId, name: "done", payload: { by: "worker" } });
  const isStopped: boolean = (await task.isCancelled()) || (await worker.checkForCancellation(taskId));
  const data = {
    isStopped,
    path: path === folder.pathTo("note.txt"),
    bytes: bytes.length,
    kept,
    params,
    n: facts.length,
  };
  return { status: "success", data };
};

const worker: Worker = new Worker(options)
  .task("all", all)
  .task("limited", { type: "gpu" }, () => undefined)
  .task("declared", { params: Type.Object({ n: Type.Number() }), output: Type.Object({}) }, ({ n }): JsonObject => ({
    n,
  }))
  .task("fails", ({ how }) => {
    if (how === "transient") throw new TransientError("later");
    if (how === "permanent") throw new PermanentError("never");
    throw new InvalidInputError("not this");
  });

test("all that a task may do is there, and does something", async () => {
  const { result, events, progress, checkpoints } = await runTask(worker, "all", { a: 1 }, { lastCheckpoint: 1 });
  expect(result.data?.["params"].a).toBe(1);
  expect(result).toEqual({
    status: "success",
    data: { isStopped: false, path: true, bytes: 4, kept: 1, params: { a: 1 }, n: 5 },
  });
  expect(events.map(({ name }) => name)).toEqual(["half_way", "half_way", "done"]);
  expect([progress.length, checkpoints]).toEqual([3, [{ page: 2 }]]);
});

test.each([
  ["transient", "TRANSIENT_ERROR"],
  ["permanent", "PERMANENT_ERROR"],
  ["otherwise", "INVALID_INPUT_ERROR"],
])("what a task throws is its code: %s", async (how, code) => {
  expect((await runTask(worker, "fails", { how })).result.error).toMatchObject({ code });
  expect(new EventRefused("CODE", "why")).toBeInstanceOf(Error);
});
