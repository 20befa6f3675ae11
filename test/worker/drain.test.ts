import { afterEach, describe, expect, test } from "bun:test";
import { Worker } from "../../worker/index.ts";
import { FakeOrchestrator, type SeenRequest } from "./support/fake-orchestrator.ts";
import { type RunSettings, type RunningWorker, runWorker } from "./support/running.ts";
import { gate, Signal, within } from "./support/wait.ts";

const open: Array<{ stop(): Promise<void> }> = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.stop();
});

function begin(worker: Worker, settings: RunSettings): { fake: FakeOrchestrator; running: RunningWorker } {
  const fake = new FakeOrchestrator().start();
  const running = runWorker(worker, fake, settings);
  open.push(fake, running);
  return { fake, running };
}

function stuck() {
  const begun = new Signal();
  const causes: string[] = [];
  let count = 0;
  const worker = new Worker().task("stuck", (_, { signal }) => {
    count += 1;
    begun.raise();
    signal.addEventListener("abort", () => causes.push(String(signal.reason)));
    return new Promise<void>(() => undefined);
  });
  return { worker, causes, begun: () => begun.until("the handler", () => count > 0) };
}

const isRelease = ({ path }: SeenRequest) => path === "/_worker/tasks/release";

describe("a worker that is told to stop", () => {
  test("stream: takes no new task, lets the running one end, and hands in its result", async () => {
    const { open: finish, passed } = gate();
    const { fake, running } = begin(
      new Worker().task("slow", () => passed.then(() => ({ ok: true }))),
      { transport: "ws" },
    );
    await fake.connected();
    const id = fake.sendTask("slow");
    await fake.frame("the task in a heartbeat", (frame) => `${frame["current_tasks"]}`.includes(id));

    const stopped = running.stop();
    await fake.frame("drain", ({ type }) => type === "drain");
    const late = fake.sendTask("slow");
    const release = await fake.frame("the late task handed back", ({ type }) => type === "release");
    finish();
    await stopped;

    expect(release["task_ids"]).toEqual([late]);
    expect(await fake.resultOf(id)).toMatchObject({ status: "success" });
    expect(await running.ended).toBeUndefined();
  });

  test("stream: what does not end in time is aborted and handed back, without a result", async () => {
    const { worker, causes, begun } = stuck();
    const { fake, running } = begin(worker, { transport: "ws", environment: { WORKER_SHUTDOWN_TIMEOUT: "0.05" } });
    await fake.connected();
    const id = fake.sendTask("stuck");
    await begun();

    await running.stop();

    expect(await fake.frame("release", ({ type }) => type === "release")).toMatchObject({ task_ids: [id] });
    expect(causes).toEqual(["AbortError: The worker shuts down."]);
    expect(fake.frames.filter(({ type }) => type === "result")).toEqual([]);
  });

  test("says how long it waits for what runs, and how to hand that back at once", async () => {
    const { worker, begun } = stuck();
    const { fake, running } = begin(worker, { transport: "ws", environment: { WORKER_SHUTDOWN_TIMEOUT: "0.05" } });
    await fake.connected();
    fake.sendTask("stuck");
    await begun();

    await running.stop();

    expect(await running.line("the worker stops")).toMatchObject({
      level: "info",
      message:
        "the worker stops: no new tasks, and it waits up to 0.05 s for those that run; a second Ctrl-C (SIGTERM) hands them back at once",
      fields: { running: 1, shutdown_ms: 50 },
    });
  });

  test.each([
    ["nothing runs", {}, 0],
    ["it waits for nothing", { WORKER_SHUTDOWN_TIMEOUT: "0" }, 1],
  ])("tells nobody to hurry it where %s", async (_, environment, count) => {
    const { worker, begun } = stuck();
    const { fake, running } = begin(worker, { transport: "ws", environment });
    await fake.connected();
    if (count > 0) {
      fake.sendTask("stuck");
      await begun();
    }

    await running.stop();

    expect((await running.line("the worker stops")).message).toBe("the worker stops: no new tasks");
  });

  test("poll: ends its polls once the server knows, and hands back what does not end", async () => {
    const { worker, begun } = stuck();
    const { fake, running } = begin(worker, { transport: "poll", environment: { WORKER_SHUTDOWN_TIMEOUT: "0.05" } });
    const id = fake.queueTask("stuck");
    await begun();
    await fake.signal.until("a poll for each free slot", () => fake.parkedPolls === 9);

    await running.stop();

    const release = await fake.request("release", isRelease);
    expect(release.body).toEqual({ worker_id: "w1", task_ids: [id] });
    const draining = fake.requests.findIndex(({ body }) => body["status"] === "draining");
    expect(draining).toBeGreaterThan(0);
    expect(fake.requests.slice(draining).filter(({ path }) => path.endsWith("/tasks/next"))).toEqual([]);
    await fake.signal.until("no parked poll", () => fake.parkedPolls === 0);
  });

  test("poll: no poll is left while the running task ends", async () => {
    const { open: finish, passed } = gate();
    const { fake, running } = begin(
      new Worker().task("slow", () => passed),
      { transport: "poll" },
    );
    const id = fake.queueTask("slow");
    await fake.request("a heartbeat with the task", ({ body }) => `${body["current_tasks"]}` === id);

    const stopped = running.stop();
    await fake.signal.until("no parked poll", () => fake.parkedPolls === 0);
    finish();
    await stopped;

    expect(await fake.resultOf(id)).toMatchObject({ status: "success" });
  });

  test("poll: a task that still comes is handed back", async () => {
    const { open: finish, passed } = gate();
    const { fake, running } = begin(
      new Worker({ maxConcurrentTasks: 2 }).task("slow", () => passed),
      { transport: "poll" },
    );
    const id = fake.queueTask("slow");
    await fake.request("a heartbeat with the task", ({ body }) => `${body["current_tasks"]}` === id);
    let late = "";
    fake.intercept = ({ body }) => {
      // The server gives out its last task just before it reads that the worker drains.
      if (body["status"] === "draining" && late === "") late = fake.queueTask("slow");
      return undefined;
    };

    const stopped = running.stop();
    const release = await fake.request("release", isRelease);
    finish();
    await stopped;

    expect(release.body["task_ids"]).toEqual([late]);
  });

  test("waits for the acknowledgement of its last result", async () => {
    const { fake, running } = begin(
      new Worker().task("quick", () => ({ ok: true })),
      { transport: "ws" },
    );
    fake.answer = () => undefined;
    await fake.connected();
    const result = await fake.resultOf(fake.sendTask("quick"));

    let isOver = false;
    const stopped = running.stop().then(() => (isOver = true));
    await fake.frame("drain", ({ type }) => type === "drain");
    expect(isOver).toBe(false);
    fake.send({ type: "ack", seq: Number(result["seq"]), status: "result_accepted_success" });
    await stopped;

    expect(running.lines.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("a worker that never reached its server stops at once", async () => {
    const fake = new FakeOrchestrator().start();
    const { url } = fake;
    await fake.stop();
    const running = runWorker(
      new Worker().task("t", () => undefined),
      fake,
      { environment: { ORCHESTRATOR_URL: url } },
    );
    await running.line("no connection");

    await running.stop();

    expect(await running.ended).toBeUndefined();
  });

  test("a second signal hands back at once, whatever the time that is left", async () => {
    const { worker, begun } = stuck();
    const { fake, running } = begin(worker, { transport: "ws", environment: { WORKER_SHUTDOWN_TIMEOUT: "600" } });
    await fake.connected();
    const id = fake.sendTask("stuck");
    await begun();

    const stopped = running.stop();
    await fake.frame("drain", ({ type }) => type === "drain");
    process.emit("SIGTERM", "SIGTERM");
    await stopped;

    expect(await fake.frame("release", ({ type }) => type === "release")).toMatchObject({ task_ids: [id] });
    expect(await within("the end", running.ended)).toBeUndefined();
  });

  test("a second signal ends it soon even if the server is away and a handler minds no signal", async () => {
    const { worker, begun } = stuck();
    const { fake, running } = begin(worker, { transport: "ws", environment: { WORKER_SHUTDOWN_TIMEOUT: "600" } });
    await fake.connected();
    fake.sendTask("stuck");
    await begun();
    await fake.stop();
    await running.line("no connection");

    const startMs = performance.now();
    const stopped = running.stop();
    process.emit("SIGTERM", "SIGTERM");
    await stopped;

    expect(performance.now() - startMs).toBeLessThan(3_000);
  });
});
