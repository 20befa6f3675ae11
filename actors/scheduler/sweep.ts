/**
 * Looks after every job that is not terminal: all of them once at start, and again and again
 * while the server runs. A job that nothing would move is set going and counted as a repair.
 *
 * The first round goes by the age of jobs, which nearly is the order of their tasks. Until it is
 * over a younger job, or a new one, could be handed out before an older one that has not been read
 * yet; so the dispatcher gives out nothing until then, for a while: `HOLD_MS`. That is enough for
 * some hundred thousand jobs. Behind that a job can be overtaken for as long as its row is not read,
 * some ten seconds for a million, rather than all workers standing idle so long. By then the oldest
 * are queued, so it befalls begun jobs and those of high priority that are young.
 */
import type { JobReader, OpenJob, WaitingJob } from "../../src/storage/port.ts";
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
  /** Jobs that are not over. */
  saw(jobs: readonly OpenJob[]): void;
  /** Every one that was open all the time has been seen since the last call. */
  sawAll(): void;
  /** At the start: sets going what needs no actor of its job; resolves with those that do. */
  resume(jobs: readonly WaitingJob[]): Promise<readonly OpenJob[]>;
  /** Resolves when the job is being set going again. */
  recover(jobId: string): Promise<void>;
}

/** How long at most nothing is handed out after a start. */
export const HOLD_MS = 2_000;
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
      const jobs = await (this.#first ? this.#recoverPage() : this.#lookAtPage());
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
    this.parts.sawAll();
    this.#suspects = this.#newSuspects;
    this.#newSuspects = new Set();
    if (this.#first) {
      this.#first = false;
      this.onFirst();
    }
    return PAUSE_MS;
  }

  async #recoverPage(): Promise<readonly OpenJob[]> {
    const jobs = await this.parts.reader.waitingJobs(this.#cursor, PAGE);
    this.parts.saw(jobs);
    const unmoved = await this.parts.resume(jobs);
    this.#wakeOverdue(jobs);
    await this.#recoverAll(unmoved);
    return jobs;
  }

  async #lookAtPage(): Promise<readonly OpenJob[]> {
    const jobs = await this.parts.reader.openJobs(this.#cursor, PAGE);
    this.parts.saw(jobs);
    this.#wakeOverdue(jobs);
    await this.#recoverAll(jobs.filter((job) => this.#isStranded(job)));
    return jobs;
  }

  #wakeOverdue(jobs: readonly OpenJob[]): void {
    for (const job of jobs) if (this.parts.isOverdue(job)) this.parts.wake(job.id);
  }

  async #recoverAll(jobs: readonly OpenJob[]): Promise<void> {
    for (let index = 0; index < jobs.length; index += AT_ONCE) {
      await Promise.all(jobs.slice(index, index + AT_ONCE).map((job) => this.#recover(job)));
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
