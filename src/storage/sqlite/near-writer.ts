/**
 * Two hands that write, never both at once. A lone small unit is written where the engine runs: it
 * saves two ways to another thread, which is most of what a job waits for when little happens. All
 * else goes to the thread, so that the engine goes on while the disk syncs and the log is copied.
 */
import type { Clock } from "../../system/clock.ts";
import type { GroupWriter } from "../group-commit.ts";
import type { EncodedUnit, EncodedWrite } from "./encoded.ts";
import { encodeAll, isOutcome } from "./own-writer.ts";
import type { ThreadWriter } from "./thread-writer.ts";
import type { SqliteWriter } from "./writer.ts";

/** Longer ones hold up the engine for longer than the ways to the thread would. */
const LENGTH_MAX = 16 * 1024;
const JOBS_MAX = 4;
const BRANCHES_MAX = 16;
/** Then the thread is given one: only it copies the log into the database. */
const IN_A_ROW_MAX = 48;
/** A disk that takes longer holds up everybody: it is left to the thread for a while. */
const SLOW_MS = 2;
const SLOW_PAUSE_MS = 1_000;

export interface NearWriterOptions {
  readonly near: SqliteWriter;
  readonly far: ThreadWriter;
  readonly clock: Pick<Clock, "monotonicMs">;
}

export function writeNearOrFar({ near, far, clock }: NearWriterOptions): GroupWriter & Pick<ThreadWriter, "close"> {
  let changedNear: string[] = [];
  let inARow = 0;
  let farUntilMs = Number.NEGATIVE_INFINITY;

  function writeNear(unit: EncodedUnit) {
    inARow += 1;
    const ids = unit.jobs.map(({ id }) => id);
    changedNear.push(...ids);
    const beganMs = clock.monotonicMs();
    const outcome = near.write([unit]);
    const endedMs = clock.monotonicMs();
    // The thread may be the next to change them.
    near.forget(ids);
    if (endedMs - beganMs > SLOW_MS) farUntilMs = endedMs + SLOW_PAUSE_MS;
    return outcome;
  }

  function writeFar(units: readonly EncodedUnit[]) {
    const changed = changedNear;
    changedNear = [];
    inARow = 0;
    return far.write(units, changed);
  }

  return {
    write(units) {
      const encoded = encodeAll(units);
      if (isOutcome(encoded)) return encoded;
      const [only] = encoded;
      const isNear = only && encoded.length === 1 && inARow < IN_A_ROW_MAX && isSmall(only);
      return isNear && clock.monotonicMs() >= farUntilMs ? writeNear(only) : writeFar(encoded);
    },
    async close() {
      near.finalize();
      await far.close();
    },
  };
}

function isSmall({ jobs, remove, outbox, dataStores }: EncodedUnit): boolean {
  if (remove || outbox.length > JOBS_MAX || dataStores.length > 0 || jobs.length > JOBS_MAX) return false;
  return jobs.reduce((sum, job) => sum + lengthOf(job), 0) <= LENGTH_MAX;
}

function lengthOf({ values, events, input, branches, outbox }: EncodedWrite): number {
  if (input !== undefined || branches.length > BRANCHES_MAX) return Number.POSITIVE_INFINITY;
  let length = events?.length ?? 0;
  for (const value of values) length += lengthOfValue(value);
  for (const { wait, result } of branches) length += (wait?.length ?? 0) + (result?.length ?? 0);
  for (const row of outbox) for (const value of row) length += lengthOfValue(value);
  return length;
}

function lengthOfValue(value: EncodedWrite["values"][number]): number {
  return typeof value === "string" || value instanceof Uint8Array ? value.length : 0;
}
