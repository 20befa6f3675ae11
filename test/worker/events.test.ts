import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "bun:test";
import { EventRefused, Type, Worker } from "../../worker/index.ts";
import { type Body, FakeOrchestrator, type Frame } from "./support/fake-orchestrator.ts";
import { type RunningWorker, runWorker } from "./support/running.ts";

const open: Array<{ stop(): Promise<void> }> = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.stop();
});

type Answer = "accepted" | "refused" | "busy" | "silence";

interface Seen {
  readonly name: unknown;
  readonly payload: unknown;
  readonly id: unknown;
  readonly task: unknown;
  readonly job: unknown;
}

/** What a transport's orchestrator saw of events, and how it answers the first ones; all others it takes. */
interface Bench {
  readonly fake: FakeOrchestrator;
  give(type: string): string;
  events(): Seen[];
  /** Events and results, in the order in which they came. */
  order(): string[];
}

const REFUSAL = { status: "error", code: "TOO_MANY_EVENTS", message: "A task may send 1000 events." };

function overStream(answers: Answer[]): Bench {
  const fake = new FakeOrchestrator().start();
  const reply: Record<Answer, object | undefined> = {
    accepted: { status: "event_accepted" },
    refused: REFUSAL,
    busy: { status: "retry", message: "The disk is full." },
    silence: undefined,
  };
  fake.answerEvent = () => reply[answers.shift() ?? "accepted"];
  const frames = () => fake.frames.filter(({ type }) => type === "event" || type === "result");
  const seen = ({ name, payload, event_id: id, task_id: task, job_id: job }: Frame) => ({
    name,
    payload,
    id,
    task,
    job,
  });
  return {
    fake,
    give: (type) => fake.sendTask(type),
    events: () => fake.frames.filter(({ type }) => type === "event").map(seen),
    order: () => frames().map(({ type }) => type),
  };
}

function overPolls(answers: Answer[]): Bench {
  const fake = new FakeOrchestrator().start();
  const reply: Record<Answer, () => Response | Promise<Response>> = {
    accepted: () => Response.json({ status: "event_accepted" }),
    refused: () => Response.json(REFUSAL),
    busy: () => Response.json({ error: "The disk is full.", code: "STORE_FULL" }, { status: 503 }),
    silence: () => new Promise<Response>(() => undefined),
  };
  fake.intercept = ({ path }) => (path === "/_worker/events" ? reply[answers.shift() ?? "accepted"]() : undefined);
  const posted = (path: string) => fake.requests.filter((request) => request.path === path);
  const seen = ({ event_type: name, payload, event_id: id, target_task_id: task, target_job_id: job }: Body) => {
    return { name, payload, id, task, job };
  };
  return {
    fake,
    give: (type) => fake.queueTask(type),
    events: () => posted("/_worker/events").map(({ body }) => seen(body)),
    order: () =>
      fake.requests.flatMap(({ path }) => {
        if (path === "/_worker/events") return "event";
        return path === "/_worker/tasks/result" ? "result" : [];
      }),
  };
}

const TRANSPORTS = [
  ["ws", overStream],
  ["poll", overPolls],
] as const;

for (const [transport, benchOf] of TRANSPORTS) {
  async function begin(worker: Worker, ...answers: Answer[]): Promise<Bench & { running: RunningWorker }> {
    const bench = benchOf(answers);
    const environment = { RESULT_RETRY_INITIAL_DELAY: "0.01" };
    const running = runWorker(worker, bench.fake, { transport, environment });
    open.push(bench.fake, running);
    if (transport === "ws") await bench.fake.connected();
    return { ...bench, running };
  }

  describe(`an event over ${transport}`, () => {
    test("says of which task it is and what it carries, and comes before the result", async () => {
      const worker = new Worker().task("render", async (_, { sendEvent }) => {
        await sendEvent("preview_ready", { url: "https://example.com/1.png" });
        await sendEvent("cooled_down");
      });
      const { fake, give, events, order } = await begin(worker);

      const task = give("render");
      expect(await fake.resultOf(task)).toMatchObject({ status: "success" });

      const ids = { task, job: task.replace("task", "job"), id: expect.any(String) };
      expect(events()).toEqual([
        { ...ids, name: "preview_ready", payload: { url: "https://example.com/1.png" } },
        { ...ids, name: "cooled_down", payload: {} },
      ]);
      expect(new Set(events().map(({ id }) => id)).size).toBe(2);
      expect(order()).toEqual(["event", "event", "result"]);
    });

    test("that the handler does not wait for comes before the result all the same", async () => {
      const worker = new Worker().task("render", (_, { sendEvent }) => void sendEvent("preview_ready"));
      const { fake, give, order } = await begin(worker);
      await fake.resultOf(give("render"));

      expect(order()).toEqual(["event", "result"]);
    });

    test("is one of at most sixteen of its task that have no answer yet, and the rest follow in order", async () => {
      const worker = new Worker().task("render", (_, { sendEvent }) => {
        for (let n = 0; n < 50; n++) void sendEvent("clip", { n });
      });
      const { fake, give, events, order } = await begin(worker, ...Array.from({ length: 3 }, () => "busy" as const));
      await fake.resultOf(give("render"));

      const first = new Map(events().map(({ payload, id }) => [id, payload]));
      expect([...first.values()]).toEqual(Array.from({ length: 50 }, (_, n) => ({ n })));
      expect(order().slice(0, -1)).toEqual(Array.from({ length: 53 }, () => "event"));
    });

    test("can be sent by way of the worker, too", async () => {
      const worker: Worker = new Worker().task("render", async (_, { taskId, jobId }) => {
        await worker.sendEvent({ taskId, jobId, name: "preview_ready", payload: { n: 1 } });
      });
      const { fake, give, events } = await begin(worker);
      await fake.resultOf(give("render"));

      expect(events()).toMatchObject([{ name: "preview_ready", payload: { n: 1 } }]);
    });

    test("that is refused fails the task for good, unless the handler catches that", async () => {
      const codes: string[] = [];
      const worker = new Worker()
        .task("careless", async (_, { sendEvent }) => sendEvent("x"))
        .task("careful", async (_, { sendEvent }) => {
          await sendEvent("x").catch((error: EventRefused) => codes.push(error.code));
        });
      const { fake, give } = await begin(worker, "refused", "refused");

      expect(await fake.resultOf(give("careless"))).toMatchObject({
        status: "failure",
        error: { code: "PERMANENT_ERROR", message: "A task may send 1000 events." },
      });
      expect(await fake.resultOf(give("careful"))).toMatchObject({ status: "success" });
      expect(codes).toEqual(["TOO_MANY_EVENTS"]);
    });

    test("that is refused and that nobody waits for is a line of the log, and the worker goes on", async () => {
      const worker = new Worker().task("render", (_, { sendEvent }) => void sendEvent("x"));
      const { fake, give, running } = await begin(worker, "refused");
      give("render");

      expect((await running.line("does not take an event")).fields).toMatchObject({
        code: "TOO_MANY_EVENTS",
        event: "x",
      });
      expect(await fake.resultOf(give("render"))).toMatchObject({ status: "success" });
    });

    test("that the server cannot take now is sent again, as the same", async () => {
      const worker = new Worker().task("render", async (_, { sendEvent }) => sendEvent("x"));
      const { fake, give, events } = await begin(worker, "busy", "busy");
      await fake.resultOf(give("render"));

      expect(events()).toHaveLength(3);
      expect(new Set(events().map(({ id }) => id)).size).toBe(1);
    });
  });
}

/** Whether a file of results there has the text in it, at last. */
async function isKept(folder: string, text: string): Promise<boolean> {
  const endMs = performance.now() + 4_000;
  while (performance.now() < endMs) {
    const files = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
    const results = files.filter((name) => name.endsWith(".results"));
    if (results.some((name) => readFileSync(join(folder, name), "utf8").includes(text))) return true;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return false;
}

describe("an event", () => {
  test("that has no answer yet holds back the result of its task, but not from the disk", async () => {
    const bench = overStream(["silence"]);
    const worker = new Worker().task("render", (_, { sendEvent }) => {
      void sendEvent("x");
      return { status: "success", data: { n: 1 } };
    });
    const running = runWorker(worker, bench.fake, { transport: "ws" });
    open.push(bench.fake, running);
    await bench.fake.connected();
    const task = bench.give("render");

    expect(await isKept(join(running.payloadFolder, "data"), task)).toBe(true);
    expect(bench.order()).toEqual(["event"]);

    bench.fake.breakStream();
    expect(await bench.fake.resultOf(task)).toMatchObject({ status: "success", data: { n: 1 } });
  });

  test("that got no answer is sent again over the next connection, as the same", async () => {
    const bench = overStream(["silence"]);
    const worker = new Worker().task("render", async (_, { sendEvent }) => sendEvent("x"));
    open.push(bench.fake, runWorker(worker, bench.fake, { transport: "ws" }));
    await bench.fake.connected();
    const task = bench.give("render");
    await bench.fake.signal.until("the event", () => bench.events()[0]);
    bench.fake.breakStream();

    expect(await bench.fake.resultOf(task)).toMatchObject({ status: "success" });
    expect(bench.events()).toHaveLength(2);
    expect(bench.events()[1]).toEqual(bench.events()[0] as Seen);
  });

  test("keeps its task's result back, and the task reported as running, until it is answered", async () => {
    const bench = overStream(["silence"]);
    const worker = new Worker().task("render", (_, { sendEvent }) => void sendEvent("x"));
    const running = runWorker(worker, bench.fake, { transport: "ws" });
    open.push(bench.fake, running);
    await bench.fake.connected();
    const task = bench.give("render");
    await bench.fake.signal.until("the event", () => bench.events()[0]);
    bench.fake.breakStream();
    await bench.fake.connected(2);

    const hellos = bench.fake.frames.filter(({ type }) => type === "hello");
    expect(hellos[1]?.["running"]).toEqual([{ job_id: task.replace("task", "job"), task_id: task }]);
    await bench.fake.resultOf(task);
    expect(bench.order()).toEqual(["event", "event", "result"]);
  });

  test("that is not answered does not keep a worker from stopping, nor its result from being sent", async () => {
    const bench = overStream(["silence", "silence"]);
    const ended = Promise.withResolvers<string>();
    const worker = new Worker().task("render", async (_, { sendEvent }) => {
      await sendEvent("x").catch((error: EventRefused) => ended.resolve(error.code));
    });
    const running = runWorker(worker, bench.fake, { transport: "ws", environment: { WORKER_SHUTDOWN_TIMEOUT: "0.1" } });
    open.push(bench.fake);
    await bench.fake.connected();
    bench.give("render");
    await bench.fake.signal.until("the event", () => bench.events()[0]);
    await running.stop();

    expect(await ended.promise).toBe("WORKER_STOPS");
  });

  test("that ends its task is answered to its handler though the cancel comes first", async () => {
    const bench = overStream(["silence"]);
    const worker = new Worker().task("render", async (_, { sendEvent, signal }) => {
      await sendEvent("x");
      return { status: "cancelled", data: { isOver: signal.aborted } };
    });
    open.push(bench.fake, runWorker(worker, bench.fake, { transport: "ws" }));
    await bench.fake.connected();
    const task = bench.give("render");
    const event = await bench.fake.signal.until("the event", () => bench.events()[0]);
    bench.fake.send(
      { type: "cancel", job_id: task.replace("task", "job"), task_id: task },
      { type: "event_ack", event_id: event.id, status: "event_accepted" },
    );

    expect(await bench.fake.resultOf(task)).toMatchObject({ status: "cancelled", data: { isOver: true } });
  });

  test("of a task that is cancelled is waited for no longer, and still arrives before the result", async () => {
    const bench = overStream(["silence"]);
    const names: string[] = [];
    const worker = new Worker().task("render", async (_, { sendEvent, signal }) => {
      await sendEvent("x").catch((error: Error) => names.push(error.name));
      signal.throwIfAborted();
    });
    const running = runWorker(worker, bench.fake, { transport: "ws" });
    open.push(bench.fake, running);
    await bench.fake.connected();
    const task = bench.give("render");
    await bench.fake.signal.until("the event", () => bench.events()[0]);
    bench.fake.send({ type: "cancel", job_id: task.replace("task", "job"), task_id: task });
    expect(await isKept(join(running.payloadFolder, "data"), task)).toBe(true);
    expect(names).toEqual(["AbortError"]);
    expect(bench.order()).toEqual(["event"]);

    bench.fake.breakStream();
    expect(await bench.fake.resultOf(task)).toMatchObject({ status: "cancelled" });
    expect(bench.order()).toEqual(["event", "event", "result"]);
  });

  test("of a task whose time is over is waited for no longer, also while the orchestrator is away", async () => {
    const bench = overStream([]);
    const ended = Promise.withResolvers<string>();
    const worker = new Worker().task("render", async (_, { sendEvent, signal }) => {
      await bench.fake.stop();
      await sendEvent("x").catch((error: Error) => ended.resolve(error.name));
      signal.throwIfAborted();
    });
    open.push(bench.fake, runWorker(worker, bench.fake, { transport: "ws" }));
    await bench.fake.connected();
    const task = bench.fake.sendTask("render", {}, { timeout_seconds: 0.2 });
    expect(await ended.promise).toBe("TimeoutError");
    expect(bench.order()).toEqual([]);

    bench.fake.start();
    expect(await bench.fake.resultOf(task)).toMatchObject({ status: "failure" });
    expect(bench.order()).toEqual(["event", "result"]);
  });

  test("that a handler sends once its task is cancelled is waited for until it is answered or the worker stops", async () => {
    const bench = overStream(["silence", "accepted", "silence"]);
    const said: string[] = [];
    const worker = new Worker().task("render", async (_, { sendEvent }) => {
      await sendEvent("begun").catch((error: Error) => said.push(error.name));
      await sendEvent("put_away").then(() => said.push("put away"));
      await sendEvent("gone").catch((error: EventRefused) => said.push(error.code));
    });
    const running = runWorker(worker, bench.fake, { transport: "ws", environment: { WORKER_SHUTDOWN_TIMEOUT: "0.1" } });
    open.push(bench.fake);
    await bench.fake.connected();
    const task = bench.give("render");
    await bench.fake.signal.until("the event", () => bench.events()[0]);
    bench.fake.send({ type: "cancel", job_id: task.replace("task", "job"), task_id: task });
    await bench.fake.signal.until("the last event", () => bench.events()[2]);
    await running.stop();

    expect(said).toEqual(["AbortError", "put away", "WORKER_STOPS"]);
  });

  test("is refused by its name, or for what it carries, before it is sent", async () => {
    const worker = new Worker();
    const cases: [string, unknown][] = [
      ["", {}],
      ["progress", {}],
      ["x".repeat(101), {}],
      ["x", [1]],
      ["x", { text: "x".repeat(1024 * 1024) }],
    ];
    for (const [index, [name, payload]] of cases.entries()) {
      worker.task(`t${index}`, async (_, { sendEvent }) => sendEvent(name, payload as never));
    }
    const bench = overStream([]);
    open.push(bench.fake, runWorker(worker, bench.fake, { transport: "ws" }));
    await bench.fake.connected();

    for (const index of cases.keys()) {
      expect(await bench.fake.resultOf(bench.give(`t${index}`))).toMatchObject({
        status: "failure",
        error: { code: "PERMANENT_ERROR" },
      });
    }
    expect(bench.events()).toEqual([]);
  });

  test("of an orchestrator that takes none is refused by a name", async () => {
    const bench = overPolls([]);
    bench.fake.intercept = ({ path }) =>
      path === "/_worker/events" ? Response.json({ error: "Not Found" }, { status: 404 }) : undefined;
    const worker = new Worker().task("render", async (_, { sendEvent }) => sendEvent("x"));
    open.push(bench.fake, runWorker(worker, bench.fake, { transport: "poll" }));

    expect(await bench.fake.resultOf(bench.give("render"))).toMatchObject({
      error: { message: "This orchestrator takes no events." },
    });
  });
});

describe("what a task declares", () => {
  const declared = new Worker()
    .task(
      "render",
      { output: Type.Object({ url: Type.String() }), events: { ready: Type.Object({ n: Type.Number() }) } },
      async (_, task) => {
        await task.sendEvent("ready", { n: "one" });
      },
    )
    .task("plain", () => undefined);

  test("is told to the orchestrator, with all tasks of the worker", async () => {
    const bench = overStream([]);
    open.push(bench.fake, runWorker(declared, bench.fake, { transport: "ws" }));
    const hello = await bench.fake.frame("hello", ({ type }) => type === "hello");

    expect((hello["registration"] as Body)["supported_skills"]).toMatchObject([
      {
        name: "render",
        output_schema: { type: "object", required: ["url"] },
        events_schema: { ready: { type: "object", properties: { n: { type: "number" } } } },
      },
      { name: "plain" },
    ]);
    const task = bench.give("render");
    expect(await bench.fake.resultOf(task)).toMatchObject({ error: { code: "CONTRACT_VIOLATION_ERROR" } });
    expect(bench.events()).toEqual([]);
  });

  test.each([
    ["broken by an event that nobody waits for", "forgetful"],
    ["broken by an event that its handler catches", "careful"],
    ["broken by an event that fails its task", "render"],
  ])("and %s is one line of the log, which says what is wrong", async (_, type) => {
    const events = { ready: Type.Object({ n: Type.Number() }) };
    const worker = new Worker()
      .task("forgetful", { events }, (_params, { sendEvent }) => void sendEvent("ready", { n: "one" }))
      .task("careful", { events }, (_params, { sendEvent }) => sendEvent("ready", { n: "one" }).catch(() => undefined))
      .task("render", { events }, (_params, { sendEvent }) => sendEvent("ready", { n: "one" }));
    const bench = overStream([]);
    const running = runWorker(worker, bench.fake, { transport: "ws" });
    open.push(bench.fake, running);
    await bench.fake.connected();
    const task = bench.give(type);
    await bench.fake.resultOf(task);

    const lines = running.lines.filter(({ message }) => message.includes("an event"));
    expect(lines).toEqual([
      {
        level: "warn",
        message: expect.stringContaining("an event is not sent"),
        fields: expect.objectContaining({
          task_id: task,
          job_id: task.replace("task", "job"),
          event: "ready",
          reason: expect.stringContaining("payload/n"),
        }),
      },
    ]);
  });

  test("and broken by very many events in a row fills no log", async () => {
    const events = { ready: Type.Object({ n: Type.Number() }) };
    const worker = new Worker().task("render", { events }, (_params, { sendEvent }) => {
      for (let n = 0; n < 100; n++) void sendEvent("ready", {});
      void sendEvent("raedy", {});
    });
    const bench = overStream([]);
    const running = runWorker(worker, bench.fake, { transport: "ws" });
    open.push(bench.fake, running);
    await bench.fake.connected();
    await bench.fake.resultOf(bench.give("render"));

    const warnings = running.lines.filter(({ level, message }) => level === "warn" && message.includes("an event"));
    expect(warnings.map(({ fields }) => (fields as { event: string }).event)).toEqual(["ready", "raedy"]);
  });
});
