import { afterEach, describe, expect, test } from "bun:test";
import { branches, oneTask } from "../support/blueprints.ts";
import { World, type WorldOptions } from "../support/engine.ts";
import { StreamWorker, transient } from "../support/worker.ts";

let world: World | undefined;
async function start(options: WorldOptions): Promise<World> {
  world = await World.start(options);
  return world;
}
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

const SLOW = { maxAttempts: 4, backoffSeconds: 10, backoffFactor: 1, maxBackoffSeconds: 10 };

describe("time that comes after a retry's pause", () => {
  test("a deadline still ends a job whose retry waits in the queue", async () => {
    const w = await start({ blueprints: [oneTask("simple", { retry: SLOW })] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple", {}, { deadlineSeconds: 300 });
    await worker.answer(transient);
    await worker.kill();

    await w.pass(301_000, 1_000);

    expect((await w.view(id)).job).toMatchObject({ status: "failed", error: { code: "DEADLINE_EXCEEDED" } });
  });

  test("each branch is tried again at its own time, whatever the others do", async () => {
    const w = await start({ blueprints: [branches("fan", { retry: SLOW })] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("fan", { count: 2 });
    const [first, second] = worker.got;
    if (!first || !second) throw new Error("two branches were expected");
    await worker.answer(transient, first);
    await w.pass(4_000, 500);
    await worker.answer(transient, second);
    await worker.kill();

    await w.pass(20_000, 500);
    const other = await new StreamWorker(w, "other").connect();

    expect(other.got.map((task) => task.attempt)).toEqual([2, 2]);
    expect(await w.status(id)).toBe("waiting_for_parallel");
  });

  test("the dispatch timeout begins when the retry is queued, not when its pause begins", async () => {
    const w = await start({ blueprints: [oneTask("simple", { retry: SLOW, dispatchTimeoutSeconds: 3 })] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await worker.answer(transient);

    await w.pass(12_000, 500);

    expect(worker.got).toHaveLength(2);
    expect(await w.status(id)).toBe("waiting_for_worker");
  });

  test("the dispatch timeout ends a retry that no worker takes", async () => {
    const w = await start({ blueprints: [oneTask("simple", { retry: SLOW, dispatchTimeoutSeconds: 30 })] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await worker.answer(transient);
    await worker.kill();

    await w.pass(45_000, 500);

    expect((await w.view(id)).job).toMatchObject({ status: "failed", error: { code: "DISPATCH_TIMEOUT" } });
  });

  test("a task that was handed back after a long run has its whole dispatch timeout again", async () => {
    const w = await start({ blueprints: [oneTask("simple", { dispatchTimeoutSeconds: 5 })] });
    const worker = await new StreamWorker(w, "w", { concurrency: 1 }).connect();
    const id = await w.create("simple");
    await w.pass(60_000, 1_000);
    await w.done(w.engine.workers.drain("w"));
    await worker.release();
    await w.pass(3_000, 500);

    const other = await new StreamWorker(w, "other").connect();

    expect(other.got).toHaveLength(1);
    expect(other.last.attempt).toBe(1);
    expect(await w.status(id)).toBe("waiting_for_worker");
  });

  test("a job in its second run waits for a worker, not for its retry", async () => {
    const w = await start({ blueprints: [oneTask("simple", { retry: SLOW })] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await worker.answer(transient);
    expect(await w.status(id)).toBe("awaiting_retry");

    await w.pass(12_000, 500);

    expect(worker.got).toHaveLength(2);
    expect(await w.status(id)).toBe("waiting_for_worker");
  });
});
