/**
 * What a dead machine may leave of the log: cut off anywhere, or with a bit turned over. Each wreck
 * is opened, has to be sound, and has to hold exactly the units that lie before the damage.
 */
import { Database } from "bun:sqlite";
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Job } from "../../src/job/model.ts";
import { messageOf } from "../../src/system/errors.ts";
import { idOf, next, sampleJob, writeOf } from "./sample.ts";
import { openStore, temporaryFolder } from "./sqlite/open.ts";

const HEADER_BYTES = 32;
const FRAME_BYTES = 24 + 8192;
/** Committed and copied into the database before the log begins. */
const SETTLED = 20;
const FLIPPED_FRAMES = 12;

export interface TornLogOptions {
  /** Units in the log. */
  readonly units: number;
  /** Of the boundaries between frames, every so many is tried. */
  readonly boundaryStep: number;
  readonly randomCuts: number;
  readonly flippedBits: number;
  /** From 0 to below 1. */
  readonly chance: () => number;
}

export interface TornLogReport {
  readonly frames: number;
  readonly wrecks: number;
  /** How many different prefixes were seen. */
  readonly prefixes: number;
  readonly problems: readonly string[];
}

export async function tearLog(options: TornLogOptions): Promise<TornLogReport> {
  const root = temporaryFolder();
  try {
    return await tearIn(root, options);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function tearIn(root: string, options: TornLogOptions): Promise<TornLogReport> {
  const { log, ends } = await writeLog(root, options.units);
  const frames = (log.length - HEADER_BYTES) / FRAME_BYTES;
  const problems: string[] = [];
  const prefixes = new Set<number>();
  let wrecks = 0;
  for (const { what, bytes, soundBytes } of wrecksOf(log, frames, options)) {
    wrecks += 1;
    const expected = ends.filter((end) => end <= soundBytes).length;
    prefixes.add(expected);
    const problem = await problemOf(root, bytes, expected);
    if (problem !== undefined) problems.push(`${what}: ${problem}`);
  }
  return { frames, wrecks, prefixes: prefixes.size, problems };
}

interface Log {
  readonly log: Buffer;
  /** The log's length after each unit. */
  readonly ends: readonly number[];
}

/** One unit after the other: each creates a job and ends the one before it. */
async function writeLog(root: string, units: number): Promise<Log> {
  const folder = join(root, "source");
  const settled = await openStore(folder);
  let last: Job | undefined;
  const commit = async (store: Awaited<ReturnType<typeof openStore>>, number: number) => {
    const initialData = JSON.stringify("x".repeat((number * 977) % 30_000));
    const job = sampleJob(idOf(number), { initialData });
    const ended = last === undefined ? [] : [writeOf(next(last, { status: "finished" }))];
    await store.journal.commit({ jobs: [writeOf(job), ...ended] });
    last = job;
  };
  for (let number = 1; number <= SETTLED; number++) await commit(settled, number);
  await settled.close();

  const store = await openStore(folder);
  copyFileSync(join(folder, "store.db"), join(root, "store.db"));
  const path = join(folder, "store.db-wal");
  const ends: number[] = [];
  for (let number = SETTLED + 1; number <= SETTLED + units; number++) {
    await commit(store, number);
    ends.push(statSync(path).size);
  }
  const log = readFileSync(path);
  await store.close();
  return { log, ends };
}

interface Wreck {
  readonly what: string;
  readonly bytes: Buffer;
  /** What lies before is as it was written. */
  readonly soundBytes: number;
}

function* wrecksOf(log: Buffer, frames: number, options: TornLogOptions): Generator<Wreck> {
  const { boundaryStep, randomCuts, flippedBits, chance } = options;
  for (let frame = 0; frame <= frames; frame += boundaryStep) yield cut(log, HEADER_BYTES + frame * FRAME_BYTES);
  for (let count = 0; count < randomCuts; count++) yield cut(log, Math.floor(chance() * log.length));
  for (let count = 0; count < flippedBits; count++) {
    const bits = Math.min(FLIPPED_FRAMES, frames) * FRAME_BYTES * 8;
    yield flip(log, log.length * 8 - 1 - Math.floor(chance() * bits));
  }
}

function cut(log: Buffer, length: number): Wreck {
  return { what: `cut off at byte ${length}`, bytes: log.subarray(0, length), soundBytes: length };
}

function flip(log: Buffer, bit: number): Wreck {
  const bytes = Buffer.from(log);
  const byte = Math.floor(bit / 8);
  bytes[byte] = (bytes[byte] ?? 0) ^ (1 << (bit % 8));
  return { what: `bit ${bit % 8} of byte ${byte} turned over`, bytes, soundBytes: byte };
}

async function problemOf(root: string, log: Buffer, expected: number): Promise<string | undefined> {
  const folder = join(root, "wreck");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  copyFileSync(join(root, "store.db"), join(folder, "store.db"));
  writeFileSync(join(folder, "store.db-wal"), log);
  try {
    const found = await heldBy(folder);
    const { sound, ...rest } = found;
    if (sound !== "ok") return `unsound: ${sound}`;
    const jobs = SETTLED + expected;
    const wanted = { jobs, inOrder: true, finished: jobs - 1, counted: jobs };
    return Bun.deepEquals(rest, wanted) ? undefined : `${JSON.stringify(rest)} instead of ${JSON.stringify(wanted)}`;
  } catch (error) {
    return `it does not open: ${messageOf(error)}`;
  }
}

async function heldBy(folder: string) {
  const store = await openStore(folder);
  const jobs = (await store.jobs.list({ limit: 10_000 })).toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const counts = await store.jobs.countByStatus();
  // It takes new work: the next unit of the order fits.
  await store.journal.commit({ jobs: [writeOf(sampleJob(idOf(999_999)))] });
  await store.close();
  return {
    sound: integrityOf(join(folder, "store.db")),
    jobs: jobs.length,
    inOrder: jobs.every((job, index) => {
      return job.id === idOf(index + 1) && job.version === (index + 1 < jobs.length ? 2 : 1);
    }),
    finished: counts.get("finished") ?? 0,
    counted: [...counts.values()].reduce((sum, count) => sum + count, 0),
  };
}

function integrityOf(file: string): string {
  const database = new Database(file, { readonly: true });
  try {
    const problems = database.query("PRAGMA integrity_check").values().flat().join("; ");
    const orphans = database.query("PRAGMA foreign_key_check").values().length;
    return orphans === 0 ? problems : `${orphans} rows without their owner`;
  } finally {
    database.close();
  }
}
