import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { bundlePath } from "../../src/catalog/index.ts";
import type { HandlerRunner, StoreAnswer, StoreQuestion, Turn, TurnReply } from "../../src/handlers/port.ts";
import { openRunLog } from "../../src/handlers/run-log.ts";
import type { Timers } from "../../src/system/clock.ts";
import { silentLog } from "../../src/system/log.ts";
import { createRealSystem } from "../../src/system/real.ts";
import { GO, openWorkshop, turnOf, type Workshop } from "./blueprints.ts";

let shop: Workshop;
beforeEach(async () => {
  shop = await openWorkshop();
});
afterEach(() => shop.drop());

async function startedPool(changes: Parameters<Workshop["pool"]>[0] = {}) {
  const pool = shop.pool(changes);
  await pool.start();
  return pool;
}

/** A chain that took long is paused, which a busy machine may bring about at any step: it goes on as in the engine. */
async function runOn(pool: HandlerRunner, turn: Turn): Promise<TurnReply> {
  const reply = await pool.run(turn);
  if (reply.ending.kind !== "paused") return reply;
  const { stateHistory = turn.stateHistory, ending, steps } = reply;
  const rest = await runOn(pool, { ...turn, state: ending.state, stateHistory, merge: undefined });
  return { stateHistory, ...rest, steps: [...steps, ...rest.steps] };
}

test("a handler that ended is soon no suspect any more, though no other one begins", async () => {
  const hash = await shop.bundle({ start: GO });
  const real = createRealSystem({ write: () => undefined });
  const noted = Promise.withResolvers<void>();
  const timers: Timers = {
    after: (delayMs, run) =>
      real.timers.after(delayMs, () => {
        run();
        if (delayMs < 100) noted.resolve();
      }),
  };
  const pool = await startedPool({ system: { ...real, timers } });

  await pool.run(turnOf(hash));
  await noted.promise;

  // As a process finds the file that starts after this one was killed.
  const path = join(shop.folder, "copy.log");
  await Bun.write(path, Bun.file(join(shop.folder, "running.log")));
  expect([...openRunLog({ path, log: silentLog }).read()]).toEqual([]);
});

describe("a handler that blocks its thread", () => {
  test("is charged alone and named; the jobs beside it end well without a failure", async () => {
    const bad = await shop.bundle({ start: "() => { while (true) {} }" });
    const good = await shop.bundle({
      start: "async (context, actions) => { await Bun.sleep(50); actions.transitionTo('finished'); }",
    });
    const pool = await startedPool({ threads: 1 });

    const neighbours = ["a", "b", "c"].map((jobId) => pool.run(turnOf(good, { jobId })));
    const guilty = pool.run(turnOf(bad, { jobId: "bad" }));
    const replies = await Promise.all(neighbours);
    const reply = await guilty;

    for (const { ending } of replies) expect(ending).toEqual({ kind: "ended", state: "finished" });
    expect(reply).toMatchObject({
      steps: [],
      ending: { kind: "broke", state: "start", alone: true, error: { code: "HANDLER_BLOCKED" } },
    });
    const line = await shop.logged("blocked its thread");
    expect(line.fields).toMatchObject({ job_id: "bad", blueprint: "flow", state: "start" });
  }, 10_000);

  test("in the middle of a chain is charged in its own state, after the states before it were kept", async () => {
    const hash = await shop.bundle({
      start: "(context, actions) => { context.stateHistory.seen = true; actions.transitionTo('stuck'); }",
      stuck: "() => { while (true) {} }",
    });
    const pool = await startedPool();

    const first = await pool.run(turnOf(hash));
    expect(first).toMatchObject({ stateHistory: '{"seen":true}', ending: { kind: "paused", state: "stuck" } });

    const second = await pool.run(turnOf(hash, { state: "stuck", stateHistory: first.stateHistory ?? "" }));
    expect(second.ending).toMatchObject({ kind: "broke", state: "stuck", error: { code: "HANDLER_BLOCKED" } });
  }, 10_000);

  test("has its blueprint's next turns run in a thread where they hold up nobody else", async () => {
    const hash = await shop.bundle({
      start: "(context, actions) => { while (context.initialData.loop) {} actions.transitionTo('finished'); }",
    });
    const good = await shop.bundle({ start: GO }, "export const good = 1;");
    const pool = await startedPool({ threads: 1 });
    await pool.run(turnOf(hash, { initialData: '{"loop":true}' }));
    const replaced = shop.lines.filter((line) => line.message.includes("replaced")).length;

    const again = pool.run(turnOf(hash, { initialData: '{"loop":true}', attempt: 2 }));
    for (let index = 0; index < 20; index++) {
      const { ending } = await pool.run(turnOf(good, { jobId: `good-${index}` }));
      expect(ending.kind).toBe("ended");
    }
    expect((await again).ending.kind).toBe("broke");
    const last = shop.lines.filter((line) => line.message.includes("replaced")).slice(replaced);
    expect(last.map(({ fields }) => fields)).toMatchObject([{ turns: 1, job_id: "job-1" }]);
  }, 10_000);

  test("in a call that nothing can interrupt is counted until it is gone", async () => {
    const hash = await shop.bundle({ start: "() => { Bun.sleepSync(2_200); }" });
    const counts: number[] = [];
    const gone = Promise.withResolvers<void>();
    const onUndead = (count: number) => {
      counts.push(count);
      if (count === 0) gone.resolve();
    };
    const pool = await startedPool({ onUndead });

    expect((await pool.run(turnOf(hash))).ending).toMatchObject({ error: { code: "HANDLER_BLOCKED" } });
    await gone.promise;

    expect(Math.max(...counts)).toBeGreaterThanOrEqual(1);
    expect(counts.at(-1)).toBe(0);
  }, 15_000);
});

describe("a handler that takes its thread down", () => {
  test("is charged alone; the jobs beside it end well", async () => {
    const bad = await shop.bundle({ start: "() => process.exit(7)" });
    const good = await shop.bundle({
      start: "async (context, actions) => { await Bun.sleep(30); actions.transitionTo('finished'); }",
    });
    const pool = await startedPool({ threads: 1 });

    const neighbours = ["a", "b"].map((jobId) => pool.run(turnOf(good, { jobId })));
    const reply = await pool.run(turnOf(bad, { jobId: "bad" }));

    expect(reply.ending).toMatchObject({ kind: "broke", alone: true, error: { code: "HANDLER_THREAD_DIED" } });
    for (const { ending } of await Promise.all(neighbours)) expect(ending.kind).toBe("ended");
  }, 10_000);

  test("has each job that it ran told as lost, before any of them runs again", async () => {
    const bad = await shop.bundle({ start: "() => process.exit(7)" });
    const good = await shop.bundle({
      start: "async (context, actions) => { await Bun.sleep(30); actions.transitionTo('finished'); }",
    });
    const lost: string[] = [];
    const pool = await startedPool({ threads: 1, onLost: (jobId) => lost.push(jobId) });

    const neighbour = pool.run(turnOf(good, { jobId: "beside it" }));
    await pool.run(turnOf(bad, { jobId: "bad" }));
    await neighbour;

    expect(lost.toSorted()).toEqual(["bad", "beside it"]);
  }, 10_000);

  test("by posting a text of its own is charged too; an object that it posts is nobody's", async () => {
    const bad = await shop.bundle({ start: "async () => { postMessage('hello'); await new Promise(() => {}); }" });
    const good = await shop.bundle({
      start: "(context, actions) => { postMessage({ hello: 1 }); actions.transitionTo('finished'); }",
    });
    const pool = await startedPool({ threads: 1 });

    const neighbour = pool.run(turnOf(good, { jobId: "beside it" }));
    const { ending } = await pool.run(turnOf(bad, { jobId: "bad" }));

    expect(ending).toMatchObject({ kind: "broke", alone: true, error: { code: "HANDLER_THREAD_DIED" } });
    expect("error" in ending && ending.error?.message).toContain("it posted a text of its own");
    expect((await neighbour).ending.kind).toBe("ended");
  }, 10_000);

  test("leaves a pool that works on", async () => {
    const bad = await shop.bundle({ start: "() => process.exit(0)" });
    const good = await shop.bundle({ start: GO });
    const pool = await startedPool({ threads: 1 });

    await pool.run(turnOf(bad));

    expect((await pool.run(turnOf(good))).ending.kind).toBe("ended");
  }, 10_000);
});

describe("a handler that goes wrong by itself", () => {
  test("and throws, is answered with its place in the file that a person wrote", async () => {
    const hash = await shop.bundle(
      { start: "() => {\n  throw new RangeError('too far');\n}" },
      "interface Lost { gone: true }\n",
    );
    const pool = await startedPool();

    const { ending } = await pool.run(turnOf(hash));

    expect(ending).toMatchObject({ kind: "broke", alone: false, error: { code: "HANDLER_ERROR" } });
    expect("error" in ending && ending.error?.message).toContain(`too far (at ${shop.folder}/flow-1.ts:6:`);
  });

  test("and hangs past its time, is given up without harm to others", async () => {
    const hash = await shop.bundle({
      start:
        "(context, actions) => context.initialData.hang ? new Promise(() => undefined) : actions.transitionTo('finished')",
    });
    const pool = await startedPool({ threads: 1 });

    const hanging = pool.run(turnOf(hash, { initialData: '{"hang":true}', timeoutMs: 100 }));
    expect((await pool.run(turnOf(hash, { jobId: "job-2" }))).ending.kind).toBe("ended");

    expect((await hanging).ending).toMatchObject({ kind: "broke", error: { code: "HANDLER_TIMEOUT" } });
    expect(shop.lines.filter(({ level }) => level === "error")).toEqual([]);
  });
});

describe("an abort", () => {
  test("answers at once and reaches the handler's signal", async () => {
    const hash = await shop.bundle({
      start: `(context) => new Promise(() => {
        console.log("began");
        context.signal.addEventListener("abort", () => console.log("heard it"));
      })`,
    });
    const pool = await startedPool();
    const controller = new AbortController();
    const reply = pool.run(turnOf(hash), controller.signal);
    await shop.logged("began");

    controller.abort();

    expect((await reply).ending).toMatchObject({ kind: "broke", alone: false, error: { code: "HANDLER_ABORTED" } });
    await shop.logged("heard it");
  });

  test("before the turn is handed out keeps it from running", async () => {
    const hash = await shop.bundle({ start: "() => console.log('ran')" });
    const pool = await startedPool();

    const early = await pool.run(turnOf(hash), AbortSignal.abort());
    const controller = new AbortController();
    const late = pool.run(turnOf(hash), controller.signal);
    controller.abort();

    expect(early.ending).toMatchObject({ error: { code: "HANDLER_ABORTED" } });
    expect((await late).ending).toMatchObject({ error: { code: "HANDLER_ABORTED" } });
    expect((await pool.run(turnOf(hash, { jobId: "job-2" }))).ending.kind).toBe("invalid");
    expect(shop.lines.filter(({ message }) => message === "ran")).toHaveLength(1);
  });

  test("by stopping the pool answers everything that is out, and everything after", async () => {
    const hash = await shop.bundle({ start: "() => new Promise(() => undefined)" });
    const pool = await startedPool();
    const reply = pool.run(turnOf(hash));

    await pool.stop();
    await pool.stop();

    expect((await reply).ending).toMatchObject({ error: { code: "HANDLER_ABORTED" } });
    expect((await pool.run(turnOf(hash))).ending).toMatchObject({ error: { code: "HANDLER_ABORTED" } });
  });

  test("by stopping before the start is no harm", async () => {
    const pool = shop.pool();
    await pool.stop();
    await pool.start();
    expect((await pool.run(turnOf("any"))).ending).toMatchObject({ error: { code: "HANDLER_ABORTED" } });
  });
});

describe("a turn", () => {
  test("runs through its states and brings back what it changed and ordered", async () => {
    const hash = await shop.bundle({
      start: "(context, actions) => { context.stateHistory.line = 'a\\nb'; actions.transitionTo('ask'); }",
      ask: `(context, actions) => actions.dispatchTask({
        taskType: "resize", params: { text: "1\\n2 é", size: context.initialData.size }, transitions: { success: "finished" },
      })`,
    });
    const pool = await startedPool();

    // A text with line ends of its own, as a client may send it.
    const reply = await runOn(pool, turnOf(hash, { initialData: '{\n  "size": 3\n}', merge: '{\n"kept": 1 }' }));

    expect(reply.steps.map(({ state, next }) => [state, next])).toEqual([
      ["start", "ask"],
      ["ask", undefined],
    ]);
    expect(JSON.parse(reply.stateHistory ?? "")).toEqual({ kept: 1, line: "a\nb" });
    expect(JSON.parse(reply.steps[0]?.patch ?? "")).toEqual({ set: { kept: 1, line: "a\nb" } });
    expect(reply.ending).toMatchObject({ kind: "tasks", state: "ask", orders: [{ type: "resize" }] });
    if (reply.ending.kind === "tasks") {
      expect(JSON.parse(reply.ending.orders[0]?.params ?? "")).toEqual({ text: "1\n2 é", size: 3 });
    }
  });

  test("can ask for the state of a job, and hears of a refusal", async () => {
    const hash = await shop.bundle({
      start: `async (context, actions) => {
        const found = await context.storage.getJobState(context.initialData.id);
        context.stateHistory.found = found?.status ?? "none";
        actions.transitionTo("finished");
      }`,
    });
    const jobState = async (asking: string, id: string) => {
      if (id === "bad") throw new Error("the store is closed");
      return id === "other" ? JSON.stringify({ id, status: `seen by ${asking}` }) : undefined;
    };
    const pool = await startedPool({ host: { jobState } });
    const ask = (id: string) => pool.run(turnOf(hash, { initialData: JSON.stringify({ id }) }));

    expect((await ask("other")).stateHistory).toBe('{"found":"seen by job-1"}');
    expect((await ask("missing")).stateHistory).toBe('{"found":"none"}');
    expect((await ask("bad")).ending).toMatchObject({ kind: "broke", error: { code: "HANDLER_ERROR" } });
  });

  test("asks for what data stores hold, and brings back what it did with them", async () => {
    const hash = await shop.bundle({
      start: `async ({ dataStores, stateHistory }, actions) => {
        stateHistory.seen = [await dataStores.counter.get("text"), (await dataStores.counter.get("none")) ?? "nothing", await dataStores.counter.keys("t")];
        await dataStores.counter.set("new", { line: "a\\nb" });
        await dataStores.counter.delete("text");
        actions.transitionTo("finished");
      }`,
    });
    const asked: StoreQuestion[] = [];
    const ask = async (question: StoreQuestion): Promise<StoreAnswer> => {
      asked.push(question);
      if (question.jobId === "late") return "again";
      if (question.jobId === "unlucky") throw new Error("the disk is full");
      if (question.prefix !== undefined) return { version: 3, json: '["text"]' };
      return question.key === "text" ? { version: 4, json: '"a\\nb"' } : { version: 0 };
    };
    const pool = await startedPool({ host: { jobState: async () => undefined, dataStores: { ask } } });

    const reply = await pool.run(turnOf(hash));
    expect(JSON.parse(reply.stateHistory ?? "")).toEqual({ seen: ["a\nb", "nothing", ["text"]] });
    const reads = [
      ["text", 4],
      ["none", 0],
    ] as const;
    const writes = [
      ["new", '{"line":"a\\nb"}'],
      ["text", undefined],
    ] as const;
    expect(reply.dataStores).toEqual([{ store: "counter", keySet: 3, reads: [...reads], writes: [...writes] }]);
    expect(asked[0]).toEqual({ jobId: "job-1", hash, blueprint: "flow", store: "counter", key: "text" });

    expect(await pool.run(turnOf(hash, { jobId: "late" }))).toMatchObject({ again: true, steps: [] });
    expect((await pool.run(turnOf(hash, { jobId: "unlucky" }))).ending).toMatchObject({
      kind: "broke",
      error: { code: "HANDLER_ABORTED", message: expect.stringContaining("the disk is full") },
    });
  });

  test("writes to the log and not to standard output", async () => {
    const hash = await shop.bundle({
      start:
        "async (context, actions) => { await Bun.sleep(1); console.warn('careful', { a: 1 }); process.stdout.write('raw text\\n'); context.log.info('mine', { b: 2 }); actions.transitionTo('finished'); }",
    });
    const pool = await startedPool();

    await pool.run(turnOf(hash));

    expect(await shop.logged("careful")).toMatchObject({ level: "warn", fields: { job_id: "job-1", state: "start" } });
    expect(await shop.logged("raw text")).toMatchObject({ level: "info", message: "raw text" });
    expect(await shop.logged("mine")).toMatchObject({ level: "info", fields: { b: 2, job_id: "job-1" } });
  });

  test("of a bundle that is not there is worth another try, and runs once it is back", async () => {
    const hash = await shop.bundle({ start: GO });
    const path = bundlePath(shop.folder, hash);
    const code = await Bun.file(path).text();
    await rm(path);
    const pool = await startedPool({ threads: 1 });
    expect((await pool.run(turnOf(hash))).ending).toMatchObject({
      kind: "broke",
      error: { code: "BUNDLE_UNAVAILABLE" },
    });

    await Bun.write(path, code);
    expect((await pool.run(turnOf(hash))).ending.kind).toBe("ended");
    expect((await pool.run(turnOf(hash, { blueprint: "other" }))).ending).toMatchObject({
      error: { code: "BUNDLE_UNAVAILABLE" },
    });
  });

  test("waits for a place when its threads are full", async () => {
    const hash = await shop.bundle({
      start: "async (context, actions) => { await Bun.sleep(5); actions.transitionTo('finished'); }",
    });
    const pool = await startedPool({ threads: 1, turnsPerThread: 2 });

    const replies = await Promise.all(
      Array.from({ length: 7 }, (_, index) => pool.run(turnOf(hash, { jobId: `job-${index}` }))),
    );

    expect(replies.map(({ ending }) => ending.kind)).toEqual(Array(7).fill("ended"));
  });

  test("asked for before the start runs after it", async () => {
    const hash = await shop.bundle({ start: GO });
    const pool = shop.pool();
    const reply = pool.run(turnOf(hash));

    await pool.start();

    expect((await reply).ending.kind).toBe("ended");
  });
});
