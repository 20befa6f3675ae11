/** One worker and several orchestrators, each a fake one on a socket of its own. */
import { afterEach, describe, expect, test } from "bun:test";
import type { TransportChoice } from "../../worker/settings.ts";
import { Worker } from "../../worker/index.ts";
import { FakeOrchestrator } from "./support/fake-orchestrator.ts";
import { type RunningWorker, type RunSettings, runWorker } from "./support/running.ts";
import { gate } from "./support/wait.ts";

const open: Array<{ stop(): Promise<void> }> = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.stop();
});

interface Stage {
  readonly main: FakeOrchestrator;
  readonly other: FakeOrchestrator;
  readonly running: RunningWorker;
}

function begin(
  worker: Worker,
  more: Record<string, string> = {},
  settings: RunSettings = {},
  fields = [{}, {}],
): Stage {
  const [main, other] = [new FakeOrchestrator().start(), new FakeOrchestrator().start()];
  const config = [main, other].map(({ url }, place) => ({ url, priority: place, ...fields[place] }));
  const environment = { ORCHESTRATORS_CONFIG: JSON.stringify(config), ...more };
  const running = runWorker(worker, main, { ...settings, environment });
  open.push(main, other, running);
  return { main, other, running };
}

const echo = () => new Worker({ maxConcurrentTasks: 4 }).task("echo", (params) => params);

/** By stream: what the last word of the worker was on how much it takes. */
async function told(fake: FakeOrchestrator, status: string, tasks: number): Promise<void> {
  await fake.signal.until(`${status} with ${tasks} tasks`, () => {
    const last = fake.frames.findLast(({ type }) => type === "heartbeat");
    return last?.["status"] === status && last["max_concurrent_tasks"] === tasks;
  });
}

describe("FAILOVER", () => {
  test("all are told of the worker, and the preferred one alone may give tasks", async () => {
    const { main, other } = begin(echo(), {}, { transport: "ws" });

    await told(main, "idle", 4);
    await told(other, "busy", 0);
    expect(await main.resultOf(main.sendTask("echo", { n: 1 }))).toMatchObject({ data: { n: 1 } });
  });

  test("when the preferred one dies the next one is used, and when it is back it is used again", async () => {
    const { main, other, running } = begin(echo(), {}, { transport: "ws" });
    await told(main, "idle", 4);
    await main.stop();

    await told(other, "idle", 4);
    expect(await other.resultOf(other.sendTask("echo", { n: 2 }))).toMatchObject({ data: { n: 2 } });

    main.start();
    await told(other, "busy", 0);
    await told(main, "idle", 4);
    expect(running.lines.filter(({ message }) => message.includes("gives the tasks now"))).toHaveLength(3);
  });

  test("one that is not there at the start holds nobody up", async () => {
    const main = new FakeOrchestrator().start();
    const { url } = main;
    await main.stop();
    const other = new FakeOrchestrator().start();
    const environment = { ORCHESTRATORS_CONFIG: JSON.stringify([{ url }, { url: other.url }]) };
    open.push(other, runWorker(echo(), other, { transport: "ws", environment }));

    await told(other, "idle", 4);
  });

  test("one that accepts connections and never answers is left, and the tasks come from the next one", async () => {
    const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    open.push({ stop: async () => silent.stop(true) });
    const other = new FakeOrchestrator().start();
    const config = [{ url: `http://127.0.0.1:${silent.port}` }, { url: other.url }];
    const running = runWorker(echo(), other, {
      transport: "ws",
      environment: { ORCHESTRATORS_CONFIG: JSON.stringify(config) },
    });
    open.push(other, running);

    await told(other, "idle", 4);
  });

  test("a result goes where its task came from, and waits for it without holding up the other", async () => {
    const { open: finish, passed } = gate();
    const worker = new Worker({ maxConcurrentTasks: 2 })
      .task("slow", () => passed.then(() => ({ from: "main" })))
      .task("echo", (params) => params);
    const { main, other } = begin(worker, {}, { transport: "ws" });
    await told(main, "idle", 2);
    const slow = main.sendTask("slow");
    await main.frame("the task runs", (frame) => frame["load"] === 1);
    await main.stop();

    // Its slot is taken yet.
    await told(other, "idle", 1);
    finish();
    await told(other, "idle", 2);
    await other.resultOf(other.sendTask("echo"));
    main.start();

    expect(await main.resultOf(slow)).toMatchObject({ data: { from: "main" } });
    expect(other.frames.filter(({ type }) => type === "result")).toHaveLength(1);
  });

  test("by poll: the standby is registered and told of the load, and nothing is asked of it until it is needed", async () => {
    const { main, other } = begin(echo(), {}, { transport: "poll" });
    await main.signal.until("parked polls", () => main.parkedPolls === 4);
    await other.request("a heartbeat at the standby", ({ body }) => body["status"] === "busy");
    expect(other.mostParkedPolls).toBe(0);

    await main.stop();
    await other.signal.until("parked polls at the standby", () => other.parkedPolls === 4);
    expect(await other.resultOf(other.queueTask("echo", { n: 3 }))).toMatchObject({ data: { n: 3 } });
  });
});

describe("ROUND_ROBIN", () => {
  const mode = { MULTI_ORCHESTRATOR_MODE: "ROUND_ROBIN" };

  test.each<TransportChoice>(["ws", "poll"])("%s: both give tasks", async (transport) => {
    const { main, other } = begin(echo(), mode, { transport });
    const give = (fake: FakeOrchestrator) => (transport === "ws" ? fake.sendTask("echo") : fake.queueTask("echo"));
    if (transport === "ws") await Promise.all([main.connected(), other.connected()]);

    expect(await main.resultOf(give(main))).toMatchObject({ status: "success" });
    expect(await other.resultOf(give(other))).toMatchObject({ status: "success" });
  });

  test("one that has our stream and one that can only be polled are served side by side", async () => {
    const [ours, older] = [new FakeOrchestrator().start(), new FakeOrchestrator({ streamStatus: 404 }).start()];
    const config = JSON.stringify([{ url: ours.url }, { url: older.url }]);
    const running = runWorker(echo(), ours, { environment: { ORCHESTRATORS_CONFIG: config, ...mode } });
    open.push(ours, older, running);
    await ours.connected();
    const ids = [ours.sendTask("echo", { n: 1 }), older.queueTask("echo", { n: 2 })] as const;

    expect(await ours.resultOf(ids[0])).toMatchObject({ data: { n: 1 } });
    expect(await older.resultOf(ids[1])).toMatchObject({ data: { n: 2 }, worker_id: "w1" });
  });

  test("what one's tasks use of a limit the other is not offered", async () => {
    const { open: finish, passed } = gate();
    const worker = new Worker({ maxConcurrentTasks: 4, taskTypeLimits: { gpu: 1 } })
      .task("paint", { type: "gpu" }, () => passed.then(() => undefined))
      .task("echo", (params) => params);
    const { main, other } = begin(worker, mode, { transport: "ws" });
    await Promise.all([main.connected(), other.connected()]);
    const limitIs = (limit: number) => () => {
      const last = other.frames.findLast(({ type }) => type === "heartbeat");
      return JSON.stringify(last?.["task_type_limits"]) === `{"gpu":${limit}}`;
    };
    const id = main.sendTask("paint");

    await other.signal.until("none of the limit is left", limitIs(0));
    expect(main.frames.findLast(({ type }) => type === "heartbeat")?.["task_type_limits"]).toEqual({ gpu: 1 });
    finish();
    await main.resultOf(id);
    await other.signal.until("the limit is free again", limitIs(1));
  });

  test("one slot goes round by the weights", async () => {
    const order: string[] = [];
    const gates = Array.from({ length: 8 }, () => gate());
    const worker = new Worker({ maxConcurrentTasks: 1 }).task("next", async ({ from }) => {
      order.push(from);
      await gates[order.length - 1]?.passed;
    });
    const { main, other } = begin(worker, mode, { transport: "ws" }, [{ weight: 3 }, { weight: 1 }]);
    await Promise.all([main.connected(), other.connected()]);
    await told(main, "idle", 2);

    // As servers do: each keeps what it may have in hand.
    const give = (fake: FakeOrchestrator, from: string) => fake.sendTask("next", { from });
    give(main, "main");
    await main.frame("the first runs", (frame) => frame["load"] === 1);
    give(main, "main");
    give(other, "other");
    await other.frame("all have come", (frame) => `${frame["current_tasks"]}`.includes("task-"));
    for (const { open: end } of gates) {
      const before = [main, other].map((fake) => fake.frames.filter(({ type }) => type === "result").length);
      end();
      const done = await Promise.race([
        main.signal.until(
          "a result",
          () => main.frames.filter(({ type }) => type === "result").length > (before[0] ?? 0) && main,
        ),
        other.signal.until(
          "a result",
          () => other.frames.filter(({ type }) => type === "result").length > (before[1] ?? 0) && other,
        ),
      ]);
      give(done, done === main ? "main" : "other");
    }

    expect(order.slice(0, 8).filter((from) => from === "main")).toHaveLength(6);
  });
});

describe("an orchestrator that refuses the worker", () => {
  test("is named with the variable to set, and the worker goes on with the other", async () => {
    const refusing = new FakeOrchestrator({ streamStatus: 401 }).start();
    const other = new FakeOrchestrator().start();
    const config = [{ url: refusing.url, token: "wrong" }, { url: other.url }];
    const running = runWorker(echo(), other, { environment: { ORCHESTRATORS_CONFIG: JSON.stringify(config) } });
    open.push(refusing, other, running);

    await told(other, "idle", 4);
    const { level, message } = await running.line("refused the worker");
    expect([level, message]).toEqual([
      "error",
      expect.stringContaining('the "token" of entry 1 of ORCHESTRATORS_CONFIG'),
    ]);
    expect(message).not.toContain("wrong");
  });

  test("ends the worker where all do", async () => {
    const fakes = [
      new FakeOrchestrator({ streamStatus: 401 }).start(),
      new FakeOrchestrator({ streamStatus: 401 }).start(),
    ];
    const config = JSON.stringify(fakes.map(({ url }) => ({ url })));
    const [first] = fakes;
    if (!first) throw new Error("there is a first one");
    const running = runWorker(echo(), first, { environment: { ORCHESTRATORS_CONFIG: config } });
    open.push(...fakes, running);

    expect(await running.ended).toMatchObject({ code: "UNAUTHORIZED" });
  });
});
