/**
 * The same work hour after hour, in a process of its own: what other tests keep or give back is not counted.
 * Prints how many objects there are after each hour.
 */
import { heapStats } from "bun:jsc";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { branches, oneTask } from "../../support/blueprints.ts";
import { CLIENT, World } from "../../support/engine.ts";
import { StreamWorker, transient } from "../../support/worker.ts";
import { workOff } from "./work-off.ts";

export interface Hours {
  readonly counts: readonly number[];
  /** What ought to be none when all is done. */
  readonly left: readonly number[];
  readonly repairs: number;
}

export const HOURS = 5;
const HOURS_WARM = 3;
const retry = { maxAttempts: 2, backoffSeconds: 1, maxBackoffSeconds: 1 };

/** Of all kinds: jobs that end well, fail, are retried, cancelled, watched and read; workers that come and go. */
async function oneHour(world: World, hour: number, jobs: number): Promise<void> {
  const many = Array.from({ length: jobs }, (_, index) => ({
    blueprint: "one",
    initialData: JSON.stringify({ index }),
  }));
  await world.done(world.engine.jobs.create(CLIENT, many));
  await world.time.settle();
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

async function countHours(taskBytesInMemory: number, jobs: number, folder: string): Promise<Hours> {
  const blueprints = [oneTask("one", { retry }), branches("fan", { retry })];
  const world = await World.start({ blueprints, settings: { taskBytesInMemory, workerRecordMs: 60_000 }, folder });
  for (let hour = 0; hour < HOURS_WARM; hour++) await oneHour(world, hour, jobs);
  const counts = [objects()];
  for (let hour = 0; hour < HOURS; hour++) {
    await oneHour(world, HOURS_WARM + hour, jobs);
    counts.push(objects());
  }
  const { engine } = world;
  const hours = {
    counts,
    left: [engine.queuedTasks, engine.jobsActive, engine.workers.list().length],
    repairs: engine.repairs,
  };
  await world.stop();
  return hours;
}

if (import.meta.main) {
  const [taskBytesInMemory, jobs] = Bun.argv.slice(2).map(Number);
  const folder = mkdtempSync(join(tmpdir(), "avtomatika-hours-"));
  const hours = await countHours(taskBytesInMemory ?? 0, jobs ?? 0, folder).finally(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  console.log(JSON.stringify(hours));
}
