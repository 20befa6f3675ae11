/** temporal #8790: the time was set, and the tables grew all the same. */
import { describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { Blueprint } from "../../../src/blueprint/index.ts";
import { branches, oneTask } from "../../support/blueprints.ts";
import { CLIENT, type World } from "../../support/engine.ts";
import { StreamWorker, transient } from "../../support/worker.ts";
import { createMany, startOnFile } from "./stage.ts";
import { workOff } from "./work-off.ts";

const DAY_MS = 86_400_000;
const DAYS_KEPT = 3;
/** Tables that are made of jobs. */
const TABLES = ["jobs", "history", "branches", "inputs", "idempotency", "outbox", "outbox_references", "counts"];

function parent(): Blueprint {
  return new Blueprint({ name: "parent" })
    .handlerFor("start", { isStart: true }, (_context, actions) =>
      actions.runBlueprint({
        blueprintName: "one",
        transitions: { success: "done", failure: "done", cancelled: "done" },
      }),
    )
    .handlerFor("done", { isEnd: true }, () => undefined);
}

/** Of every kind: plain, with a long input, with branches, with children, with a key, failed, cancelled. */
async function oneDay(world: World, worker: StreamWorker, day: number): Promise<void> {
  await createMany(world, "one", 60);
  await world.create("one", { text: "x".repeat(10_000) });
  await world.create("fan", { count: 12 });
  await world.create("parent");
  const cancelled = await world.create("one");
  await world.done(
    world.engine.jobs.create(CLIENT, [{ blueprint: "one", initialData: "{}" }], { key: `day-${day}`, bodyHash: "h" }),
  );
  for (const task of worker.running.slice(0, 10)) await worker.answer(transient, task);
  await world.done(world.engine.jobs.cancel(undefined, cancelled));
  await world.pass(5_000, 500);
  await workOff(world, worker);
  await world.pass(DAY_MS - 60_000, 600_000);
  world.disk.units.length = 0;
}

function rowsIn(folder: string): Record<string, number> {
  const database = new Database(join(folder, "store.db"), { readonly: true });
  try {
    return Object.fromEntries(
      TABLES.map((table) => [table, database.query(`SELECT count(*) AS n FROM ${table}`).values()[0]?.[0] as number]),
    );
  } finally {
    database.close();
  }
}

const BLUEPRINTS = [
  oneTask("one", { retry: { backoffSeconds: 0.2, maxBackoffSeconds: 0.2 } }),
  branches("fan"),
  parent(),
];

async function begin(keptMs: number | undefined): Promise<{ world: World; worker: StreamWorker; folder: string }> {
  const world = await startOnFile({ blueprints: BLUEPRINTS, settings: { keptMs } });
  const worker = await new StreamWorker(world, "w", { concurrency: 100 }).connect();
  return { world, worker, folder: world.options.folder ?? "" };
}

describe("rows grow in spite of retention", () => {
  test("they do not: a day more brings no row more, once the first days have gone", async () => {
    const { world, worker, folder } = await begin(DAYS_KEPT * DAY_MS);
    for (let day = 0; day < DAYS_KEPT + 2; day++) await oneDay(world, worker, day);
    const before = rowsIn(folder);
    for (let day = 0; day < 4; day++) await oneDay(world, worker, 10 + day);

    expect(rowsIn(folder)).toEqual(before);
    // What is younger is all there.
    expect(before["jobs"]).toBeGreaterThanOrEqual(66 * DAYS_KEPT);
    expect(before["jobs"]).toBeLessThanOrEqual(67 * (DAYS_KEPT + 1));
    expect(world.lines.filter((line) => line.message.includes("were deleted")).length).toBeGreaterThan(3);
    expect(world.engine.repairs).toBe(0);
  }, 60_000);

  test("a job that still runs stays, and so does its old history", async () => {
    const { world, worker } = await begin(DAY_MS);
    await worker.kill();
    const waiting = await world.create("one");
    await world.pass(5 * DAY_MS, 600_000);

    expect(await world.status(waiting)).toBe("waiting_for_worker");
    expect((await world.eventTypes(waiting))[0]).toBe("job_created");
  });

  test("a clock that is put forward by years while the server runs deletes nothing", async () => {
    const { world, worker } = await begin(DAYS_KEPT * DAY_MS);
    const id = await world.create("one");
    await worker.answer();
    world.time.shiftWall(1_000 * DAY_MS);
    await world.pass(DAY_MS, 600_000);

    expect(await world.status(id)).toBe("finished");
  });

  test("without a time that is set only keys go, as they expire", async () => {
    const { world, worker, folder } = await begin(undefined);
    for (let day = 0; day < 4; day++) await oneDay(world, worker, day);
    const rows = rowsIn(folder);

    expect(rows["jobs"]).toBe(4 * 66);
    expect(rows["idempotency"]).toBeLessThanOrEqual(2);
  });
});
