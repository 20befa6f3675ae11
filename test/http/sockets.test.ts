import { afterEach, describe, expect, test } from "bun:test";
import { createHttpServer, type HttpServer } from "../../src/http/server.ts";
import { DEFAULT_HTTP_SETTINGS, type HttpSettings } from "../../src/http/settings.ts";
import { Refusal } from "../../src/system/errors.ts";
import type { WorkerEventAnswer } from "../../src/protocol/worker-event.ts";
import { signed } from "../conformance/wire/exchange.ts";
import type { System } from "../../src/system/index.ts";
import { createLog, type LogLine } from "../../src/system/log.ts";
import { asWorker, createGate, quiet, until } from "./doors.ts";
import { createFake, type Fake, job, task } from "./fake-orchestrator.ts";
import { createFakeSchedules } from "./fake-schedules.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function serve(fake: Fake, over: Partial<HttpSettings> = {}, system: System = quiet): Promise<HttpServer> {
  const server = createHttpServer({
    orchestrator: fake.orchestrator,
    schedules: createFakeSchedules(),
    ...createGate(system),
    system,
    settings: { ...DEFAULT_HTTP_SETTINGS, port: 0, ...over },
  });
  await server.start();
  cleanups.push(() => server.stop());
  return server;
}

type Frame = Record<string, unknown>;

/** A worker's end of a socket: what came, message by message, and how it was closed. */
function connect(server: HttpServer, path: string, headers: Record<string, string> = asWorker) {
  const messages: unknown[] = [];
  const end: { code?: number; reason?: string } = {};
  const socket = new WebSocket(server.url.replace("http", "ws") + path, { headers });
  socket.addEventListener("message", ({ data }) => messages.push(JSON.parse(String(data))));
  socket.addEventListener("close", ({ code, reason }) => Object.assign(end, { code, reason }));
  cleanups.push(() => socket.terminate());
  const opened = new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error("not opened")));
  });
  return {
    opened,
    messages,
    end,
    send: (...frames: unknown[]) => socket.send(JSON.stringify(frames)),
    text: (text: string) => socket.send(text),
    close: () => socket.close(),
    frames: () => messages.flat() as Frame[],
    of: (type: string) => (messages.flat() as Frame[]).filter((frame) => frame["type"] === type),
  };
}

const hello = (over: object = {}) => ({
  type: "hello",
  session: "s1",
  registration: { worker_id: "w1", supported_tasks: ["echo"] },
  running: [],
  ...over,
});
const result = (seq: number, over: object = {}) => ({
  type: "result",
  seq,
  job_id: "j",
  task_id: `t${seq}`,
  status: "success",
  data: { seq },
  ...over,
});

async function welcomed(fake: Fake, over: Partial<HttpSettings> = {}, system: System = quiet) {
  const server = await serve(fake, over, system);
  const worker = connect(server, "/_worker/stream");
  await worker.opened;
  worker.send(hello());
  await until(() => worker.of("welcome").length === 1, "the welcome");
  return { server, worker, link: fake.told.links.at(-1)?.link };
}

describe("our stream", () => {
  test("without a token there is no socket", async () => {
    const server = await serve(createFake());
    expect(connect(server, "/_worker/stream", {}).opened).rejects.toThrow("not opened");
  });

  test("a hello is welcomed with what to end", async () => {
    const fake = createFake();
    fake.orchestrator.workers.connect = async (_, __, asked) => ({
      cancelled: asked?.running.map((one) => one.task_id) ?? [],
    });
    const server = await serve(fake);
    const worker = connect(server, "/_worker/stream");
    await worker.opened;
    worker.send(hello({ running: [{ job_id: "j", task_id: "old" }] }));
    await until(() => worker.messages.length > 0, "the welcome");
    expect(worker.frames()).toEqual([
      { type: "welcome", protocol: 1, worker_id: "w1", heartbeat_seconds: 15, cancelled: ["old"] },
    ]);
  });

  test("results of one message are acknowledged each after its own commit, together where they can be", async () => {
    const fake = createFake();
    const slow = Promise.withResolvers<void>();
    fake.answerResult = async ({ taskId }) => {
      if (taskId === "t1") await slow.promise;
      return { status: "result_accepted_success" };
    };
    const { worker } = await welcomed(fake);
    worker.send(result(1), result(2), result(3));
    await until(() => worker.of("ack").length === 2, "two acks");
    expect(worker.of("ack").map(({ seq }) => seq)).toEqual([2, 3]);
    expect(worker.messages).toHaveLength(2);
    slow.resolve();
    await until(() => worker.of("ack").length === 3, "the third");
    expect(fake.told.results[0]).toEqual({
      jobId: "j",
      taskId: "t1",
      workerId: "w1",
      status: "success",
      data: '{"seq":1}',
      raw: '{"status":"success","data":{"seq":1}}',
    });
  });

  test("a result that could not be stored is to be sent again, one of a lost job is not", async () => {
    const fake = createFake();
    fake.answerResult = ({ taskId }) =>
      Promise.reject(
        taskId === "t1" ? new Refusal("STORE_FULL", 503, "The disk is full.") : new Refusal("JOB_NOT_FOUND", 404, "x"),
      );
    const { worker } = await welcomed(fake);
    worker.send(result(1), result(2));
    await until(() => worker.of("ack").length === 2, "the acks");
    expect(worker.of("ack")).toMatchObject([
      { seq: 1, status: "retry", message: "The disk is full." },
      { seq: 2, status: "ignored", reason: "job_not_found" },
    ]);
  });

  test("an exception of ours does not reach the worker in words", async () => {
    const fake = createFake();
    fake.answerResult = () => Promise.reject(new Error("password=hunter2"));
    const { worker } = await welcomed(fake);
    worker.send(result(1));
    await until(() => worker.of("ack").length === 1, "the ack");
    expect(JSON.stringify(worker.of("ack"))).not.toContain("hunter2");
    expect(worker.of("ack")[0]).toMatchObject({ status: "retry" });
  });

  test("tasks and cancellations of one turn go in one message", async () => {
    const { worker, link } = await welcomed(createFake());
    expect(link?.task(JSON.stringify(task()))).toBe(true);
    expect(link?.task(JSON.stringify(task({ task_id: "task-2" })))).toBe(true);
    expect(link?.cancel("j", "t")).toBe(true);
    await until(() => worker.of("cancel").length === 1, "the frames");
    expect(worker.messages).toHaveLength(2);
    expect(worker.frames().slice(1)).toEqual([
      { type: "task", task: task() },
      { type: "task", task: task({ task_id: "task-2" }) },
      { type: "cancel", job_id: "j", task_id: "t" },
    ]);
  });

  test("frames that came with the hello wait for the welcome", async () => {
    const fake = createFake();
    const server = await serve(fake);
    const worker = connect(server, "/_worker/stream");
    await worker.opened;
    worker.send(hello(), result(1), { type: "progress", job_id: "j", task_id: "t", progress: 0.5 });
    await until(() => worker.of("ack").length === 1, "the ack");
    expect(worker.frames()[0]).toMatchObject({ type: "welcome" });
    expect(fake.told.progress).toEqual([{ workerId: "w1", jobId: "j", taskId: "t", progress: 0.5 }]);
  });

  test("the other frames reach the engine", async () => {
    const fake = createFake();
    fake.workers.set("w1", {});
    const { worker } = await welcomed(fake);
    worker.send(
      { type: "heartbeat", load: 1, current_tasks: ["t"] },
      { type: "checkpoint", job_id: "j", task_id: "t", value: { page: 7 } },
      { type: "release", task_ids: ["t5"] },
      { type: "drain" },
    );
    await until(() => fake.told.drained.length === 1, "the drain");
    expect(fake.told.heartbeats).toEqual([{ load: 1, current_tasks: ["t"] }]);
    expect(fake.told.checkpoints).toEqual([{ workerId: "w1", jobId: "j", taskId: "t", value: '{"page":7}' }]);
    expect(fake.told.released).toEqual(["t5"]);
  });

  test("a registration in it that is signed has to be signed well", async () => {
    const fake = createFake();
    const server = await serve(fake);
    const registration = (token: string) =>
      signed({ worker_id: "w1", supported_tasks: ["echo"] }, { token, signer: "w1" });
    const bad = connect(server, "/_worker/stream");
    await bad.opened;
    bad.send(hello({ registration: registration("another") }));
    await until(() => bad.end.code !== undefined, "the end");
    expect(bad.end).toEqual({ code: 1008, reason: "INVALID_SIGNATURE" });
    expect(bad.of("error")).toMatchObject([{ code: "INVALID_SIGNATURE" }]);
    expect(fake.told.links).toEqual([]);

    const good = connect(server, "/_worker/stream");
    await good.opened;
    good.send(hello({ registration: registration(asWorker["x-worker-token"]) }));
    await until(() => good.of("welcome").length === 1, "the welcome");
  });

  test("events reach the engine, and each is answered by its own id", async () => {
    const fake = createFake();
    const answers: Record<string, () => Promise<WorkerEventAnswer>> = {
      refused: async () => ({ status: "error", code: "STALE_TASK", message: "Drop it." }),
      full: () => Promise.reject(new Refusal("STORE_FULL", 503, "The disk is full.")),
      forbidden: () => Promise.reject(new Refusal("TOO_LARGE", 413, "It is too large.")),
      defect: () => Promise.reject(new Error("password=hunter2")),
    };
    fake.answerEvent = ({ name }) => answers[name]?.() ?? Promise.resolve({ status: "event_accepted" });
    const { worker } = await welcomed(fake);
    const frame = (name: string) => {
      return { type: "event", event_id: `of-${name}`, job_id: "j", task_id: "t", name, payload: { n: 1 } };
    };
    worker.send(...["ready", "refused", "full", "forbidden", "defect"].map(frame));
    worker.text('[{"type":"event","event_id":"odd","job_id":"j","task_id":"t","name":"ready","payload":{"n":1e999}}]');
    await until(() => worker.of("event_ack").length === 6, "the answers");

    expect(fake.told.workerEvents[0]).toEqual({
      workerId: "w1",
      jobId: "j",
      taskId: "t",
      name: "ready",
      payload: '{"n":1}',
      id: "of-ready",
    });
    const byId = new Map(
      worker
        .of("event_ack")
        .map(({ event_id: id, status, code, message }) => [id, JSON.parse(JSON.stringify({ status, code, message }))]),
    );
    expect(byId.get("of-ready")).toEqual({ status: "event_accepted" });
    expect(byId.get("of-refused")).toEqual({ status: "error", code: "STALE_TASK", message: "Drop it." });
    expect(byId.get("of-full")).toEqual({ status: "retry", message: "The disk is full." });
    expect(byId.get("of-forbidden")).toEqual({ status: "error", code: "TOO_LARGE", message: "It is too large." });
    expect(byId.get("of-defect")).toMatchObject({ status: "retry" });
    expect(JSON.stringify(worker.messages)).not.toContain("hunter2");
    expect(byId.get("odd")).toMatchObject({ status: "error", code: "NUMBER_TOO_LARGE" });
  });

  test.each([
    ["no id", { event_id: undefined }, "event_id"],
    ["a name that is progress", { name: "progress" }, "name"],
    ["a payload that is a list", { payload: [1] }, "payload"],
  ])("an event with %s is complained of", async (_, wrong, field) => {
    const { worker } = await welcomed(createFake());
    const frame = { type: "event", event_id: "e", job_id: "j", task_id: "t", name: "ready", payload: {}, ...wrong };
    worker.send(frame);
    await until(() => worker.of("error").length === 1, "the complaint");
    expect(worker.of("error")[0]).toMatchObject({ code: "BAD_FRAME", message: expect.stringContaining(`"${field}"`) });
  });

  test("what cannot be read is complained of, and the connection stays", async () => {
    const { worker } = await welcomed(createFake());
    worker.text("no json");
    worker.text('{"type":"drain"}');
    worker.send({ type: "dance" }, 5, { type: "result", job_id: "j", task_id: "t" }, hello(), result(9));
    await until(() => worker.of("ack").length === 1, "the good one");
    const codes = worker.of("error").map(({ code }) => code);
    expect(codes).toEqual(["INVALID_JSON", "BAD_MESSAGE", "BAD_FRAME", "BAD_FRAME", "BAD_FRAME", "HELLO_AGAIN"]);
    expect(worker.end.code).toBeUndefined();
  });

  test("one result that cannot be kept fails its own task and no other", async () => {
    const fake = createFake();
    const { worker } = await welcomed(fake);
    worker.send(result(1), result(2, { data: { text: "a\u0000b" } }), result(3));
    await until(() => worker.of("ack").length === 3, "the acks");
    expect(fake.told.results.map(({ status }) => status)).toEqual(["success", "failure", "success"]);
    expect(fake.told.results[1]?.error?.message).toContain("/data/text");
  });

  test("a frame before the hello is refused, a hello later is fine", async () => {
    const fake = createFake();
    const server = await serve(fake);
    const worker = connect(server, "/_worker/stream");
    await worker.opened;
    worker.send(result(1), hello());
    await until(() => worker.of("welcome").length === 1, "the welcome");
    expect(worker.of("error")).toMatchObject([{ code: "HELLO_FIRST" }]);
    expect(fake.told.results).toEqual([]);
  });

  test.each([
    ["a little over the limit", 1200, "MESSAGE_TOO_LARGE: at most 1000 bytes"],
    ["of 50 MB", 50_000_000, "MESSAGE_TOO_LARGE: at most 1000 bytes"],
    ["larger than the memory that it may take", 70_000_000, "Received too big message"],
  ])("a message %s closes it with the reason, and the log says whose it was", async (_, bytes, reason) => {
    const lines: LogLine[] = [];
    const system = { ...quiet, log: createLog((line) => lines.push(line)) };
    const { worker, server } = await welcomed(createFake(), { messageBytesMax: 1000 }, system);
    worker.text(" ".repeat(bytes));
    await until(() => worker.end.code !== undefined, "the end");
    expect(worker.end).toMatchObject({ code: 1009, reason: expect.stringContaining(reason) });
    await until(() => lines.length > 0, "the line in the log");
    expect(lines).toMatchObject([{ level: "warn", fields: { code: "MESSAGE_TOO_LARGE", worker: "w1" } }]);
    expect((await fetch(`${server.url}/_public/live`)).status).toBe(200);
  });

  test("a second connection of one session closes the first; another session does not", async () => {
    const fake = createFake();
    const { worker, server } = await welcomed(fake);
    const replica = connect(server, "/_worker/stream");
    await replica.opened;
    replica.send(hello({ session: "s2" }));
    await until(() => replica.of("welcome").length === 1, "the replica's welcome");
    expect(worker.end.code).toBeUndefined();
    const again = connect(server, "/_worker/stream");
    await again.opened;
    again.send(hello());
    await until(() => worker.end.code !== undefined, "the end of the first");
    expect(worker.end).toEqual({ code: 1008, reason: "New connection established" });
  });

  test("an end is told once, and nothing is sent after it", async () => {
    const fake = createFake();
    const { worker, link } = await welcomed(fake);
    worker.close();
    await until(() => fake.told.disconnected.length === 1, "the end");
    expect(link?.task(JSON.stringify(task()))).toBe(false);
    expect(link?.cancel("j", "t")).toBe(false);
  });

  test("stopping the server says so", async () => {
    const { worker, server } = await welcomed(createFake());
    await server.stop();
    await until(() => worker.end.code !== undefined, "the end");
    expect(worker.end).toEqual({ code: 1001, reason: "Server shutdown" });
  });

  test("an engine that does not take the connection closes it with its code", async () => {
    const fake = createFake();
    fake.orchestrator.workers.connect = () => Promise.reject(new Refusal("STOPPING", 503, "Stopping."));
    const server = await serve(fake);
    const worker = connect(server, "/_worker/stream");
    await worker.opened;
    worker.send(hello());
    await until(() => worker.end.code !== undefined, "the end");
    expect(worker.end).toEqual({ code: 1013, reason: "STOPPING" });
  });
});

describe("the socket of the original", () => {
  const progress = { task_id: "task-1", job_id: "job-1", progress: 0.5, message: "half" };
  const reached = { workerId: "w1", jobId: "job-1", taskId: "task-1", progress: 0.5, message: "half" };

  test("progress is read in all three spellings; the rest is ignored and the socket stays", async () => {
    const fake = createFake();
    const worker = connect(await serve(fake), "/_worker/ws/w1");
    await worker.opened;
    worker.text("not json");
    worker.text("[1]");
    worker.text('{"type":"unknown"}');
    worker.text(JSON.stringify({ type: "progress_update", ...progress }));
    worker.text(JSON.stringify({ event: "progress_update", ...progress }));
    const payload = { progress: 0.5, message: "half" };
    worker.text(
      JSON.stringify({
        event_type: "progress",
        worker_id: "w1",
        target_job_id: "job-1",
        target_task_id: "task-1",
        payload,
      }),
    );
    await until(() => fake.told.progress.length === 3, "progress");
    expect(fake.told.progress).toEqual([reached, reached, reached]);
    expect(worker.end.code).toBeUndefined();
  });

  test("an event of the worker's own reaches the engine", async () => {
    const fake = createFake();
    const worker = connect(await serve(fake), "/_worker/ws/w1");
    await worker.opened;
    const event = { event_id: "e", event_type: "warm", target_job_id: "job-1", payload: { degrees: 40 } };
    worker.text(JSON.stringify({ ...event, target_job_id: undefined }));
    worker.text(JSON.stringify(event));
    await until(() => fake.told.workerEvents.length === 1, "the event");
    expect(fake.told.workerEvents).toEqual([
      { workerId: "w1", jobId: "job-1", name: "warm", payload: '{"degrees":40}', id: "e" },
    ]);
    expect(worker.end.code).toBeUndefined();
  });

  test("a cancellation has both keys, for all generations", async () => {
    const fake = createFake();
    const worker = connect(await serve(fake), "/_worker/ws", { ...asWorker, "x-worker-id": "w1" });
    await worker.opened;
    await until(() => fake.told.links.length === 1, "the link");
    const [{ workerId, link } = { workerId: "", link: undefined }] = fake.told.links;
    expect(workerId).toBe("w1");
    expect(link?.kind).toBe("socket");
    expect(link?.task(JSON.stringify(task()))).toBe(false);
    expect(link?.cancel("j", "t")).toBe(true);
    await until(() => worker.messages.length === 1, "the cancellation");
    expect(worker.messages).toEqual([{ command: "cancel_task", type: "cancel_task", task_id: "t", job_id: "j" }]);
  });

  test("a newer connection closes the older, whose end takes nothing away", async () => {
    const fake = createFake();
    const server = await serve(fake);
    const older = connect(server, "/_worker/ws/w1");
    await older.opened;
    const newer = connect(server, "/_worker/ws/w1");
    await newer.opened;
    await until(() => older.end.code !== undefined, "the end of the older");
    expect(older.end).toEqual({ code: 1008, reason: "New connection established" });
    await until(() => fake.told.disconnected.length === 1, "the disconnect");
    expect(fake.told.links[1]?.link.cancel("j", "t")).toBe(true);
    expect(newer.end.code).toBeUndefined();
  });

  test("with a shared token and no id, the task in its first progress tells whose it is", async () => {
    const fake = createFake();
    const wait = { slot: 0, attempt: 1, queuedAtMs: 0 };
    const retry = { maxAttempts: 4, backoffMs: 0, factor: 1, maxBackoffMs: 0 };
    const order = { type: "echo", params: "{}", transitions: {}, strategy: "default" as const, priority: 0, retry };
    fake.jobs.set("job-1", job({ id: "job-1", task: { ...wait, order } }));
    const worker = connect(await serve(fake), "/_worker/ws");
    await worker.opened;
    expect(fake.told.links).toEqual([]);
    worker.text(JSON.stringify({ type: "progress_update", ...progress }));
    await until(() => fake.told.progress.length === 1, "progress");
    expect(fake.told.progress).toEqual([reached]);
    expect(fake.told.links[0]?.workerId).toBe("w1");
  });
});
