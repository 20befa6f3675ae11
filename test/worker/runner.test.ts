import assert from "node:assert";
import { describe, expect, test } from "bun:test";
import { silentLog } from "../../src/system/log.ts";
import type { TaskContext } from "../../worker/contract.ts";
import type { RunTask } from "../../worker/definition.ts";
import { PermanentError } from "../../worker/errors.ts";
import { HotCache } from "../../worker/hot-cache.ts";
import { readTask } from "../../worker/payload.ts";
import { Runner } from "../../worker/runner.ts";
import { Slots, type TaskLimits } from "../../worker/slots.ts";
import type { Origin, TaskRun } from "../../worker/task.ts";
import { FakeTimers } from "./support/fake-timers.ts";
import { gate } from "./support/wait.ts";

interface Outcome {
  readonly status: string;
  readonly error?: { readonly code: string; readonly message: string };
}

function setUp(handlers: Record<string, RunTask>, limits: Partial<TaskLimits> = {}) {
  const timers = new FakeTimers();
  const outcomes = new Map<string, Outcome>();
  const origin: Origin = {
    finished: (task: TaskRun, body) => void outcomes.set(task.taskId, JSON.parse(body)),
    progress: async () => undefined,
    checkpoint: async () => undefined,
    event: async () => undefined,
    isCancelled: async () => false,
    release: () => undefined,
  };
  const runner = new Runner({
    tasks: new Map(Object.entries(handlers).map(([name, run]) => [name, { run }])),
    slots: new Slots({ total: 10, limits: {}, limitOfTask: {}, ...limits }),
    timers,
    workplace: {
      workerId: "w1",
      log: silentLog,
      timers,
      payloadFolder: "/tmp/none",
      hotCache: new HotCache({}, () => undefined),
    },
    changed: () => undefined,
  });
  const give = (id: string, type: string, more: object = {}) => {
    const payload = readTask({ job_id: `j-${id}`, task_id: id, type, params: {}, ...more });
    if (!payload) throw new Error("the test's task is no task");
    return runner.accept(payload, origin);
  };
  return { runner, timers, outcomes, give };
}

/** Lets everything that is ready run. */
const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

const untilStopped: RunTask = (_, { signal }) =>
  new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));

describe("running tasks", () => {
  test("a type that the worker does not have is a permanent error that names it", () => {
    const { give, outcomes } = setUp({});

    give("t1", "fly");

    expect(outcomes.get("t1")).toEqual({
      status: "failure",
      error: { code: "PERMANENT_ERROR", message: "Unsupported task: fly" },
    } as Outcome);
  });

  test("a checkpoint that cannot be kept, and that nobody waits for, brings nothing down", async () => {
    const { give, outcomes } = setUp({
      large: (_, { checkpoint }) => void checkpoint("x".repeat(2 * 1024 * 1024)),
      waits: async (_, { checkpoint }) => checkpoint(10n as never),
    });

    give("t1", "large");
    give("t2", "waits");
    await turn();

    expect(outcomes.get("t1")?.status).toBe("success");
    expect(outcomes.get("t2")?.error?.message).toContain("cannot be written as JSON");
  });

  test("a handler that throws at once, and one that rejects later, give back their slots", async () => {
    const { give, outcomes, runner } = setUp({
      sync: () => {
        throw new PermanentError("no");
      },
      later: async () => {
        throw new Error("not yet");
      },
    });

    give("t1", "sync");
    give("t2", "later");
    await turn();

    expect(outcomes.get("t1")?.error?.code).toBe("PERMANENT_ERROR");
    expect(outcomes.get("t2")?.error).toEqual({ code: "TRANSIENT_ERROR", message: "not yet" });
    expect(runner.freeSlots).toBe(10);
  });

  test("a handler sees the time-out on its signal, and the attempt fails as transient", async () => {
    const { give, timers, outcomes } = setUp({ slow: untilStopped });

    give("t1", "slow", { timeout_seconds: 5 });
    timers.pass(4999);
    await turn();
    expect(outcomes.size).toBe(0);
    timers.pass(1);
    await turn();

    expect(outcomes.get("t1")?.error).toEqual({
      code: "TRANSIENT_ERROR",
      message: "The task took longer than its 5 s.",
    });
    expect(timers.waiting).toBe(0);
  });

  test("a handler that ignores its time-out loses its slot a second later, and its late return changes nothing", async () => {
    const { open, passed } = gate();
    const { give, timers, outcomes, runner } = setUp({ deaf: () => passed.then(() => ({ late: true })) });

    give("t1", "deaf", { timeout_seconds: 1 });
    timers.pass(2000);
    expect(outcomes.get("t1")?.error?.code).toBe("TRANSIENT_ERROR");
    expect(runner.freeSlots).toBe(10);
    open();
    await turn();

    expect(outcomes.get("t1")?.status).toBe("failure");
    expect(runner.freeSlots).toBe(10);
  });

  test("a cancelled handler that never ends loses its slot after half a minute", async () => {
    const { give, timers, outcomes, runner } = setUp({ deaf: () => new Promise(() => undefined) });

    give("t1", "deaf", { timeout_seconds: 3600 });
    runner.stop("t1", "cancelled");
    runner.stop("t1", "cancelled");
    timers.pass(29_000);
    expect([outcomes.size, runner.freeSlots]).toEqual([0, 9]);
    timers.pass(1000);

    expect(outcomes.get("t1")).toEqual({ status: "cancelled" });
    expect([runner.freeSlots, timers.waiting]).toEqual([10, 0]);
  });

  test("whatever a handler returns, its task ends", async () => {
    const broken = () => assert.fail("no");
    const odd = [
      new Proxy({}, { has: broken }),
      Object.defineProperty({}, "then", { get: broken }),
      { then: broken },
      { then: (done: (value: unknown) => void) => done(new Proxy({}, { has: broken })) },
    ];
    const { give, outcomes, runner } = setUp({ odd: ({ index }) => odd[Number(index)] });
    for (const index of odd.keys()) give(`t${index}`, "odd", { params: { index } });
    await turn();

    expect([...outcomes.values()].map(({ status }) => status)).toEqual(odd.map(() => "failure"));
    expect(runner.freeSlots).toBe(10);
  });

  test("whatever a handler throws, its task ends", async () => {
    const odd = [Object.create(null), new Proxy({}, { get: () => assert.fail("no") }), Symbol("x"), 5n];
    const { give, outcomes, runner } = setUp({
      odd: ({ index }) => {
        throw odd[Number(index)];
      },
    });
    for (const index of odd.keys()) give(`t${index}`, "odd", { params: { index } });
    await turn();

    expect([...outcomes.values()].map(({ error }) => error?.code)).toEqual(odd.map(() => "TRANSIENT_ERROR"));
    expect(runner.freeSlots).toBe(10);
  });

  test("a task without a time-out sets no timer", async () => {
    const { give, timers } = setUp({ quick: () => undefined, slow: untilStopped });

    give("t1", "quick");
    give("t2", "slow");

    expect(timers.waiting).toBe(0);
  });

  test("a cancelled handler that throws has been cancelled; one that returns has the last word", async () => {
    const { open, passed } = gate();
    const { give, runner, outcomes } = setUp({ aborts: untilStopped, returns: () => passed.then(() => ({ n: 1 })) });

    give("t1", "aborts");
    give("t2", "returns");
    runner.stop("t1", "cancelled");
    runner.stop("t2", "cancelled");
    open();
    await turn();

    expect(outcomes.get("t1")).toEqual({ status: "cancelled" });
    expect(outcomes.get("t2")?.status).toBe("success");
  });

  test("a signal that is asked for after the cancellation is aborted already", async () => {
    const { open, passed } = gate();
    let wasAborted = false;
    const { give, runner } = setUp({
      late: async (_, task) => {
        await passed;
        wasAborted = task.signal.aborted && (await task.isCancelled());
      },
    });

    give("t1", "late");
    runner.stop("t1", "cancelled");
    open();
    await turn();

    expect(wasAborted).toBe(true);
  });

  test("what comes beyond the slots waits, in order", async () => {
    const begun: string[] = [];
    const gates = [gate(), gate(), gate()];
    const { give, runner } = setUp(
      { work: async ({ n }) => (begun.push(`${n}`), await gates[Number(n)]?.passed, undefined) },
      { total: 1 },
    );

    for (const n of [0, 1, 2]) give(`t${n}`, "work", { params: { n } });
    expect(begun).toEqual(["0"]);
    expect(runner.freeSlots).toBe(0);
    gates[0]?.open();
    await turn();
    expect(begun).toEqual(["0", "1"]);
    gates[1]?.open();
    await turn();

    expect(begun).toEqual(["0", "1", "2"]);
  });

  test("a task whose limit is reached holds up no other", async () => {
    const begun: string[] = [];
    const first = gate();
    const heavy: RunTask = async (_, { taskId }) => (begun.push(taskId), await first.passed, undefined);
    const { give } = setUp(
      { paint: heavy, draw: heavy, light: heavy },
      { limits: { gpu: 1 }, limitOfTask: { paint: "gpu", draw: "gpu" } },
    );

    give("t1", "paint");
    give("t2", "draw");
    give("t3", "light");
    expect(begun).toEqual(["t1", "t3"]);
    first.open();
    await turn();

    expect(begun).toEqual(["t1", "t3", "t2"]);
  });

  test("a task that is cancelled while it waits never begins", async () => {
    const begun: string[] = [];
    const { give, runner, outcomes } = setUp(
      { work: (_, task) => (begun.push(task.taskId), untilStopped({}, task)) },
      { total: 1 },
    );

    give("t1", "work");
    give("t2", "work");
    runner.stop("t2", "cancelled");
    runner.stop("t1", "cancelled");
    await turn();

    expect(begun).toEqual(["t1"]);
    expect(outcomes.get("t2")).toEqual({ status: "cancelled" });
    expect(runner.freeSlots).toBe(1);
  });

  test("the same delivery twice runs once", () => {
    let runs = 0;
    const { give } = setUp({ slow: (_, task) => ((runs += 1), untilStopped({}, task)) });

    give("t1", "slow");
    give("t1", "slow");

    expect(runs).toBe(1);
  });

  test("a draining runner begins nothing, hands back what waits, and abandons what does not end", async () => {
    const causes: unknown[] = [];
    const { give, runner, outcomes } = setUp(
      {
        work: (_, task) => (
          task.signal.addEventListener("abort", () => causes.push(task.signal.reason)),
          untilStopped({}, task)
        ),
      },
      { total: 1 },
    );
    give("t1", "work");
    give("t2", "work");

    expect(runner.drain().map((run) => run.taskId)).toEqual(["t2"]);
    expect(give("t3", "work")).toBe(false);
    const idle = runner.idle();
    expect(runner.abandon().map((run) => run.taskId)).toEqual(["t1"]);
    await idle;
    await turn();

    expect(causes).toHaveLength(1);
    expect(outcomes.size).toBe(0);
    expect(runner.load).toBe(0);
  });

  test("a handler may take everything out of its context", async () => {
    const { give, outcomes } = setUp({
      all: async (_, task: TaskContext) => {
        const { sendProgress, checkpoint, isCancelled, addToHotCache, removeFromHotCache, log, lastCheckpoint } = task;
        await sendProgress(0.5, "half");
        await checkpoint({ step: 2 });
        addToHotCache("m");
        removeFromHotCache("m");
        log.info("here");
        return { cancelled: await isCancelled(), last: lastCheckpoint, attempt: task.attempt, priority: task.priority };
      },
    });

    give("t1", "all", { last_checkpoint: { step: 1 }, attempt: 2, priority: 3 });
    await turn();

    expect(outcomes.get("t1")).toEqual({
      status: "success",
      data: { cancelled: false, last: { step: 1 }, attempt: 2, priority: 3 },
    } as Outcome);
  });
});
