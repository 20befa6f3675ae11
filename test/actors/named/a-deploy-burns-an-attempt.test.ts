/** boxel PR #4639, river #1290: each deploy cost the tasks that ran an attempt, and after some of them the jobs were given up. */
import { describe, expect, test } from "bun:test";
import { branches, oneTask } from "../../support/blueprints.ts";
import type { World } from "../../support/engine.ts";
import { StreamWorker } from "../../support/worker.ts";
import { startOnFile } from "./stage.ts";

/** One that is burnt is the end of it. */
const retry = { maxAttempts: 1 };
const DEPLOYS = 6;

async function attemptsOf(world: World, id: string): Promise<readonly (number | null)[]> {
  const events = await world.history(id);
  return events.filter(({ event_type }) => event_type === "task_dispatched").map((event) => event.attempt_number);
}

describe("a deploy burns an attempt", () => {
  test("of the server: tasks run on, and so do those that were queued", async () => {
    const world = await startOnFile({ blueprints: [oneTask("one", { retry }), branches("fan", { retry })] });
    const one = await world.create("one");
    const fan = await world.create("fan", { count: 4 });
    const worker = await new StreamWorker(world, "w", { concurrency: 3 }).connect();
    for (let deploy = 0; deploy < DEPLOYS; deploy++) {
      await world.stop();
      world.time.advance(20_000);
      await world.restart();
      await worker.connect();
      await world.pass(30_000, 1_000);
    }
    while (worker.running.length > 0) {
      for (const task of worker.running) await worker.answer({}, task);
      await world.pass(100);
    }

    expect([await world.status(one), await world.status(fan)]).toEqual(["finished", "finished"]);
    expect(worker.got).toHaveLength(5);
    expect(worker.got.every(({ attempt }) => attempt === 1)).toBe(true);
  });

  test("of the workers: what they hand back runs elsewhere as the same attempt", async () => {
    const world = await startOnFile({ blueprints: [oneTask("one", { retry })] });
    const id = await world.create("one");
    const fleet: StreamWorker[] = [];
    for (let deploy = 0; deploy < DEPLOYS; deploy++) {
      const worker = await new StreamWorker(world, `w-${deploy}`).connect();
      fleet.push(worker);
      expect(worker.last.attempt).toBe(1);
      await world.pass(3_000, 500);
      await world.done(world.engine.workers.drain(worker.id));
      await worker.release();
      await worker.disconnect();
    }
    const last = await new StreamWorker(world, "last").connect();
    await last.answer();

    expect(await world.status(id)).toBe("finished");
    expect(new Set([...fleet, last].map((worker) => worker.last.task_id)).size).toBe(DEPLOYS + 1);
    expect(new Set(await attemptsOf(world, id))).toEqual(new Set([1]));
  });

  test("of both at once: the server goes while a task is on its way back", async () => {
    const world = await startOnFile({ blueprints: [oneTask("one", { retry })] });
    const id = await world.create("one");
    const old = await new StreamWorker(world, "old").connect();
    await world.pass(3_000, 500);
    world.disk.hold();
    await old.release();
    await old.disconnect();
    await world.restart();
    const fresh = await new StreamWorker(world, "old", { session: "of the new process" }).connect();
    await world.pass(60_000, 500);

    expect(fresh.got.map(({ attempt }) => attempt)).toEqual([1]);
    await fresh.answer();
    expect(await world.status(id)).toBe("finished");
  });
});
