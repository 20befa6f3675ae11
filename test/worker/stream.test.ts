import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PermanentError, Worker, type WorkerOptions } from "../../worker/index.ts";
import { type Body, FakeOrchestrator, type FakeOptions, type Frame } from "./support/fake-orchestrator.ts";
import { type RunningWorker, runWorker } from "./support/running.ts";
import { gate, Signal, within } from "./support/wait.ts";

const open: Array<{ stop(): Promise<void> }> = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.stop();
});

function orchestrator(options: FakeOptions = {}): FakeOrchestrator {
  const fake = new FakeOrchestrator(options).start();
  open.push(fake);
  return fake;
}

function run(worker: Worker, fake: FakeOrchestrator, environment: Record<string, string> = {}): RunningWorker {
  const running = runWorker(worker, fake, { transport: "ws", environment });
  open.push(running);
  return running;
}

const echo = (options: WorkerOptions = {}) => new Worker(options).task("echo", (params) => ({ echo: params.n }));

const runningIn = (hello: Frame) => (hello["running"] as Body[]).map((task) => task["task_id"]);

describe("a worker on the stream", () => {
  test("says what it is in its first frame", async () => {
    const fake = orchestrator();
    const worker = echo({ workerType: "gpu", maxConcurrentTasks: 3, taskTypeLimits: { big: 1 }, costPerSecond: 0.5 });
    worker.task("paint", { type: "big" }, () => undefined);
    run(worker, fake);

    const hello = await fake.frame("hello", ({ type }) => type === "hello");

    expect(fake.frames[0]).toBe(hello);
    expect(hello["running"]).toEqual([]);
    expect(hello["registration"]).toMatchObject({
      worker_id: "w1",
      worker_type: "gpu",
      supported_tasks: ["echo", "paint"],
      max_concurrent_tasks: 3,
      cost_per_second: 0.5,
      task_type_limits: { big: 1 },
      task_limits: { paint: "big" },
      capabilities: { websockets: true },
    });
  });

  test("runs a task and hands in its result", async () => {
    const fake = orchestrator();
    run(echo(), fake);
    await fake.connected();

    const id = fake.sendTask("echo", { n: 7 });

    expect(await fake.resultOf(id)).toEqual({
      type: "result",
      seq: 1,
      job_id: id.replace("task", "job"),
      task_id: id,
      status: "success",
      data: { echo: 7 },
    });
  });

  test("a handler cannot overwrite the frame's own fields", async () => {
    const fake = orchestrator();
    run(
      new Worker().task("odd", () => ({ status: "success", type: "drain", seq: 99, job_id: "x", data: {} })),
      fake,
    );
    await fake.connected();

    const id = fake.sendTask("odd");

    expect(await fake.resultOf(id)).toMatchObject({ type: "result", seq: 1, job_id: id.replace("task", "job") });
  });

  test("results of tasks that came together go back together", async () => {
    const fake = orchestrator();
    run(echo({ maxConcurrentTasks: 500 }), fake);
    await fake.connected();
    const tasks = Array.from({ length: 500 }, (_, n) => fake.makeTask("echo", { n }));

    fake.send(...tasks.map((task) => ({ type: "task", task })));
    await fake.signal.until("all results", () => fake.frames.filter(({ type }) => type === "result").length === 500);

    expect(Math.max(...fake.batches)).toBeGreaterThanOrEqual(500);
    expect(fake.frames.filter(({ type }) => type === "result").map((frame) => frame["seq"])).toEqual(
      tasks.map((_, index) => index + 1),
    );
  });

  test("connects again after a break and sends what was not acknowledged, in order and with the same numbers", async () => {
    const fake = orchestrator();
    fake.answer = () => undefined;
    run(echo(), fake);
    await fake.connected();
    const ids = [1, 2, 3].map((n) => fake.sendTask("echo", { n }));
    await fake.resultOf(ids[2] ?? "");

    fake.answer = () => ({ status: "result_accepted_success" });
    const before = fake.frames.length;
    fake.breakStream();
    await fake.connected(2);
    await fake.signal.until("the results again", () => fake.frames.slice(before).filter(isResult).length === 3);

    const again = fake.frames.slice(before);
    const hello = again.find(({ type }) => type === "hello");
    expect(hello && runningIn(hello)).toEqual(ids);
    expect(hello?.["session"]).toBe(fake.frames[0]?.["session"]);
    expect(again.filter(isResult).map(({ seq, task_id }) => [seq, task_id])).toEqual(ids.map((id, n) => [n + 1, id]));
  });

  test("what was acknowledged is not sent again", async () => {
    const fake = orchestrator();
    run(echo(), fake);
    await fake.connected();
    await fake.resultOf(fake.sendTask("echo"));
    // The answer to the second shows that the first one's was read.
    const second = fake.sendTask("echo");
    fake.answer = () => undefined;
    await fake.resultOf(second);

    fake.breakStream();
    await fake.connected(2);
    await fake.signal.until("the second result again", () => fake.frames.filter(isResult).length >= 3);

    expect(fake.frames.filter(isResult).map(({ seq }) => seq)).toEqual([1, 2, 2]);
    fake.send({ type: "ack", seq: 2, status: "result_accepted_success" });
  });

  test("an ignored result is over; one to be tried again comes again", async () => {
    const fake = orchestrator();
    const answers = [
      { status: "retry", message: "the disk is full" },
      { status: "ignored", reason: "stale_task", message: "replaced" },
    ];
    fake.answer = () => answers.shift();
    const worker = run(echo(), fake);
    await fake.connected();

    fake.sendTask("echo");
    const line = await worker.line("ignored a result");

    expect(line.fields).toMatchObject({ reason: "stale_task", worker_id: "w1" });
    expect(fake.frames.filter(isResult).map(({ seq }) => seq)).toEqual([1, 1]);
    await worker.stop();
    expect(worker.lines.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("a result whose status leads nowhere is over, and the log says what the job makes of it", async () => {
    const fake = orchestrator();
    const message = "Worker returned unhandled status: succes, did the worker mean success?";
    fake.answer = () => ({ status: "result_accepted_failure", transition: "unhandled_status_failure", message });
    const worker = run(echo(), fake);
    await fake.connected();

    fake.sendTask("echo");

    expect((await worker.line("a result failed its job")).fields).toMatchObject({ reason: message });
  });

  test("a restart of the server is invisible: running tasks go on and end on the new one", async () => {
    const fake = orchestrator();
    const { open: finish, passed } = gate();
    run(
      new Worker().task("slow", () => passed.then(() => ({ ok: true }))),
      fake,
    );
    await fake.connected();
    const id = fake.sendTask("slow");
    await fake.frame("the task in a heartbeat", (frame) => `${frame["current_tasks"]}`.includes(id));

    await fake.stop();
    fake.start();
    await fake.connected(2);
    finish();

    expect(await fake.resultOf(id)).toMatchObject({ status: "success", data: { ok: true } });
    expect(runningIn(fake.frames.findLast(({ type }) => type === "hello") as Frame)).toEqual([id]);
  });

  test("tasks that are over for the server are aborted after a reconnect, the others go on", async () => {
    const fake = orchestrator();
    const stopped: string[] = [];
    const { open: finish, passed } = gate();
    const seen = new Signal();
    run(
      new Worker().task("slow", async (_, { signal, taskId }) => {
        signal.addEventListener("abort", () => (stopped.push(taskId), seen.raise()));
        await passed;
      }),
      fake,
    );
    await fake.connected();
    const [over, kept] = [fake.sendTask("slow"), fake.sendTask("slow")];
    await fake.frame("both tasks in a heartbeat", (frame) => `${frame["current_tasks"]}`.includes(kept));

    fake.welcomeCancelled = [over];
    fake.breakStream();
    await seen.until("the abort", () => stopped.length > 0);
    finish();
    await fake.resultOf(kept);

    expect(stopped).toEqual([over]);
  });

  test("a result that the server counts as over is forgotten", async () => {
    const fake = orchestrator();
    fake.answer = () => undefined;
    const worker = run(echo(), fake);
    await fake.connected();
    const id = fake.sendTask("echo");
    await fake.resultOf(id);

    fake.welcomeCancelled = [id];
    fake.breakStream();
    await fake.connected(2);
    await worker.stop();

    expect(fake.frames.filter(isResult)).toHaveLength(1);
  });

  test("a cancellation aborts the handler and ends as cancelled", async () => {
    const fake = orchestrator();
    const begun = new Signal();
    let task: { isCancelled(): Promise<boolean> } | undefined;
    const worker = new Worker().task("slow", (_, context) => {
      task = context;
      begun.raise();
      return new Promise((_resolve, reject) =>
        context.signal.addEventListener("abort", () => reject(context.signal.reason as Error)),
      );
    });
    run(worker, fake);
    await fake.connected();
    const id = fake.sendTask("slow");
    await begun.until("the handler", () => task);
    expect(await worker.checkForCancellation(id)).toBe(false);

    fake.send({ type: "cancel", job_id: "j", task_id: id });

    expect(await fake.resultOf(id)).toMatchObject({ status: "cancelled" });
    expect(await task?.isCancelled()).toBe(true);
  });

  test("progress and checkpoints go up as they were sent, before the result", async () => {
    const fake = orchestrator();
    const worker = new Worker().task(
      "long",
      async (params, { sendProgress, checkpoint, lastCheckpoint, taskId, jobId }) => {
        await sendProgress(0.25, "a quarter");
        await worker.sendProgress({ taskId, jobId, progress: 50 });
        await checkpoint({ page: params.page, before: lastCheckpoint ?? null });
      },
    );
    run(worker, fake);
    await fake.connected();

    const id = fake.sendTask("long", { page: 3 }, { last_checkpoint: { page: 2 } });
    await fake.resultOf(id);

    const job_id = id.replace("task", "job");
    expect(fake.frames.filter(({ task_id }) => task_id === id).slice(0, 3)).toEqual([
      { type: "progress", job_id, task_id: id, progress: 0.25, message: "a quarter" },
      { type: "progress", job_id, task_id: id, progress: 50 },
      { type: "checkpoint", job_id, task_id: id, value: { page: 3, before: { page: 2 } } },
    ]);
  });

  test("the newest checkpoint of a running task is sent again after a reconnect", async () => {
    const fake = orchestrator();
    const { open: finish, passed } = gate();
    run(
      new Worker().task("long", async (_, { checkpoint }) => (await checkpoint(1), await checkpoint(2), await passed)),
      fake,
    );
    await fake.connected();
    const id = fake.sendTask("long");
    await fake.frame("the second checkpoint", (frame) => frame["value"] === 2);

    fake.breakStream();
    await fake.connected(2);
    await fake.signal.until("the checkpoint again", () => fake.frames.filter(({ value }) => value === 2).length === 2);
    finish();
    await fake.resultOf(id);

    expect(fake.frames.filter(({ value }) => value === 1)).toHaveLength(1);
  });

  test("errors keep their codes on the way", async () => {
    const fake = orchestrator();
    run(
      new Worker().task("risky", () => {
        throw new PermanentError("never");
      }),
      fake,
    );
    await fake.connected();

    const [failed, unknown] = [fake.sendTask("risky"), fake.sendTask("unheard_of")];

    expect(await fake.resultOf(failed)).toMatchObject({
      status: "failure",
      error: { code: "PERMANENT_ERROR", message: "never" },
    });
    expect(await fake.resultOf(unknown)).toMatchObject({ error: { message: "Unsupported task: unheard_of" } });
  });

  test("a heartbeat follows a change of load and of the hot cache", async () => {
    const fake = orchestrator();
    const { open: finish, passed } = gate();
    const worker = new Worker({ maxConcurrentTasks: 1, skillDependencies: { paint: ["sd"] } });
    run(
      worker.task("paint", async (_, { addToHotCache }) => (addToHotCache("sd"), await passed)),
      fake,
    );
    await fake.connected();

    const id = fake.sendTask("paint");
    const full = await fake.frame("a heartbeat with the task", ({ type, load }) => type === "heartbeat" && load === 1);
    finish();
    const idle = await fake.frame(
      "an idle one",
      (frame) => `${frame["hot_skills"]}` === "paint" && frame["load"] === 0,
    );

    // The server counts the slots: it hands the next task out with its answer to a result.
    expect(full).toMatchObject({ status: "idle", current_tasks: [id], supported_tasks: ["paint"], hot_cache: ["sd"] });
    expect(idle).toMatchObject({ status: "idle", hot_cache: ["sd"] });
  });

  test("a task's folder is gone once the task has ended", async () => {
    const fake = orchestrator();
    const worker = run(
      new Worker().task("write", async (_, { files }) => {
        const path = await files.write("out.txt", "hello");
        return { path, text: Buffer.from(await files.read("out.txt")).toString() };
      }),
      fake,
    );
    await fake.connected();

    const result = await fake.resultOf(fake.sendTask("write"));

    const { path, text } = result["data"] as { path: string; text: string };
    expect(text).toBe("hello");
    expect(path.startsWith(worker.payloadFolder)).toBe(true);
    await within("the folder's end", gone(path));
  });

  test("works over the server's socket file, with no address and no token", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "worker-door-")), "orchestrator.sock");
    const fake = orchestrator({ unix: path });
    open.push(runWorker(echo(), fake, { socket: path, environment: { WORKER_TOKEN: "" } }));
    await fake.connected();

    expect(await fake.resultOf(fake.sendTask("echo", { n: 1 }))).toMatchObject({ data: { echo: 1 } });
  });

  test("a refused token ends the worker with what to check", async () => {
    const fake = orchestrator({ streamStatus: 401 });
    const worker = run(echo(), fake);

    const refusal = await worker.ended;

    expect(refusal).toMatchObject({ code: "UNAUTHORIZED", status: 401 });
    expect(refusal?.message).toContain("WORKER_TOKEN");
  });

  test("a worker id that the token does not belong to ends the worker", async () => {
    const fake = orchestrator();
    fake.refuseHello = "WORKER_MISMATCH";
    const worker = run(echo(), fake);

    const refusal = await worker.ended;

    expect(refusal).toMatchObject({ code: "UNAUTHORIZED", status: 403 });
    expect(refusal?.message).toContain("WORKER_MISMATCH");
  });

  test.each([404, 426])(
    "a server without a stream (%d) ends a worker that may use no other way",
    async (streamStatus) => {
      const worker = run(echo(), orchestrator({ streamStatus }));

      expect(await worker.ended).toMatchObject({ code: "TRANSPORT_NOT_SERVED" });
    },
  );

  test("a server error on connecting is tried again", async () => {
    const fake = orchestrator({ streamStatus: 503 });
    const worker = run(echo(), fake);

    const line = await worker.line("no connection to the orchestrator");
    await worker.stop();

    expect(line.fields).toMatchObject({ reason: "the orchestrator answered with status 503" });
    expect(line.fields).not.toHaveProperty("hint");
    expect(await worker.ended).toBeUndefined();
  });

  test("a result that the server closes the connection for fails its task, and the others stay whole", async () => {
    const fake = orchestrator();
    fake.messageCharsMax = 300_000;
    const worker = new Worker().task("big", ({ chars }) => ({ text: "x".repeat(chars) }));
    run(worker, fake);
    await fake.connected();

    const [big, small] = [fake.sendTask("big", { chars: 400_000 }), fake.sendTask("big", { chars: 10 })];

    expect(await fake.resultOf(big)).toMatchObject({ status: "failure", error: { code: "PERMANENT_ERROR" } });
    expect(await fake.resultOf(small)).toMatchObject({ status: "success" });
  });

  test("a checkpoint that is too large is refused where it is made", async () => {
    const fake = orchestrator();
    run(
      new Worker().task("long", (_, { checkpoint }) => checkpoint("x".repeat(1024 * 1024))),
      fake,
    );
    await fake.connected();

    const result = await fake.resultOf(fake.sendTask("long"));

    expect(result["error"]).toMatchObject({ message: expect.stringContaining("too large") });
  });

  test("a server that is not there yet is waited for", async () => {
    const fake = orchestrator();
    const { url } = fake;
    await fake.stop();
    const worker = run(echo(), fake, { ORCHESTRATOR_URL: url });
    const line = await worker.line("no connection to the orchestrator");
    expect(line.fields).toMatchObject({ hint: "is a server there? Check --url or ORCHESTRATOR_URL" });

    fake.start();
    await fake.connected();

    expect(await fake.resultOf(fake.sendTask("echo", { n: 1 }))).toMatchObject({ status: "success" });
  });

  test("what is no array of frames breaks the connection, not the worker", async () => {
    const fake = orchestrator();
    const worker = run(echo(), fake);
    await fake.connected();

    fake.send({ type: "task", task: { nonsense: true } }, { type: "something new" });
    await worker.line("without job_id");
    fake.sendRaw("{");
    await fake.connected(2);

    expect(await fake.resultOf(fake.sendTask("echo", { n: 1 }))).toMatchObject({ status: "success" });
  });
});

/** The folder is removed while the result is on its way: nobody tells when. */
async function gone(path: string): Promise<void> {
  while (await Bun.file(path).exists()) await new Promise((resolve) => setImmediate(resolve));
}

function isResult({ type }: Frame): boolean {
  return type === "result";
}
