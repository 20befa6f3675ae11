/**
 * Looks after every job that is not terminal: all of them once at start, and again and again
 * while the server runs. A job that nothing would move is set going and counted as a repair.
 */
import type { JobReader, OpenJob } from "../../src/storage/port.ts";
import type { Cancel, Timers } from "../../src/system/clock.ts";
import { messageOf } from "../../src/system/errors.ts";
import type { Log } from "../../src/system/log.ts";

export interface SweepParts {
  readonly reader: JobReader;
  readonly timers: Timers;
  readonly log: Log;
  /** Whether something in memory will move it: a task here, a timer, a message under way. */
  isHeld(job: OpenJob): boolean;
  /** Whether its time has come a while ago: then it is woken, in case the wake was lost on its way. */
  isOverdue(job: OpenJob): boolean;
  wake(jobId: string): void;
  /** Resolves when the job is being set going again. */
  recover(jobId: string): Promise<void>;
}

const PAGE = 500;
const AT_ONCE = 64;
const PAUSE_MS = 60_000;
const PAGE_PAUSE_MS = 20;
const RETRY_MS = 1_000;

export class Sweep {
  #cursor = "";
  #first = true;
  #cancel: Cancel | undefined;
  #stopped = false;
  /** Without a source in the round before, and in this one. */
  #suspects = new Set<string>();
  #newSuspects = new Set<string>();
  repairs = 0;

  constructor(
    readonly parts: SweepParts,
    readonly onFirst: () => void,
  ) {}

  start(): void {
    void this.#page();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  async #page(): Promise<void> {
    if (this.#stopped) return;
    let nextMs = this.#first ? 0 : PAGE_PAUSE_MS;
    try {
      const jobs = await this.parts.reader.openJobs(this.#cursor, PAGE);
      await this.#look(jobs);
      this.#cursor = jobs.at(-1)?.id ?? "";
      if (jobs.length < PAGE) nextMs = this.#endOfRound();
    } catch (error) {
      // The round goes on where it was: one error strands nobody.
      this.parts.log.warn("The sweep over open jobs was interrupted; it goes on.", { error: messageOf(error) });
      nextMs = RETRY_MS;
    }
    if (!this.#stopped) this.#cancel = this.parts.timers.after(nextMs, () => void this.#page());
  }

  #endOfRound(): number {
    this.#cursor = "";
    this.#suspects = this.#newSuspects;
    this.#newSuspects = new Set();
    if (this.#first) {
      this.#first = false;
      this.onFirst();
    }
    return PAUSE_MS;
  }

  async #look(jobs: readonly OpenJob[]): Promise<void> {
    for (const job of jobs) if (this.parts.isOverdue(job)) this.parts.wake(job.id);
    const unheld = this.#first ? jobs : jobs.filter((job) => this.#isStranded(job));
    for (let index = 0; index < unheld.length; index += AT_ONCE) {
      await Promise.all(unheld.slice(index, index + AT_ONCE).map((job) => this.#recover(job)));
    }
  }

  /** Seen without a source twice in a row: the first time it may have been between two of them. */
  #isStranded(job: OpenJob): boolean {
    if (this.parts.isHeld(job)) return false;
    if (this.#suspects.has(job.id)) return true;
    this.#newSuspects.add(job.id);
    return false;
  }

  async #recover(job: OpenJob): Promise<void> {
    if (!this.#first) {
      this.repairs += 1;
      this.parts.log.warn("A job had nothing that would move it; it was set going again.", {
        job: job.id,
        status: job.status,
      });
    }
    try {
      await this.parts.recover(job.id);
    } catch (error) {
      // One job that cannot be read, or takes long, does not hold up the others: its turn comes again.
      this.#newSuspects.add(job.id);
      this.parts.log.warn("A job could not be set going; it is tried again in the next round.", {
        job: job.id,
        error: messageOf(error),
      });
    }
  }
}
