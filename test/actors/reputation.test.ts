import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Type } from "@sinclair/typebox";
import { REPUTATION_RULES, type ReputationRules } from "../../actors/worker-registry/reputation.ts";
import { oneTask, type TaskSettings } from "../support/blueprints.ts";
import { World, type WorldOptions } from "../support/engine.ts";
import { type Answer, invalidInput, permanent, resultOf, StreamWorker, transient } from "../support/worker.ts";

let world: World | undefined;
let folder: string | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
  if (folder !== undefined) rmSync(folder, { recursive: true });
  folder = undefined;
});

/** Time gives nothing back, unless a test says so. */
const STRICT = { ...REPUTATION_RULES, recoveryPerHour: 0 };

async function start(
  task: TaskSettings = {},
  reputation: ReputationRules = STRICT,
  more: Partial<WorldOptions> = {},
): Promise<World> {
  world = await World.start({ blueprints: [oneTask("simple", task)], ...more, settings: { reputation } });
  return world;
}

function reputationOf(w: World, id: string): unknown {
  return w.engine.workers.list().find((worker) => worker["worker_id"] === id)?.["reputation"];
}

/** One job after the other, each answered like this. */
async function answerAll(w: World, worker: StreamWorker, ...answers: Answer[]): Promise<void> {
  for (const answer of answers) {
    await w.create("simple");
    await worker.answer(answer);
    await w.time.settle();
  }
}

const times = (count: number, answer: Answer): Answer[] => Array.from({ length: count }, () => answer);

describe("what changes a worker's reputation", () => {
  for (const [name, answers, expected] of [
    ["a permanent failure takes of it", [permanent], 0.95],
    ["a success gives a little back", [permanent, {}], 0.951],
    ["a wrong input is not the worker's fault", [invalidInput], 1],
    ["a transient failure is nobody's", [transient], 1],
    ["a task that was cancelled says nothing", [permanent, { status: "cancelled" }], 0.95],
    ["a status that nobody waits for says nothing", [permanent, { status: "no_such_word" }], 0.95],
  ] as const) {
    test(name, async () => {
      const w = await start();
      const worker = await new StreamWorker(w, "w").connect();
      await answerAll(w, worker, ...answers);

      expect(reputationOf(w, "w")).toBe(expected);
    });
  }

  test("a result that its task's outputSchema does not take costs most", async () => {
    const w = await start({ outputSchema: Type.Object({ total: Type.Number() }) });
    const worker = await new StreamWorker(w, "w").connect();
    await answerAll(w, worker, { data: { total: "much" } });

    expect(reputationOf(w, "w")).toBe(0.8);
  });

  test("a result that is sent twice, too late, or for another worker's task changes it once or not at all", async () => {
    const w = await start();
    const worker = await new StreamWorker(w, "w").connect();
    const other = await new StreamWorker(w, "other", { tasks: ["none"] }).connect();
    await w.create("simple");
    const task = worker.last;
    expect(await other.answer(permanent, task)).toMatchObject({ status: "ignored" });
    await worker.answer(permanent, task);
    for (let again = 0; again < 3; again++) {
      expect(await w.done(w.engine.workers.result(resultOf("w", task, permanent)))).toMatchObject({
        status: "ignored",
      });
    }

    expect([reputationOf(w, "w"), reputationOf(w, "other")]).toEqual([0.95, 1]);
  });

  test("a result that could not be written changes it only once it is", async () => {
    const w = await start();
    const worker = await new StreamWorker(w, "w").connect();
    await w.create("simple");
    w.disk.refuse = () => new Error("no room");
    await w.refused(worker.answer(permanent));
    expect(reputationOf(w, "w")).toBe(1);
    w.disk.refuse = () => undefined;
    await w.pass(2_000);
    await worker.answer(permanent);

    expect(reputationOf(w, "w")).toBe(0.95);
  });

  test("a task that was drained away, handed back, lost or ran out of time leaves it alone", async () => {
    const w = await start({ timeoutSeconds: 5, retry: { maxAttempts: 9, backoffSeconds: 0 } });
    const worker = await new StreamWorker(w, "w").connect();
    await answerAll(w, worker, permanent);
    await w.create("simple");
    await worker.release();
    await w.pass(6_000);
    await worker.kill();
    await w.pass(10_000);
    await worker.connect();
    await w.done(w.engine.workers.drain("w"));

    expect(reputationOf(w, "w")).toBe(0.95);
  });
});

describe("a worker cannot speak for itself", () => {
  test("by what it registers, nor by a heartbeat", async () => {
    const w = await start();
    const worker = await new StreamWorker(w, "w", { record: { reputation: 0.1 } }).connect();
    await answerAll(w, worker, permanent);
    await w.done(w.engine.workers.register({ worker_id: "w", supported_tasks: ["t"], reputation: 1 } as never));
    const beat = await w.done(w.engine.workers.heartbeat("w", { load: 0, reputation: 1 } as never));

    expect([beat["reputation"], reputationOf(w, "w")]).toEqual([0.95, 0.95]);
  });

  test("by going away and coming back as a new one", async () => {
    const w = await start();
    const worker = await new StreamWorker(w, "w").connect();
    await answerAll(w, worker, permanent);
    await worker.kill();
    await w.pass(200_000, 1_000);
    expect(w.engine.workers.list()).toEqual([]);
    await worker.connect();

    expect(reputationOf(w, "w")).toBe(0.95);
  });
});

describe("a worker below the threshold", () => {
  const jobs = (w: World, worker: StreamWorker) => ({ w, worker });

  async function shutOut(rules: ReputationRules = STRICT) {
    const w = await start({}, rules);
    const worker = await new StreamWorker(w, "w").connect();
    await answerAll(w, worker, ...times(15, permanent));
    return jobs(w, worker);
  }

  test("gets nothing, and the log says so", async () => {
    const { w, worker } = await shutOut();
    const id = await w.create("simple");
    await w.pass(60_000, 1_000);

    expect([worker.got.length, reputationOf(w, "w"), await w.status(id)]).toEqual([15, 0.25, "waiting_for_worker"]);
    expect(w.warnings()).toEqual([
      "A worker gets no tasks for a while: its results cost it too much of its reputation.",
    ]);
  });

  test("gets what waited for it once time has given enough back", async () => {
    const { w, worker } = await shutOut({ ...REPUTATION_RULES, recoveryPerHour: 0.6 });
    await w.create("simple");
    await w.pass(290_000, 1_000);
    expect(worker.got.length).toBe(15);
    await w.pass(12_000, 1_000);

    expect(worker.got.length).toBe(16);
    await worker.answer();
    await w.pass(3_600_000 * 2, 60_000);
    expect(reputationOf(w, "w")).toBe(1);
  });

  test("is let in at once by an operator, with all of its reputation; one that is let in already keeps what it has", async () => {
    const { w, worker } = await shutOut();
    const other = await new StreamWorker(w, "other", { tasks: ["none"] }).connect();
    await w.create("simple");
    await w.done(w.engine.workers.resume("w"));
    await w.time.settle();
    expect([worker.got.length, reputationOf(w, "w")]).toEqual([16, 1]);

    await worker.answer(permanent);
    await w.done(w.engine.workers.resume("w"));
    expect([reputationOf(w, "w"), reputationOf(w, other.id)]).toEqual([0.95, 1]);
  });

  test("leaves its tasks to others", async () => {
    const { w } = await shutOut();
    const other = await new StreamWorker(w, "other").connect();
    await w.create("simple");

    expect(other.got.length).toBe(1);
  });

  test("is not shut out where the threshold is nothing", async () => {
    const { w, worker } = await shutOut({ ...STRICT, threshold: 0 });
    await answerAll(w, worker, ...times(10, permanent));

    expect([worker.got.length, reputationOf(w, "w")]).toEqual([25, 0]);
  });
});

describe("a restart", () => {
  async function kept(): Promise<World> {
    folder = mkdtempSync(join(tmpdir(), "reputation-"));
    const w = await start({}, STRICT, { folder });
    const worker = await new StreamWorker(w, "w").connect();
    await answerAll(w, worker, permanent, permanent);
    return w;
  }

  test("that was asked for keeps all of it", async () => {
    const w = await kept();
    await w.restart();
    await new StreamWorker(w, "w").connect();

    expect(reputationOf(w, "w")).toBe(0.9);
  });

  test("finds what is older than a few seconds, though nobody stopped the server in order", async () => {
    const w = await kept();
    const written = await w.storage.registers.reputations();
    expect(written.size).toBe(0);
    await w.pass(5_000, 500);

    expect((await w.storage.registers.reputations()).get("w")?.value).toBeCloseTo(0.9);
  });

  test("writes once for all results of those seconds, and tries again where it could not", async () => {
    const w = await kept();
    const writes: number[] = [];
    const { registers } = w.storage;
    const save = registers.saveReputations.bind(registers);
    registers.saveReputations = (changes) => {
      writes.push(changes.size);
      return writes.length === 1 ? Promise.reject(new Error("no room")) : save(changes);
    };
    await w.pass(20_000, 500);

    expect(writes).toEqual([1, 1]);
    expect((await registers.reputations()).get("w")?.value).toBeCloseTo(0.9);
  });
});

describe("best_value", () => {
  test("goes from the cheap worker to the dear one as the cheap one's results go bad", async () => {
    const w = await start({ dispatchStrategy: "best_value" });
    const cheap = await new StreamWorker(w, "cheap", { record: { cost_per_second: 0.9 } }).connect();
    const dear = await new StreamWorker(w, "dear", { record: { cost_per_second: 1 } }).connect();
    await answerAll(w, cheap, permanent, permanent, permanent);
    await w.create("simple");

    expect([cheap.got.length, dear.got.length]).toEqual([3, 1]);
  });
});
