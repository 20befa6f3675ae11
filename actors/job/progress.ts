/** Progress of running tasks, kept with the job: the newest hundred. */
import { isoTime } from "../../src/system/iso.ts";
import type { Draft } from "./draft.ts";

export interface ProgressUpdate {
  readonly progress: number;
  readonly message?: string | undefined;
  readonly atMs: number;
  readonly taskId?: string | undefined;
}

export const PROGRESS_KEPT = 100;

export function appendProgress(draft: Draft, updates: readonly ProgressUpdate[]): void {
  const newest = updates.at(-1);
  if (!newest) return;
  const entries = updates.slice(-PROGRESS_KEPT).map((update) => ({
    progress: update.progress,
    message: update.message ?? "",
    timestamp: isoTime(update.atMs),
  }));
  const history = JSON.parse(draft.job.stateHistory);
  const before = Array.isArray(history.progress_updates) ? history.progress_updates : [];
  history.progress_updates = [...before, ...entries].slice(-PROGRESS_KEPT);
  draft.event({
    type: "progress",
    atMs: newest.atMs,
    state: draft.job.state,
    // Of one task alone everybody knows which it is.
    ...(draft.job.parallel && { taskId: newest.taskId }),
    patch: JSON.stringify({ append: { progress_updates: entries } }),
  });
  draft.set({
    stateHistory: JSON.stringify(history),
    progress: newest.progress,
    progressMessage: newest.message ?? draft.job.progressMessage,
  });
}
