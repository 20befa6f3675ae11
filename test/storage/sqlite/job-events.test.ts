import type { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import type { Job } from "../../../src/job/model.ts";
import { MIGRATIONS } from "../../../src/storage/sqlite/migrations.ts";
import { idOf, next, sampleEvent, sampleJob, unitOf } from "../sample.ts";
import { storeForEachTest } from "./each.ts";

const LATER_EVENTS = 11;

const store = storeForEachTest();

/** Each tells its version in its state, and the rest of what is asked for. */
async function commit(job: Job, more = ""): Promise<Job> {
  await store.now.journal.commit(
    unitOf(job, { events: [sampleEvent("state_started", { state: `${job.version}${more}` })] }),
  );
  return job;
}

const told = async (job: Job, after = 0, limit = 100) =>
  (await store.now.jobs.events(job.id, after, limit)).map(({ version, events }) => [version, events[0]?.state]);

const of = (...versions: number[]) => versions.map((version) => [version, String(version)]);

const countsOf = (database: Database) =>
  ["history", "later_events", "job_events"].map(
    (table) => database.query(`SELECT count(*) FROM ${table}`).values()[0]?.[0],
  );

test("what a file from before holds is read together with what comes later, and goes with its job", async () => {
  const [first, other] = [sampleJob(idOf(1)), sampleJob(idOf(2))];
  for (const job of [first, other]) await commit(next(await commit(next(await commit(job)))));
  await store.whileClosed((database) => {
    database.run("INSERT INTO history SELECT job, version, events FROM job_events");
    database.run("DROP VIEW job_events");
    database.run("DROP TABLE later_events");
    database.run("ALTER TABLE jobs DROP COLUMN first_events");
    database.run("DELETE FROM migrations WHERE version >= ?", [LATER_EVENTS]);
    database.run(`PRAGMA user_version = ${LATER_EVENTS - 1}`);
  });

  expect(await told(first)).toEqual(of(1, 2, 3));
  const last = await commit(next({ ...first, version: 3 }, { status: "finished", updatedAtMs: 1 }));
  await commit(sampleJob(idOf(3)));

  expect(await told(first)).toEqual(of(1, 2, 3, 4));
  expect(await told(first, 2, 1)).toEqual(of(3));
  expect(await told(first, 3)).toEqual(of(4));
  await store.now.journal.commit({ jobs: [], remove: { roots: [last.id], endedBeforeMs: 2, keys: [] } });
  expect(await told(first)).toEqual([]);
  expect(await told(other)).toEqual(of(1, 2, 3));
  expect(await told(sampleJob(idOf(3)))).toEqual(of(1));
  await store.whileClosed((database) => {
    expect(countsOf(database)).toEqual([3, 0, 4]);
    expect(database.query("SELECT max(version) FROM migrations").values()).toEqual([[MIGRATIONS.length]]);
  });
});

test("a job with more units than there are places in order keeps them all", async () => {
  const last = 2 ** 24 - 1;
  const job = await commit(sampleJob(idOf(1)));
  const neighbour = await commit(sampleJob(idOf(2)));
  await store.whileClosed((database) => database.run("UPDATE jobs SET version = ? WHERE id = ?", [last - 1, job.id]));

  let version = { ...job, version: last - 1 };
  for (let count = 0; count < 4; count++) version = await commit(next(version));
  await commit(next(neighbour));

  expect(await told(job)).toEqual(of(1, last, last + 1, last + 2, last + 3));
  expect(await told(job, last, 2)).toEqual(of(last + 1, last + 2));
  expect(await told(job, last + 3)).toEqual([]);
  expect(await told(neighbour)).toEqual(of(1, 2));
});

test("much that a first unit tells is not copied with the row", async () => {
  const job = await commit(sampleJob(idOf(1)), "x".repeat(2_000));
  await commit(next(job));

  expect(await told(job)).toEqual([[1, `1${"x".repeat(2_000)}`], ...of(2)]);
  await store.whileClosed((database) => {
    expect(database.query("SELECT first_events FROM jobs").values()).toEqual([[null]]);
    expect(countsOf(database)).toEqual([0, 2, 2]);
  });
});

test("a first unit that tells nothing, or of no such job, has none", async () => {
  const job = sampleJob(idOf(1));
  await store.now.journal.commit(unitOf(job, { events: [] }));

  expect(await told(job)).toEqual([]);
  expect(await told(sampleJob(idOf(2)))).toEqual([]);
});
