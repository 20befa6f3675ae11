import { afterEach, describe, expect, test } from "bun:test";
import { Worker, type WorkerOptions } from "../../worker/index.ts";
import { FakeOrchestrator, type FakeOptions, type SeenRequest } from "./support/fake-orchestrator.ts";
import { type RunSettings, type RunningWorker, runWorker } from "./support/running.ts";
import { gate, Signal } from "./support/wait.ts";

const open: Array<{ stop(): Promise<void> }> = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.stop();
});

function orchestrator(options: FakeOptions = {}): FakeOrchestrator {
  const fake = new FakeOrchestrator(options).start();
  open.push(fake);
  return fake;
}

function run(worker: Worker, fake: FakeOrchestrator, settings: RunSettings = {}): RunningWorker {
  const running = runWorker(worker, fake, { transport: "poll", ...settings });
  open.push(running);
  return running;
}

const echo = (options: WorkerOptions = {}) => new Worker(options).task("echo", (params) => ({ echo: params.n }));

const isPoll = ({ path }: SeenRequest) => path.endsWith("/tasks/next");
const isRegistration = ({ path }: SeenRequest) => path === "/_worker/workers/register";
const isResult = ({ path }: SeenRequest) => path === "/_worker/tasks/result";
const isHeartbeat = ({ method, path }: SeenRequest) => method === "PATCH" && path === "/_worker/workers/w1";

/** Answers the first requests of a kind with these, in order. */
function answerFirst(fake: FakeOrchestrator, fits: (request: SeenRequest) => boolean, ...answers: Response[]): void {
  fake.intercept = (request) => (fits(request) ? answers.shift() : undefined);
}

describe("a worker that polls", () => {
  test("registers, sends a heartbeat, polls, and hands in a result", async () => {
    const fake = orchestrator();
    run(echo(), fake);

    const id = fake.queueTask("echo", { n: 7 });

    expect(await fake.resultOf(id)).toEqual({
      status: "success",
      data: { echo: 7 },
      job_id: id.replace("task", "job"),
      task_id: id,
      worker_id: "w1",
    });
    const registration = await fake.request("registration", isRegistration);
    expect(fake.requests[0]).toBe(registration);
    expect(registration.headers.get("x-worker-token")).toBe("secret");
    expect(registration.body).toMatchObject({ worker_id: "w1", supported_tasks: ["echo"], max_concurrent_tasks: 10 });
    const heartbeat = await fake.request("a heartbeat", isHeartbeat);
    expect(heartbeat.body).toMatchObject({ load: 0, status: "idle", supported_tasks: ["echo"], current_tasks: [] });
  });

  test("auto falls back to polling where the server has no stream", async () => {
    for (const streamStatus of [404, 426]) {
      const fake = orchestrator({ streamStatus });
      run(echo(), fake, { transport: "auto" });

      expect(await fake.resultOf(fake.queueTask("echo", { n: 1 }))).toMatchObject({ status: "success" });
    }
  });

  test("parks as many polls as it has free slots", async () => {
    const fake = orchestrator();
    const { open: finish, passed } = gate();
    run(
      new Worker({ maxConcurrentTasks: 3 }).task("slow", () => passed),
      fake,
    );
    await fake.signal.until("three parked polls", () => fake.parkedPolls === 3);

    const id = fake.queueTask("slow");
    await fake.signal.until("two parked polls", () => fake.parkedPolls === 2);
    await fake.request(
      "a heartbeat with the task",
      (seen) => isHeartbeat(seen) && `${seen.body["current_tasks"]}` === id,
    );
    finish();
    await fake.signal.until("three parked polls again", () => fake.parkedPolls === 3);

    expect(fake.mostParkedPolls).toBe(3);
  });

  test("polls again after an empty answer", async () => {
    const fake = orchestrator();
    answerFirst(fake, isPoll, new Response(null, { status: 204 }), new Response(null, { status: 204 }));
    run(echo({ maxConcurrentTasks: 1 }), fake);

    expect(await fake.resultOf(fake.queueTask("echo", { n: 1 }))).toMatchObject({ status: "success" });
    expect(fake.requests.filter(isRegistration)).toHaveLength(1);
  });

  test("minds the pause that a 429 asks for, and goes on", async () => {
    const fake = orchestrator();
    answerFirst(
      fake,
      isPoll,
      Response.json({ error: "slow down" }, { status: 429, headers: { "Retry-After": "0.05" } }),
    );
    run(echo({ maxConcurrentTasks: 1 }), fake);

    expect(await fake.resultOf(fake.queueTask("echo", { n: 1 }))).toMatchObject({ status: "success" });
    expect(fake.requests.filter(isRegistration)).toHaveLength(1);
  });

  test("a server error makes it register again, after a while", async () => {
    const fake = orchestrator();
    answerFirst(fake, isPoll, Response.json({ error: "broken" }, { status: 500 }));
    const worker = run(echo({ maxConcurrentTasks: 1 }), fake);
    await worker.line("no connection to the orchestrator");

    expect(await fake.resultOf(fake.queueTask("echo", { n: 1 }))).toMatchObject({ status: "success" });
    expect(fake.requests.filter(isRegistration)).toHaveLength(2);
  });

  test.each([401, 403])("status %d ends it with what to check", async (status) => {
    const fake = orchestrator();
    fake.intercept = (seen) => (isRegistration(seen) ? Response.json({ error: "who are you" }, { status }) : undefined);
    const worker = run(echo(), fake);

    const refusal = await worker.ended;

    expect(refusal?.code).toBe("UNAUTHORIZED");
    expect(refusal?.message).toContain("WORKER_TOKEN");
    expect(refusal?.message).toContain("who are you");
    expect(fake.requests.filter(isRegistration)).toHaveLength(1);
  });

  test("a token that is taken away while it works ends it too", async () => {
    const fake = orchestrator();
    const worker = run(echo({ maxConcurrentTasks: 1 }), fake);
    await fake.signal.until("a parked poll", () => fake.parkedPolls === 1);

    fake.intercept = (seen) => (isRegistration(seen) ? undefined : Response.json({ error: "gone" }, { status: 401 }));
    fake.queueTask("echo", { n: 1 });

    expect(await worker.ended).toMatchObject({ code: "UNAUTHORIZED" });
  });

  test("where no orchestrator answers, it says so", async () => {
    const fake = orchestrator({ streamStatus: 404 });
    fake.intercept = () => new Response("Not Found", { status: 404 });
    const worker = run(echo(), fake, { transport: "auto" });

    expect(await worker.ended).toMatchObject({ code: "NOT_AN_ORCHESTRATOR", status: 404 });
  });

  test("a result that could not be taken is sent until it is", async () => {
    const fake = orchestrator();
    const answers = [
      Response.json({ error: "busy" }, { status: 503 }),
      Response.json({ error: "limit" }, { status: 429 }),
    ];
    answerFirst(fake, isResult, ...answers);
    const worker = run(echo(), fake);
    await fake.resultOf(fake.queueTask("echo", { n: 1 }));
    await fake.signal.until("three tries", () => fake.requests.filter(isResult).length === 3);

    await worker.stop();

    expect(worker.lines.filter(({ level }) => level === "error")).toEqual([]);
    expect(fake.requests.filter(isResult)).toHaveLength(3);
  });

  test("a result that is refused for good is not sent again", async () => {
    const fake = orchestrator();
    fake.intercept = (seen) =>
      isResult(seen) ? Response.json({ error: "Job not found" }, { status: 404 }) : undefined;
    const worker = run(echo(), fake);
    fake.queueTask("echo", { n: 1 });

    const line = await worker.line("refuses a result for good");
    await worker.stop();

    expect(line.fields).toMatchObject({ status: 404, reason: "Job not found" });
    expect(fake.requests.filter(isResult)).toHaveLength(1);
  });

  test("a result that is too large for the server fails its task with the reason", async () => {
    const fake = orchestrator();
    answerFirst(fake, isResult, Response.json({ error: "too large" }, { status: 413 }));
    run(echo(), fake);
    fake.queueTask("echo", { n: 1 });

    await fake.signal.until("the second try", () => fake.requests.filter(isResult).length === 2);

    const [first, second] = fake.requests.filter(isResult).map(({ body }) => body);
    expect(first).toMatchObject({ status: "success" });
    expect(second).toMatchObject({
      status: "failure",
      error: { code: "PERMANENT_ERROR" },
      task_id: first?.["task_id"],
    });
  });

  test("a result outlives a restart of the server", async () => {
    const fake = orchestrator();
    const { open: finish, passed } = gate();
    const worker = run(
      new Worker().task("slow", () => passed.then(() => ({ ok: true }))),
      fake,
    );
    const id = fake.queueTask("slow");
    await fake.request(
      "a heartbeat with the task",
      (seen) => isHeartbeat(seen) && `${seen.body["current_tasks"]}` === id,
    );

    await fake.stop();
    finish();
    await worker.line("no connection to the orchestrator");
    fake.start();

    expect(await fake.resultOf(id)).toMatchObject({ status: "success", data: { ok: true } });
    expect(fake.requests.filter(isRegistration)).toHaveLength(2);
  });

  test("says which process it is, at which of its connections, and what it has in hand", async () => {
    const fake = orchestrator();
    const { open: finish, passed } = gate();
    run(
      new Worker().task("slow", () => passed),
      fake,
    );
    const id = fake.queueTask("slow");
    await fake.request("a report", (seen) => isHeartbeat(seen) && `${seen.body["current_tasks"]}` === id);
    answerFirst(fake, isHeartbeat, Response.json({ error: "Worker not found" }, { status: 404 }));
    const other = fake.queueTask("slow");
    await fake.signal.until("two registrations", () => fake.requests.filter(isRegistration).length === 2);
    finish();
    await fake.resultOf(other);

    const told = fake.requests.filter(isRegistration).map(({ body }) => body["worker_process"] as { session: string });
    const session = told[0]?.session ?? "";
    const inHand = [id, other].map((task_id) => ({ job_id: task_id.replace("task", "job"), task_id }));
    expect<object[]>(told).toEqual([
      { session, connection: 1, running: [] },
      { session, connection: 2, running: inHand },
    ]);
    const callers = fake.requests.map(({ headers }) => headers.get("x-worker-process"));
    expect(callers[0]).toBe(`${session}/1`);
    expect(callers.at(-1)).toBe(`${session}/2`);
    expect(new Set(callers).size).toBe(2);
  });

  test("ends what its registration is answered to be over, and beats as often as it is asked to", async () => {
    const fake = orchestrator();
    const { open: finish, passed } = gate();
    const worker = new Worker().task("slow", async (_, { signal }) => {
      await passed;
      signal.throwIfAborted();
    });
    run(worker, fake);
    const id = fake.queueTask("slow");
    await fake.request("a report", (seen) => isHeartbeat(seen) && `${seen.body["current_tasks"]}` === id);
    answerFirst(
      fake,
      (seen) => isHeartbeat(seen) || isRegistration(seen),
      Response.json({ error: "Worker not found" }, { status: 404 }),
      Response.json({ status: "registered", heartbeat_seconds: 0.1, cancel_task_ids: [id] }),
    );
    fake.queueTask("slow");
    const isBeat = (seen: SeenRequest) => isHeartbeat(seen) && seen.headers.get("x-worker-process")?.endsWith("/2");
    await fake.signal.until("beats at the next connection", () => fake.requests.filter(isBeat).length > 3);
    finish();

    expect(await fake.resultOf(id)).toMatchObject({ status: "cancelled" });
  });

  test("registers again when the server does not know it any more", async () => {
    const fake = orchestrator();
    answerFirst(fake, isHeartbeat, Response.json({ error: "Worker not found" }, { status: 404 }));
    run(echo(), fake);

    await fake.signal.until("two registrations", () => fake.requests.filter(isRegistration).length === 2);
    expect(await fake.resultOf(fake.queueTask("echo", { n: 1 }))).toMatchObject({ status: "success" });
  });

  test.each<[string, FakeOptions, (fake: FakeOrchestrator, id: string) => void | Promise<void>]>([
    [
      "the answer to a heartbeat",
      {},
      (fake, id) => {
        fake.intercept = (seen) =>
          isHeartbeat(seen) ? Response.json({ status: "ok", cancel_task_ids: [id] }) : undefined;
      },
    ],
    [
      "the socket",
      { socket: true },
      (fake, id) => fake.sendOverSocket({ command: "cancel_task", type: "cancel_task", task_id: id, job_id: "j" }),
    ],
  ])("a cancellation comes with %s", async (_, options, cancel) => {
    const fake = orchestrator(options);
    const worker = new Worker().task(
      "slow",
      (_params, { signal, addToHotCache }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error));
          addToHotCache("model");
        }),
    );
    run(worker, fake, { environment: { HEARTBEAT_INTERVAL: "0.1" } });
    if (options.socket) await fake.signal.until("the socket", () => fake.hasSocket);
    const id = fake.queueTask("slow");
    await fake.request(
      "a heartbeat with the task",
      (seen) => isHeartbeat(seen) && `${seen.body["current_tasks"]}` === id,
    );

    await cancel(fake, id);

    expect(await fake.resultOf(id)).toMatchObject({ status: "cancelled" });
  });

  test("a handler that asks learns of its cancellation from the server, without a socket", async () => {
    const fake = orchestrator();
    fake.intercept = ({ path }) => (path.endsWith("/cancellation") ? Response.json({ cancelled: true }) : undefined);
    const worker = new Worker().task("slow", async (_, { taskId, isCancelled, signal }) => {
      if ((await isCancelled()) && (await worker.checkForCancellation(taskId)) && signal.aborted) {
        return { status: "cancelled" };
      }
      return {};
    });
    run(worker, fake);

    const id = fake.queueTask("slow");

    expect(await fake.resultOf(id)).toMatchObject({ status: "cancelled" });
    expect(fake.requests.filter(({ path }) => path === `/_worker/tasks/${id}/cancellation`)).toHaveLength(1);
  });

  test("progress goes over the socket where there is one", async () => {
    const fake = orchestrator({ socket: true });
    const worker = new Worker().task("long", (_, { sendProgress }) => sendProgress(0.5, "half"));
    worker.task(
      "first",
      (_, { signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    );
    run(worker, fake);
    await fake.signal.until("the socket", () => fake.hasSocket);
    const first = fake.queueTask("first");
    await fake.request("a heartbeat with it", (seen) => isHeartbeat(seen) && `${seen.body["current_tasks"]}` === first);
    // What arrived at the worker shows that the socket is open on its side too.
    fake.sendOverSocket({ command: "cancel_task", task_id: first });
    await fake.resultOf(first);

    const id = fake.queueTask("long");
    const message = await fake.signal.until("the progress", () => fake.socketMessages[0]);

    expect(message).toEqual({
      event: "progress_update",
      type: "progress_update",
      task_id: id,
      job_id: id.replace("task", "job"),
      progress: 0.5,
      message: "half",
    });
  });

  test("progress, checkpoints and questions that get no answer end with their task", async () => {
    const fake = orchestrator();
    const ends: unknown[] = [];
    const worker = new Worker().task("long", async (_, { sendProgress, checkpoint, isCancelled, signal }) => {
      const waits = [sendProgress(0.5), checkpoint({ page: 2 })];
      // Nobody waits for these: they are no failure of the worker's either.
      void sendProgress(0.6);
      void checkpoint({ page: 3 });
      const asked = isCancelled();
      for (const wait of waits) await wait.catch((error: unknown) => ends.push(error === signal.reason));
      ends.push(await asked);
      signal.throwIfAborted();
    });
    fake.intercept = ({ path }) =>
      path === "/_worker/events" || path.endsWith("/cancellation") ? new Promise<Response>(() => undefined) : undefined;
    run(worker, fake, { environment: { WORKER_ENABLE_WEBSOCKETS: "false" } });

    const task = fake.queueTask("long", {}, { timeout_seconds: 0.2 });

    expect(await fake.resultOf(task)).toMatchObject({ status: "failure", error: { code: "TRANSIENT_ERROR" } });
    expect(ends).toEqual([true, true, true]);
  });

  test("progress and checkpoints are events where there is no socket", async () => {
    const fake = orchestrator();
    const worker = new Worker().task("long", async (_, { sendProgress, checkpoint }) => {
      await sendProgress(40, "on the way");
      await checkpoint({ page: 2 });
    });
    run(worker, fake);

    const id = fake.queueTask("long");
    await fake.resultOf(id);

    const events = fake.requests.filter(({ path }) => path === "/_worker/events").map(({ body }) => body);
    expect(events).toMatchObject([
      { event_type: "progress", payload: { progress: 40, message: "on the way" }, target_task_id: id, worker_id: "w1" },
      { event_type: "checkpoint", payload: { value: { page: 2 } }, target_job_id: id.replace("task", "job") },
    ]);
  });

  test("the socket can be switched off", async () => {
    const fake = orchestrator({ socket: true });
    run(echo(), fake, { environment: { WORKER_ENABLE_WEBSOCKETS: "false" } });

    await fake.resultOf(fake.queueTask("echo", { n: 1 }));

    expect(fake.hasSocket).toBe(false);
  });

  test("a task that is none is reported and polling goes on", async () => {
    const fake = orchestrator();
    answerFirst(fake, isPoll, Response.json({ task_id: "x" }));
    const worker = run(echo({ maxConcurrentTasks: 1 }), fake, { environment: { TASK_POLL_ERROR_DELAY: "0.02" } });
    await worker.line("without job_id");

    expect(await fake.resultOf(fake.queueTask("echo", { n: 1 }))).toMatchObject({ status: "success" });
  });

  test("limits hold even where the server does not count them", async () => {
    const fake = orchestrator();
    const begun = new Signal();
    const running: string[] = [];
    const gates = [gate(), gate()];
    const worker = new Worker({ taskTypeLimits: { heavy: 1 } }).task("heavy", async ({ n }, { taskId }) => {
      running.push(taskId);
      begun.raise();
      await gates[n]?.passed;
    });
    run(worker, fake);
    const [first, second] = [fake.queueTask("heavy", { n: 0 }), fake.queueTask("heavy", { n: 1 })];
    const isBoth = (seen: SeenRequest) => isHeartbeat(seen) && (seen.body["current_tasks"] as string[]).length === 2;
    await fake.request("a heartbeat with both", isBoth);
    expect(running).toHaveLength(1);

    for (const { open: finish } of gates) finish();
    await Promise.all([fake.resultOf(first), fake.resultOf(second)]);

    expect(running.toSorted()).toEqual([first, second].toSorted());
  });
});
