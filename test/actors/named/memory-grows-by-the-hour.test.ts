/** inngest #1982: a server that does the same work hour after hour needs more memory each time. */
import { expect, test } from "bun:test";
import { heapStats } from "bun:jsc";
import { branches, oneTask } from "../../support/blueprints.ts";
import type { World } from "../../support/engine.ts";
import { StreamWorker, transient } from "../../support/worker.ts";
import { createMany, startOnFile, workOff } from "./stage.ts";

const JOBS = 110;
const HOURS_WARM = 3;
const HOURS = 5;
/** Of an hour: one object kept for each job would be twice as many. */
const OBJECTS_MORE_MAX = JOBS / 2;

const retry = { maxAttempts: 2, backoffSeconds: 1, maxBackoffSeconds: 1 };

/** Of all kinds: jobs that end well, fail, are retried, cancelled, watched and read; workers that come and go. */
async function oneHour(world: World, hour: number): Promise<void> {
  await createMany(world, "one", JOBS);
  await world.create("fan", { count: 20 });
  const cancelled = await world.create("one");
  const watched = await world.create("one");
  const stop = world.engine.jobs.watch(watched, () => undefined);
  const worker = await new StreamWorker(world, `w-${hour}`, { concurrency: 40 }).connect();
  await world.time.settle();
  for (const task of worker.running.slice(0, 20)) await worker.answer(transient, task);
  await world.done(world.engine.jobs.cancel(undefined, cancelled));
  await world.pass(3_000, 100);
  await workOff(world, worker);
  await world.view(watched);
  stop();
  await worker.disconnect();
  // Idle actors leave, the worker is forgotten, the sweep goes round.
  await world.pass(400_000, 5_000);
  world.disk.units.length = 0;
  world.lines.length = 0;
}

function objects(): number {
  for (let round = 0; round < 3; round++) Bun.gc(true);
  return heapStats().objectCount;
}

for (const taskBytesInMemory of [0, 64 * 1024 * 1024]) {
  test(`memory grows by the hour, with ${taskBytesInMemory} bytes for tasks`, async () => {
    const blueprints = [oneTask("one", { retry }), branches("fan", { retry })];
    const settings = { taskBytesInMemory, workerRecordMs: 60_000 };
    const world = await startOnFile({ blueprints, settings });
    for (let hour = 0; hour < HOURS_WARM; hour++) await oneHour(world, hour);
    const counts = [objects()];
    for (let hour = 0; hour < HOURS; hour++) {
      await oneHour(world, HOURS_WARM + hour);
      counts.push(objects());
    }
    // What other tests of this process leave behind, or give back, falls into one hour or two: the middle one counts.
    const grown = counts.slice(1).map((count, hour) => count - (counts[hour] ?? 0));
    const more = grown.toSorted((one, other) => one - other)[Math.floor(HOURS / 2)];

    expect([world.engine.queuedTasks, world.engine.jobsActive, world.engine.workers.list().length]).toEqual([0, 0, 0]);
    expect(more).toBeLessThan(OBJECTS_MORE_MAX);
    expect(world.engine.repairs).toBe(0);
  }, 120_000);
}
