/** `context.taskFiles` as a handler meets it. */
import { expect, test } from "bun:test";
import { Blueprint } from "../../src/blueprint/index.ts";
import type { FilesHost, TaskFiles } from "../../src/files/port.ts";
import { ManualTime, noJobs, runTurn } from "./turns.ts";

const texts: Pick<TaskFiles, "readText"> = { readText: async (name) => `text of ${name}` };

function hostWith(pending = 0) {
  const begun: string[] = [];
  const signals: AbortSignal[] = [];
  const files: FilesHost = {
    begin(jobId, signal) {
      begun.push(jobId);
      signals.push(signal());
      return { files: texts as TaskFiles, pending };
    },
  };
  return { host: { ...noJobs, files }, begun, signals };
}

test("is undefined where no store is set up, so that a handler can go another way", async () => {
  const flow = new Blueprint({ name: "flow" }).handlerFor("start", { isStart: true }, ({ taskFiles }, actions) =>
    actions.transitionTo(taskFiles ? "finished" : "failed", { errorMessage: "S3 is off" }),
  );
  expect((await runTurn(flow)).ending).toMatchObject({ kind: "ended", state: "failed" });
});

test("is the job's own, made once for a run and only for who asks", async () => {
  const { host, begun } = hostWith();
  const flow = new Blueprint({ name: "flow" })
    .handlerFor("start", { isStart: true }, async (context, actions) => {
      context.stateHistory["text"] = await context.taskFiles?.readText("a.txt");
      await context.taskFiles?.readText("b.txt");
      actions.transitionTo("finished");
    })
    .handlerFor("finished", { isEnd: true }, () => undefined);
  const reply = await runTurn(flow, { jobId: "job-7" }, { host });
  expect(reply.stateHistory).toBe('{"text":"text of a.txt"}');
  expect(begun).toEqual(["job-7"]);
});

test("a call that was not awaited fails the job by name: what it wrote might be lost", async () => {
  const { host } = hostWith(1);
  const flow = new Blueprint({ name: "flow" }).handlerFor("start", { isStart: true }, ({ taskFiles }, actions) => {
    void taskFiles?.readText("a.txt");
    actions.transitionTo("finished");
  });
  const { ending } = await runTurn(flow, {}, { host });
  expect(ending).toMatchObject({ kind: "invalid", error: { code: "TASK_FILES_NOT_AWAITED" } });
});

test("its calls end with the handler's time", async () => {
  const { host, signals } = hostWith();
  const time = new ManualTime();
  const flow = new Blueprint({ name: "flow" }).handlerFor("start", { isStart: true }, async ({ taskFiles }) => {
    await taskFiles?.readText("a.txt");
    await new Promise(() => undefined);
  });
  const turn = runTurn(flow, {}, { host, time });
  await time.armed;
  time.advance(30_000);
  expect((await turn).ending).toMatchObject({ kind: "broke", error: { code: "HANDLER_TIMEOUT" } });
  expect(signals.map((signal) => signal.aborted)).toEqual([true]);
});
