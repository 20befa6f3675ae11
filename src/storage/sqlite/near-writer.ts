/**
 * Two hands that write, never both at once. A lone small unit is written where the engine runs: it
 * saves two ways to another thread, which is most of what a job waits for when little happens. All
 * else goes to the thread, so that the engine goes on while the disk syncs and the log is copied.
 */
import type { Clock } from "../../system/clock.ts";
import type { GroupWriter } from "../group-commit.ts";
import type { Unit } from "../port.ts";
import { packGroup, unpackGroup } from "./encoded.ts";
import type { GroupFrame } from "./group-frame.ts";
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

const NOTHING: readonly never[] = [];

export interface NearWriterOptions {
  readonly near: SqliteWriter;
  readonly far: ThreadWriter;
  readonly clock: Pick<Clock, "monotonicMs">;
}

export function writeNearOrFar({ near, far, clock }: NearWriterOptions): GroupWriter & Pick<ThreadWriter, "close"> {
  let changedNear: string[] = [];
  let inARow = 0;
  let farUntilMs = Number.NEGATIVE_INFINITY;

  function writeNear(unit: Unit, frame: GroupFrame) {
    inARow += 1;
    const ids = unit.jobs.map(({ job }) => job.id);
    changedNear.push(...ids);
    const beganMs = clock.monotonicMs();
    const outcome = near.write(unpackGroup(frame));
    const endedMs = clock.monotonicMs();
    // The thread may be the next to change them.
    near.forget(ids);
    if (endedMs - beganMs > SLOW_MS) farUntilMs = endedMs + SLOW_PAUSE_MS;
    return outcome;
  }

  function writeFar(frame: GroupFrame) {
    const changed = changedNear;
    changedNear = [];
    inARow = 0;
    return far.write(frame, changed);
  }

  return {
    write(units) {
      const frame = packGroup(units);
      if ("type" in frame) return frame;
      const [only] = units;
      const isNear = only && units.length === 1 && inARow < IN_A_ROW_MAX && isSmall(only, frame);
      return isNear && clock.monotonicMs() >= farUntilMs ? writeNear(only, frame) : writeFar(frame);
    },
    async close() {
      near.finalize();
      await far.close();
    },
  };
}

function isSmall({ jobs, remove, outbox = NOTHING, dataStores = NOTHING }: Unit, { text }: GroupFrame): boolean {
  if (remove || outbox.length > JOBS_MAX || dataStores.length > 0 || jobs.length > JOBS_MAX) return false;
  return text.length <= LENGTH_MAX && jobs.every(({ branches = NOTHING }) => branches.length <= BRANCHES_MAX);
}
