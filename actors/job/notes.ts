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

export class Notes {
  #updates: ProgressUpdate[] = [];
  /** The newest of each task. */
  readonly #progress = new Map<string, { readonly workerId: string; readonly update: ProgressUpdate }>();
  readonly #checkpoints = new Map<string, Extract<Note, { type: "checkpoint" }>>();

  constructor(readonly clock: Clock) {}

  get isEmpty(): boolean {
    return this.#updates.length === 0 && this.#checkpoints.size === 0;
  }

  checkpoint(note: Extract<Note, { type: "checkpoint" }>): void {
    this.#checkpoints.set(note.taskId, note);
  }

  progress({ taskId, workerId, progress, message }: Extract<Note, { type: "progress" }>): ProgressUpdate {
    const update = { progress, message, atMs: this.clock.nowMs() };
    this.#progress.set(taskId, { workerId, update });
    this.#updates.push(update);
    if (this.#updates.length >= 2 * PROGRESS_KEPT) this.#updates = this.#updates.slice(-PROGRESS_KEPT);
    return update;
  }

  /** Before what the unit makes of the tasks. */
  take(draft: Draft): void {
    if (!isTerminal(draft.job.status)) this.#write(draft);
    this.#updates = [];
    this.#progress.clear();
    this.#checkpoints.clear();
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
