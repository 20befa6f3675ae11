/** conductor #209, PR #1259: a wake-up found its job locked by somebody else, and was dropped. */
import { describe, expect, test } from "bun:test";
import { branches, oneTask } from "../../support/blueprints.ts";
import { storeFull } from "../../../src/storage/refusals.ts";
import { StreamWorker, transient } from "../../support/worker.ts";
import { startOnFile } from "./stage.ts";

const retry = { maxAttempts: 4, backoffSeconds: 2, backoffFactor: 1, maxBackoffSeconds: 2 };
/** Its backoff with all the jitter there is, and far from a round of the sweep. */
const DUE_MS = 4_000;

describe("lost wake-up on a missed lock", () => {
  test("a retry that falls due while its job writes something else is handed out once that is written", async () => {
    const world = await startOnFile({ blueprints: [branches("fan", { retry })] });
    const id = await world.create("fan", { count: 2 });
    const worker = await new StreamWorker(world, "w").connect();
    await world.time.settle();
    const [first, second] = worker.running;
    if (!first || !second) throw new Error("two tasks were expected");
    await worker.answer(transient, first);

    world.disk.hold();
    const answering = worker.answer({}, second).catch(() => undefined);
    await world.pass(DUE_MS, 50);
    expect([world.disk.waiting, worker.got.length]).toEqual([1, 2]);
    world.disk.release();
    await answering;
    await world.pass(100, 50);

    expect(worker.got.map((task) => task.attempt)).toEqual([1, 1, 2]);
    await worker.answer();
    expect(await world.status(id)).toBe("finished");
    expect(world.engine.repairs).toBe(0);
  });

  test("one whose wake-up could not be written is woken again soon", async () => {
    const world = await startOnFile({ blueprints: [oneTask("one", { retry })] });
    const id = await world.create("one");
    const worker = await new StreamWorker(world, "w").connect();
    await world.time.settle();
    await worker.answer(transient);
    world.disk.refuse = () => storeFull();
    await world.pass(DUE_MS, 50);
    expect(await world.status(id)).toBe("awaiting_retry");
    world.disk.refuse = () => undefined;
    await world.pass(2_000, 50);

    expect(worker.got.map((task) => task.attempt)).toEqual([1, 2]);
    expect(world.engine.repairs).toBe(0);
  });

  test("one that falls due while its job is being read is not forgotten, though the read fails at first", async () => {
    const world = await startOnFile({ blueprints: [oneTask("one", { retry })], settings: { jobIdleMs: 500 } });
    const id = await world.create("one");
    const worker = await new StreamWorker(world, "w").connect();
    await world.time.settle();
    await worker.answer(transient);
    // Out of memory by then, and read again for its wake-up.
    let reads = 0;
    world.refuseRead = (name) => {
      if (name !== "load") return undefined;
      reads += 1;
      return reads <= 2 ? new Error("the database is locked") : undefined;
    };
    await world.pass(DUE_MS + 4_000, 50);

    expect(reads).toBeGreaterThan(2);
    expect(worker.got.map((task) => task.attempt)).toEqual([1, 2]);
    expect(await world.status(id)).toBe("waiting_for_worker");
    expect(world.engine.repairs).toBe(0);
  });

  test("many that are due at once are all woken, a part at a time", async () => {
    const world = await startOnFile({ blueprints: [oneTask("one", { dispatchTimeoutSeconds: 30 })] });
    const ids = await Promise.all(Array.from({ length: 1_300 }, () => world.create("one")));
    await world.pass(29_000, 1_000);
    expect(await world.status(ids[0] ?? "")).toBe("waiting_for_worker");
    await world.pass(3_000, 50);

    const open = await world.done(world.engine.jobs.list({ status: "waiting_for_worker", limit: 200 }));
    expect(open).toEqual([]);
    expect(world.engine.repairs).toBe(0);
  });
});
