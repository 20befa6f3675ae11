/** A schedule as operators see it. */
import type { JobStatus } from "../../src/job/model.ts";
import type { Schedule } from "../../src/schedules/schedule.ts";
import { timingText } from "../../src/schedules/timing.ts";
import type { ScheduleView } from "../orchestrator.ts";
import { dueTimesOf, type ScheduleState } from "./state.ts";

export interface Now {
  readonly nowMs: number;
  /** Of the newest job. */
  readonly status: JobStatus | undefined;
  readonly error: string | undefined;
}

export function viewOf(schedule: Schedule, state: ScheduleState, now: Now): ScheduleView {
  const { name, blueprint, timing, timezone, missed, overlap, jitterMs, enabled } = schedule;
  const { isPaused, settledMs, lastDueMs, lastJobId, leftOut } = state;
  const isWaiting = enabled && !isPaused;
  const nextDueMs = isWaiting ? dueTimesOf(schedule, state).after(Math.max(settledMs, now.nowMs)) : undefined;
  return {
    name,
    blueprint,
    timing: timingText(timing),
    timezone,
    missed,
    overlap,
    jitterMs,
    isEnabled: enabled,
    isPaused,
    nextDueMs,
    lastDueMs,
    leftOut,
    lastJobId,
    lastJobStatus: now.status,
    error: now.error,
  };
}
