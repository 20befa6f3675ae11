/** What workers tell of a job while they run its tasks: kept in memory until a unit takes it along, and no more than a unit can keep. */
import type { Clock } from "../../src/system/clock.ts";
import { isTerminal, type Job } from "../../src/job/model.ts";
import { waitOfTask } from "./decide.ts";
import type { Draft } from "./draft.ts";
import type { JobMessage } from "./messages.ts";
import { appendProgress, PROGRESS_KEPT, type ProgressUpdate } from "./progress.ts";

export type Note = Extract<JobMessage, { type: "progress" | "checkpoint" }>;

const WRITE_MS_MIN = 1_000;
const WRITE_MS_MAX = 30_000;

/** The longer a task runs, the less often its notes are written: its history does not grow by a row a second for days. */
export function noteWriteMs(job: Pick<Job, "enteredAtMs">, atMs: number): number {
  return Math.min(WRITE_MS_MAX, Math.max(WRITE_MS_MIN, (atMs - job.enteredAtMs) / PROGRESS_KEPT));
}

/** Of each task the newest alone. */
interface Taken {
  readonly updates: readonly ProgressUpdate[];
  readonly progress: ReadonlyMap<string, { readonly workerId: string; readonly update: ProgressUpdate }>;
  readonly checkpoints: ReadonlyMap<string, Extract<Note, { type: "checkpoint" }>>;
}

const NOTHING: Taken = { updates: [], progress: new Map(), checkpoints: new Map() };

export class Notes {
  #updates: ProgressUpdate[] = [];
  #progress = new Map(NOTHING.progress);
  #checkpoints = new Map(NOTHING.checkpoints);
  /** On its way to the disk. */
  #taken = NOTHING;

  constructor(readonly clock: Clock) {}

  get isEmpty(): boolean {
    return this.#updates.length === 0 && this.#checkpoints.size === 0;
  }

  checkpoint(note: Extract<Note, { type: "checkpoint" }>): void {
    this.#checkpoints.set(note.taskId, note);
  }

  progress({ taskId, workerId, progress, message }: Extract<Note, { type: "progress" }>): ProgressUpdate {
    const update = { progress, message, atMs: this.clock.nowMs(), taskId };
    this.#progress.set(taskId, { workerId, update });
    this.#updates.push(update);
    this.#shorten();
    return update;
  }

  /** Before what the unit makes of the tasks. */
  take(draft: Draft): void {
    if (!isTerminal(draft.job.status)) this.#write(draft);
    this.#taken = { updates: this.#updates, progress: this.#progress, checkpoints: this.#checkpoints };
    this.#updates = [];
    this.#progress = new Map();
    this.#checkpoints = new Map();
  }

  /** The unit that took them is on disk. */
  written(): void {
    this.#taken = NOTHING;
  }

  /** It is not: the next one takes them along, and what came since then. */
  putBack(): void {
    const { updates, progress, checkpoints } = this.#taken;
    this.#taken = NOTHING;
    this.#updates = [...updates, ...this.#updates];
    this.#progress = new Map([...progress, ...this.#progress]);
    this.#checkpoints = new Map([...checkpoints, ...this.#checkpoints]);
    this.#shorten();
  }

  #shorten(): void {
    if (this.#updates.length >= 2 * PROGRESS_KEPT) this.#updates = this.#updates.slice(-PROGRESS_KEPT);
  }

  #write(draft: Draft): void {
    for (const [taskId, { workerId, update }] of this.#progress) {
      const wait = waitOfTask(draft, taskId, workerId);
      const { progress: value, message, atMs } = update;
      if (wait) draft.writeWait({ ...wait, progress: { value, message, atMs } });
    }
    for (const { taskId, workerId, value } of this.#checkpoints.values()) {
      const wait = waitOfTask(draft, taskId, workerId);
      if (wait) draft.writeWait({ ...wait, checkpoint: value });
    }
    appendProgress(draft, this.#updates);
  }
}
