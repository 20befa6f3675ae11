/** When time alone will next have something to do for a job. */
import { isTerminal, type Job, type TaskWait } from "../../src/job/model.ts";

/** A retry whose time has come counts until it is queued: its wake may have been lost meanwhile. */
export function wakeAtMs(job: Job, timedWaits: readonly TaskWait[], cancelGraceMs: number): number | undefined {
  if (isTerminal(job.status)) return undefined;
  let soonest = job.deadlineAtMs ?? Number.POSITIVE_INFINITY;
  // Nothing else of a visit that is being cancelled has a time of its own any more.
  if (job.cancelRequestedAtMs !== undefined) return Math.min(soonest, job.cancelRequestedAtMs + cancelGraceMs);
  if (job.pause?.dueAtMs !== undefined) soonest = Math.min(soonest, job.pause.dueAtMs);
  if (job.handler?.notBeforeMs !== undefined) soonest = Math.min(soonest, job.handler.notBeforeMs);
  for (const wait of timedWaits) {
    if (wait.notBeforeMs !== undefined && !wait.delivery) soonest = Math.min(soonest, wait.notBeforeMs);
    if (wait.order.dispatchTimeoutMs !== undefined && !wait.delivery) {
      soonest = Math.min(soonest, wait.queuedAtMs + wait.order.dispatchTimeoutMs);
    }
  }
  return Number.isFinite(soonest) ? soonest : undefined;
}
