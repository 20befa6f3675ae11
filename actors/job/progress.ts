/** Progress of a running task, kept with the job: written at most once a second, the newest hundred. */
import { isoTime } from "../../src/system/iso.ts";
import type { Draft } from "./draft.ts";

export interface ProgressUpdate {
  readonly progress: number;
  readonly message?: string | undefined;
  readonly atMs: number;
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
  // It happened before whatever else the unit holds, and in the state that the job was in then.
  draft.events.unshift({
    type: "progress",
    atMs: newest.atMs,
    state: draft.state?.job.state ?? draft.job.state,
    patch: JSON.stringify({ append: { progress_updates: entries } }),
  });
  draft.set({
    stateHistory: JSON.stringify(history),
    progress: newest.progress,
    progressMessage: newest.message ?? draft.job.progressMessage,
  });
}
