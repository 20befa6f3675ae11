import { describe, expect, test } from "bun:test";
import { isDeclaredWorker, mergeDefinitions, WORKER } from "../../worker/definition.ts";
import { Worker } from "../../worker/index.ts";

const nothing = () => undefined;

describe("options of a worker", () => {
  test.each([
    ["concurrency", "did you mean maxConcurrentTasks?"],
    ["workerTyp", "did you mean workerType?"],
    ["colour", "There are: workerType, maxConcurrentTasks"],
  ])("%s is refused: %s", (name, advice) => {
    expect(() => new Worker({ [name]: 1 })).toThrow(advice);
  });
});

describe("declaring a worker", () => {
  test("a second task of the same name is refused by its name", () => {
    const worker = new Worker().task("paint", nothing);

    expect(() => worker.task("paint", { type: "gpu" }, nothing)).toThrow('The task "paint" is declared twice');
  });

  test("a task may name its limit", () => {
    const { tasks } = new Worker().task("paint", { type: "gpu" }, nothing).task("draw", nothing)[WORKER];

    expect(tasks.get("paint")?.limit).toBe("gpu");
    expect(tasks.get("draw")?.limit).toBeUndefined();
  });

  test("progress and cancellation need a worker that runs", () => {
    const worker = new Worker();

    expect(worker.sendProgress({ taskId: "t", jobId: "j", progress: 1 })).rejects.toThrow("does not run yet");
    expect(worker.checkForCancellation("t")).rejects.toThrow("does not run yet");
  });

  test("a task that comes after the start is refused", () => {
    const worker = new Worker();
    worker[WORKER].attach({
      sendProgress: async () => undefined,
      sendEvent: async () => undefined,
      isCancelled: async () => false,
    });

    expect(() => worker.task("late", nothing)).toThrow('declare the task "late" before run()');
  });

  test("a worker of another copy of the module is known by its mark", () => {
    const foreign = { [Symbol.for("orchestrator.worker")]: new Worker()[WORKER] };

    expect(isDeclaredWorker(foreign)).toBe(true);
    expect(isDeclaredWorker({ tasks: new Map() })).toBe(false);
  });
});

describe("several files as one worker", () => {
  const named = (file: string, worker: Worker) => ({ file, definition: worker[WORKER] });

  test("the larger capacity and the smaller limit count", () => {
    const { options } = mergeDefinitions([
      named("a.ts", new Worker({ maxConcurrentTasks: 2, taskTypeLimits: { gpu: 3, cpu: 1 } })),
      named("b.ts", new Worker({ maxConcurrentTasks: 5, taskTypeLimits: { gpu: 1 } })),
    ]);

    expect(options).toEqual({ maxConcurrentTasks: 5, taskTypeLimits: { gpu: 1, cpu: 1 } });
  });

  test("where files do not agree on what there is one of, the first counts and a warning names the other", () => {
    const { options, warnings } = mergeDefinitions([
      named("a.ts", new Worker({ workerType: "cpu", installedModels: ["x"], resources: { zone: "a" } })),
      named(
        "b.ts",
        new Worker({
          workerType: "gpu",
          costPerSecond: 2,
          installedModels: ["y"],
          resources: { zone: "b", ssd: true },
        }),
      ),
    ]);

    expect(options).toEqual({
      workerType: "cpu",
      costPerSecond: 2,
      installedModels: ["x", "y"],
      resources: { zone: "a", ssd: true },
    });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("b.ts");
  });
});
