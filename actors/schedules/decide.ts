/** What a schedule does now: a pure function of its table, of what is remembered, and of the time. */
import type { Schedule } from "../../src/schedules/schedule.ts";
import { dueTimesOf, keyOf, type ScheduleState } from "./state.ts";

export interface Step {
  /** Due times to run now, oldest first. */
  readonly run: readonly number[];
  /** Others passed: all up to this one are left out, before those to run. */
  readonly leftOutUntilMs?: number;
  /** When to look again, once that is done; undefined: never, unless something is changed. */
  readonly nextMs?: number | undefined;
}

/** Later than this a due time is missed. Within the minute it always ran. */
const LATE_MS = 60_000;
const MISSED_MAX = 100;

export function decide(schedule: Schedule, state: ScheduleState, nowMs: number): Step {
  if (!state.isOn || state.isPaused) return { run: [] };
  const due = dueTimesOf(schedule, state);
  const beginsMs = (dueMs: number) => dueMs + delayMs(schedule, state, dueMs);
  const nextAfter = (ms: number) => {
    const next = due.after(ms);
    return next === undefined ? undefined : beginsMs(next);
  };
  // More than can run: one may be held up by its jitter, and the one before those is the newest that is left out.
  const passed = due.newest(state.settledMs, nowMs, MISSED_MAX + 2).filter((dueMs) => beginsMs(dueMs) <= nowMs);
  const newest = passed.at(-1);
  if (newest === undefined) return { run: [], nextMs: nextAfter(state.settledMs) };
  const run = chosen(schedule, passed, nowMs - LATE_MS, beginsMs);
  const leftOut = passed.at(-1 - run.length);
  return { run, nextMs: nextAfter(newest), ...(leftOut !== undefined && { leftOutUntilMs: leftOut }) };
}

function chosen(
  { missed }: Schedule,
  passed: readonly number[],
  lateMs: number,
  beginsMs: (dueMs: number) => number,
): readonly number[] {
  switch (missed) {
    case "all":
      return passed.slice(-MISSED_MAX);
    case "once":
      return passed.slice(-1);
    case "skip":
      return passed.slice(-1).filter((dueMs) => beginsMs(dueMs) >= lateMs);
  }
}

/** Drawn from the due time itself, so that a restart does not draw again. */
function delayMs(schedule: Schedule, state: ScheduleState, dueMs: number): number {
  if (schedule.jitterMs === 0) return 0;
  return Math.floor((Bun.hash.xxHash32(keyOf(schedule, state, dueMs)) / 2 ** 32) * schedule.jitterMs);
}
