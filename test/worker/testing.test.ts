import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { PermanentError, runTask, type Sent, Type, Worker } from "../../worker/index.ts";

const worker: Worker = new Worker({ skillDependencies: { train: ["resnet"] } })
  .task("train", async ({ epochs = 4 }: { epochs?: number }, task) => {
    const first = Number(task.lastCheckpoint ?? 0);
    for (let epoch = first; epoch < epochs; epoch++) {
      if (await task.isCancelled()) return { status: "cancelled", data: { epoch } };
      await task.checkpoint(epoch + 1);
      await task.sendProgress((epoch + 1) / epochs, `epoch ${epoch + 1}`);
    }
    task.addToHotCache("resnet");
    task.log.info("trained", { epochs });
    return { model: await task.files.write("out/model.bin", "weights") };
  })
  .task("resize", { params: Type.Object({ width: Type.Integer({ minimum: 1 }) }) }, ({ width }) => ({ width }))
  .task(
    "film",
    { output: Type.Object({ url: Type.String() }), events: { preview: Type.Object({ at: Type.Number() }) } },
    async ({ at, url, name = "preview" }, task) => {
      await task.sendEvent(name, { at });
      return { url };
    },
  )
  .task("report", async (_, { taskId, jobId }) => {
    await worker.sendProgress({ taskId, jobId, progress: 50 });
    return { stopped: await worker.checkForCancellation(taskId) };
  });

describe("running a task in a test", () => {
  test("shows what was sent, what was returned, what was written and what was logged", async () => {
    const run = await runTask(worker, "train", { epochs: 2 });

    expect(run.result).toMatchObject({ status: "success", data: { model: expect.stringContaining("model.bin") } });
    expect(run.progress).toEqual([
      { progress: 0.5, message: "epoch 1" },
      { progress: 1, message: "epoch 2" },
    ]);
    expect(run.checkpoints).toEqual([1, 2]);
    expect([...run.files].map(([name, bytes]) => [name, new TextDecoder().decode(bytes)])).toEqual([
      ["out/model.bin", "weights"],
    ]);
    expect(run.log.map(({ message }) => message)).toEqual(["trained"]);
    expect(run.hotCache).toEqual(["resnet"]);
    expect(existsSync(String(run.result.data?.["model"]))).toBe(false);
  });

  test("a later attempt goes on where the one before was", async () => {
    const run = await runTask(worker, "train", { epochs: 4 }, { attempt: 2, lastCheckpoint: 3 });

    expect(run.checkpoints).toEqual([4]);
  });

  test("it can be cancelled by what it has sent, and sees that as it would from a server", async () => {
    const stopWhen = ({ progress }: Sent) => progress.length === 2;
    const run = await runTask(worker, "train", { epochs: 100 }, { stopWhen });

    expect(run.result).toEqual({ status: "cancelled", data: { epoch: 2 } });
    expect(run.questions).toBe(2);
  });

  test.each(["cancelled", "timeout", "shutdown"] as const)(
    "a handler that says nothing is stopped by its signal: %s",
    async (stopCause) => {
      const names: string[] = [];
      const run = await runTask(
        (_, { signal }) =>
          new Promise<never>((_resolve, reject) => {
            signal.addEventListener("abort", () => {
              names.push(String(signal.reason?.name));
              reject(signal.reason);
            });
          }),
        {},
        { stopAfterMs: 1, stopCause },
      );

      expect(run.result.status).toBe(stopCause === "cancelled" ? "cancelled" : "failure");
      expect(names).toEqual([stopCause === "timeout" ? "TimeoutError" : "AbortError"]);
    },
  );

  test("what the worker sends by itself, for the task, is seen as well", async () => {
    const run = await runTask(worker, "report", {}, { stopWhen: ({ questions }) => questions > 0 });

    expect(run.progress).toEqual([{ progress: 50 }]);
    expect(run.result.data).toEqual({ stopped: true });
  });

  test("events are seen as they were sent, and one can be refused", async () => {
    const run = await runTask(worker, "film", { at: 3, url: "s3://x" });
    expect(run.events).toEqual([{ name: "preview", payload: { at: 3 } }]);
    expect(run.result).toEqual({ status: "success", data: { url: "s3://x" } });

    const stopped = await runTask(worker, "film", { at: 3 }, { stopWhen: ({ events }) => events.length === 1 });
    expect(stopped.result.status).toBe("failure");
    const refused = await runTask(worker, "film", { at: 3 }, { refuseEvent: ({ name }) => `NO_${name}` });
    expect([refused.events, refused.result.error]).toMatchObject([[], { code: "PERMANENT_ERROR" }]);
  });

  test.each([
    ["an event that does not fit its schema", { at: "three", url: "s3://x" }, "payload/at expected"],
    ["an event that the task does not declare", { at: 3, name: "prevew" }, 'no event "prevew"; did you mean preview?'],
    ["a result that does not fit its schema", { at: 3, url: 7 }, "data/url expected string"],
  ])("%s breaks the task's own word", async (_, params, said) => {
    const { result } = await runTask(worker, "film", params);
    expect(result.error).toMatchObject({ code: "CONTRACT_VIOLATION_ERROR", message: expect.stringContaining(said) });
  });

  test("an error is the failure that a server would get", async () => {
    const run = await runTask(() => {
      throw new PermanentError("no such movie");
    });

    expect(run.result).toEqual({ status: "failure", error: { code: "PERMANENT_ERROR", message: "no such movie" } });
  });

  test("params that do not fit the task's schema are bad input, named by their paths, and the handler does not run", async () => {
    const run = await runTask(worker, "resize", { width: 0 });

    expect(run.result.error).toMatchObject({
      code: "INVALID_INPUT_ERROR",
      message: expect.stringContaining('The params do not fit the task "resize": /width expected'),
      details: [{ path: "/width" }],
    });
    expect((await runTask(worker, "resize", {})).result.error).toMatchObject({ code: "INVALID_INPUT_ERROR" });
    expect((await runTask(worker, "resize", { width: 5 })).result).toEqual({ status: "success", data: { width: 5 } });
  });

  test("a task that the worker does not have is named with the one that was meant", () => {
    expect(runTask(worker, "resise")).rejects.toThrow('no task "resise"; did you mean resize?');
  });
});

describe("options of a task", () => {
  test("one that nobody knows is refused by its name", () => {
    expect(() => new Worker().task("a", { limit: "gpu" } as object, () => undefined)).toThrow("did you mean type?");
  });

  test("a schema that cannot be used is refused when it is declared", () => {
    const bad = { type: "no such type" } as never;
    const declare = (options: object) => () => new Worker().task("a", options, () => undefined);
    expect(declare({ params: bad })).toThrow('params of the task "a" cannot be used');
    expect(declare({ output: bad })).toThrow('output of the task "a" cannot be used');
    expect(declare({ events: { ready: bad } })).toThrow('event "ready" of the task "a" cannot be used');
    expect(declare({ outputSchema: {} })).toThrow("did you mean output?");
  });
});
