/** A worker may tell its progress as often as it likes: what that costs is bounded. */
import { afterEach, describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { heapStats } from "bun:jsc";
import { noteWriteMs } from "../../actors/job/notes.ts";
import { PROGRESS_KEPT } from "../../actors/job/progress.ts";
import { PROGRESS_MESSAGE_MAX, readProgress } from "../../src/protocol/progress.ts";
import { oneTask } from "../support/blueprints.ts";
import { World } from "../support/engine.ts";
import { StreamWorker } from "../support/worker.ts";

const UPDATES = 100_000;

let world: World | undefined;
let folder = "";
afterEach(async () => {
  await world?.stop();
  world = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<{ w: World; worker: StreamWorker; id: string }> {
  folder = mkdtempSync(join(tmpdir(), "avtomatika-progress-"));
  const w = await World.start({ folder, blueprints: [oneTask("one")] });
  world = w;
  const worker = await new StreamWorker(w, "w").connect();
  const id = await w.create("one");
  await w.pass(1_000);
  return { w, worker, id };
}

/** As the doors hand it on. */
function report(w: World, worker: StreamWorker, progress: number, message = ""): void {
  const { job_id, task_id } = worker.last;
  const update = readProgress({ event: "progress_update", job_id, task_id, progress, message });
  if (update) w.engine.workers.progress(worker.id, update);
}

function objectsNow(): number {
  for (let round = 0; round < 2; round++) Bun.gc(true);
  return heapStats().objectCount;
}

function stored(id: string): { rows: number; bytes: number; jobBytes: number } {
  const database = new Database(join(folder, "store.db"), { readonly: true });
  try {
    const [rows, bytes] = database
      .query("SELECT count(*), sum(length(events)) FROM job_events WHERE job = (SELECT rowid FROM jobs WHERE id = ?)")
      .values(id)[0] as [number, number];
    const jobBytes = database.query("SELECT length(history) FROM jobs WHERE id = ?").values(id)[0]?.[0] as number;
    return { rows, bytes, jobBytes };
  } finally {
    database.close();
  }
}

describe("a worker that tells its progress 100,000 times", () => {
  test("in a few seconds costs a unit a second, a hundred entries, and no memory that grows", async () => {
    const { w, worker, id } = await start();
    const units = w.disk.unitsOf(id).length;
    let live = 0;
    w.engine.jobs.watch(id, (change) => void (live += change.type === "progress" ? 1 : 0));
    const objects = [objectsNow()];
    const seconds = 10;
    for (let second = 0; second < seconds; second++) {
      for (let count = 1; count <= UPDATES / seconds; count++) {
        report(w, worker, second / seconds + count / UPDATES, "x".repeat(2_000));
        if (count % 500 === 0) await w.time.settle();
      }
      objects.push(objectsNow());
      await w.pass(1_000, 250);
    }
    await w.pass(2_000, 500);

    expect(w.disk.unitsOf(id).length - units).toBeLessThanOrEqual(seconds + 2);
    const updates = (await w.stateHistory(id))["progress_updates"] as { progress: number; message: string }[];
    expect(updates.map(({ progress }) => Math.round(progress * UPDATES))).toEqual(
      Array.from({ length: PROGRESS_KEPT }, (_, index) => UPDATES - PROGRESS_KEPT + 1 + index),
    );
    expect(Math.max(...updates.map(({ message }) => message.length))).toBe(PROGRESS_MESSAGE_MAX);
    expect(live).toBe(UPDATES);
    // Shortly before they are written, too: of the ten thousand of a second two hundred are kept at most.
    expect(Math.max(...objects) - (objects[0] ?? 0)).toBeLessThan(4_000);
    const entry = PROGRESS_MESSAGE_MAX + 200;
    const { rows, bytes, jobBytes } = stored(id);
    expect(rows).toBeLessThanOrEqual(seconds + 6);
    expect(bytes).toBeLessThan((seconds + 2) * PROGRESS_KEPT * entry);
    expect(jobBytes).toBeLessThan(PROGRESS_KEPT * entry);
    await worker.answer();
    expect(await w.status(id)).toBe("finished");
  });

  test("while the disk stands still is held up with its job, and heard again after it", async () => {
    const { w, worker, id } = await start();
    report(w, worker, 0.001);
    await w.time.settle();
    w.disk.hold();
    await w.pass(1_500, 500);
    for (let count = 1; count <= UPDATES; count++) {
      report(w, worker, count / UPDATES);
      if (count % 1_000 === 0) await w.time.settle();
    }
    w.disk.release();
    await w.pass(3_000, 500);
    report(w, worker, 1, "the last");
    await w.pass(3_000, 500);

    const updates = (await w.stateHistory(id))["progress_updates"] as { message: string }[];
    expect(updates.length).toBeLessThanOrEqual(PROGRESS_KEPT);
    expect(updates.at(-1)?.message).toBe("the last");
  });

  test("over hours writes the less often the longer its task runs", async () => {
    const { w, worker, id } = await start();
    const hours = 3;
    for (let second = 0; second < hours * 3_600; second++) {
      report(w, worker, second / (hours * 3_600));
      await w.pass(1_000, 1_000);
    }
    const { rows } = stored(id);

    // A hundred for the first steps, as many for each time that the run has grown by a factor of e, then one in half a minute.
    expect(rows).toBeLessThan(100 + 100 * Math.log(30) + (hours * 3_600 - 3_000) / 30 + 50);
    expect(rows).toBeGreaterThan(400);
    expect((await w.view(id)).job.progress).toBeGreaterThan(0.99);
  }, 60_000);
});

describe("how long notes wait to be written", () => {
  const CASES = [
    [0, 1_000],
    [100_000, 1_000],
    [1_000_000, 10_000],
    [86_400_000, 30_000],
    [-5_000, 1_000],
  ] as const;
  for (const [ranMs, expected] of CASES) {
    test(`after ${ranMs} ms of a task: ${expected} ms`, () => {
      expect(noteWriteMs({ enteredAtMs: 1_000_000 }, 1_000_000 + ranMs)).toBe(expected);
    });
  }
});

test("progress that comes before its hand-out is written stands after it in the history", async () => {
  const w = await World.start({ blueprints: [oneTask("one")] });
  world = w;
  const worker = await new StreamWorker(w, "w").connect();
  const id = await w.create("one");
  await w.pass(5);
  report(w, worker, 0.5, "half way");
  await w.pass(5);
  await w.done(worker.answer());
  await w.pass(2_000);
  const events = await w.engine.jobs.history(undefined, id, 0, 100);
  const types = events.map(({ event_type: type }) => type);
  expect(types.indexOf("task_dispatched")).toBeGreaterThan(0);
  expect(types.indexOf("task_dispatched")).toBeLessThan(types.indexOf("progress"));
  const times = events.map(({ timestamp }) => timestamp);
  expect(times).toEqual(times.toSorted());
});
