/**
 * Deletes jobs some time after they have ended, where a time is set: each with its whole tree once
 * all of that has been over for so long and nothing of it waits to be sent. Keys of creations go
 * when they have expired, whether jobs go or not.
 *
 * A day is the least, and keys live as long: so a job never goes before the key that made it.
 */
import type { EndedTree, Journal, KeyPlace, RetentionReader } from "../../src/storage/port.ts";
import type { Cancel, Clock, Timers } from "../../src/system/clock.ts";
import { messageOf } from "../../src/system/errors.ts";
import type { Log } from "../../src/system/log.ts";
import type { SteadyClock } from "../../src/system/steady.ts";

export interface RetentionParts {
  readonly reader: RetentionReader;
  readonly journal: Journal;
  readonly clock: Pick<Clock, "nowMs">;
  readonly steady: SteadyClock;
  readonly timers: Timers;
  readonly log: Log;
  /** Undefined: jobs are kept for ever. */
  readonly keptMs: number | undefined;
}

const FIRST_MS = 60_000;
const ROUND_MS = 3_600_000;
const PAGE_PAUSE_MS = 20;
/** Rows looked at in one go. */
const LOOK = 500;
/** Rows deleted in one unit: the others that write wait for it. */
const ROWS_MAX = 500;

export class Retention {
  /** Jobs deleted since the start. */
  deleted = 0;
  #cancel: Cancel | undefined;
  #stopped = false;

  constructor(readonly parts: RetentionParts) {}

  start(): void {
    this.#arm(FIRST_MS, () => this.#round());
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #arm(delayMs: number, run: () => Promise<void>): void {
    if (!this.#stopped) this.#cancel = this.parts.timers.after(delayMs, () => void run());
  }

  async #round(): Promise<void> {
    const before = this.deleted;
    try {
      await this.#keys();
      await this.#trees();
    } catch (error) {
      // What is left goes with the next round.
      this.parts.log.warn("Old jobs could not all be deleted; it goes on in an hour.", { error: messageOf(error) });
    }
    const jobs = this.deleted - before;
    if (jobs > 0)
      this.parts.log.info("Jobs that had ended long ago were deleted.", { jobs, kept_days: this.#keptDays });
    this.#arm(ROUND_MS, () => this.#round());
  }

  get #keptDays(): number {
    return (this.parts.keptMs ?? 0) / 86_400_000;
  }

  /** A clock that was put forward while the server ran makes nothing old. */
  #nowMs(): number {
    return Math.min(this.parts.clock.nowMs(), this.parts.steady.nowMs());
  }

  async #keys(): Promise<void> {
    let place: KeyPlace | undefined;
    do {
      const { keys, last } = await this.parts.reader.expiredKeys(place, this.#nowMs(), LOOK);
      if (keys.length > 0) await this.parts.journal.commit({ jobs: [], remove: { roots: [], endedBeforeMs: 0, keys } });
      place = last;
      await this.#pause();
    } while (place && !this.#stopped);
  }

  async #trees(): Promise<void> {
    const { keptMs } = this.parts;
    if (keptMs === undefined) return;
    const endedBeforeMs = this.#nowMs() - keptMs;
    let place: string | undefined = "";
    while (place !== undefined && !this.#stopped) {
      const found: { readonly trees: readonly EndedTree[]; readonly last?: string } =
        await this.parts.reader.endedTrees(place, endedBeforeMs, LOOK);
      for (const trees of portions(found.trees)) await this.#remove(trees, endedBeforeMs);
      place = found.last;
      await this.#pause();
    }
  }

  async #remove(trees: readonly EndedTree[], endedBeforeMs: number): Promise<void> {
    await this.parts.journal.commit({
      jobs: [],
      remove: { roots: trees.map((tree) => tree.root), endedBeforeMs, keys: [] },
    });
    this.deleted += trees.reduce((sum, tree) => sum + tree.jobs, 0);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#cancel = this.parts.timers.after(PAGE_PAUSE_MS, resolve);
    });
  }
}

/** As many as are few rows together; a large tree is a portion of its own. */
export function portions(trees: readonly EndedTree[]): readonly (readonly EndedTree[])[] {
  const found: EndedTree[][] = [];
  let rows = ROWS_MAX;
  for (const tree of trees) {
    if (rows + tree.rows > ROWS_MAX) {
      found.push([]);
      rows = 0;
    }
    found.at(-1)?.push(tree);
    rows += tree.rows;
  }
  return found;
}
