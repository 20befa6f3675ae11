/** What is remembered of a schedule over restarts, and how it begins. */
import { type DueTimes, dueTimes } from "../../src/schedules/due.ts";
import type { Schedule } from "../../src/schedules/schedule.ts";

export interface ScheduleState {
  /** Timing and zone as they were: with others the schedule begins anew. */
  readonly timing: string;
  /** Raised whenever due times begin anew, and part of their keys: a moment that was due before may be due again. */
  readonly series: number;
  /** Where an interval is counted from. */
  readonly anchorMs: number;
  /** Every due time up to here has its job, or was left out. */
  readonly settledMs: number;
  /** In the file and switched on when it was last seen: due times count as missed only then. */
  readonly isOn: boolean;
  readonly isPaused: boolean;
  /** The newest due time that has a job. */
  readonly lastDueMs?: number;
  /** The newest job, whether it was due or somebody asked for it. */
  readonly lastJobId?: string;
  readonly leftOut?: LeftOut;
  /** Up to here due times were settled before the clock was set back: when it is that late again, they still are. */
  readonly aheadMs?: number;
}

/** The newest due time that has no job, and why. */
export interface LeftOut {
  readonly dueMs: number;
  readonly reason: "missed" | "overlap";
}

/** Set back by more than this, the clock was wrong before: waiting until it is that late again would be worse. */
const SET_BACK_MS = 24 * 3_600_000;

/** The state that a schedule has from now on, by what was stored of it. */
export function begin(schedule: Schedule, stored: ScheduleState | undefined, nowMs: number): ScheduleState {
  const timing = fingerprint(schedule);
  if (stored?.timing !== timing) {
    return { isPaused: false, ...stored, ...fresh(schedule, stored?.series, nowMs), timing };
  }
  if (schedule.enabled === stored.isOn) return stored;
  return { ...stored, isOn: schedule.enabled, settledMs: Math.max(stored.settledMs, nowMs) };
}

function fresh(schedule: Schedule, lastSeries: number | undefined, nowMs: number) {
  const anchorMs = Math.floor(nowMs / 1000) * 1000;
  return {
    series: (lastSeries ?? 0) + 1,
    anchorMs,
    // An interval runs at once, and then each time that it is over.
    settledMs: schedule.timing.type === "interval" ? anchorMs - 1 : nowMs,
    isOn: schedule.enabled,
  };
}

function fingerprint({ timing, timezone }: Schedule): string {
  return JSON.stringify(timing.type === "interval" ? timing : { ...timing, timezone });
}

/**
 * After a clock that was set back: due times that had their jobs would come again, so that the schedule waits until
 * they have passed. Where that would be longer than its interval, or a day, it goes on from now in a new series.
 */
export function afterSetBack(schedule: Schedule, state: ScheduleState, nowMs: number): ScheduleState | undefined {
  const { timing } = schedule;
  const patienceMs = timing.type === "interval" ? timing.seconds * 1000 : SET_BACK_MS;
  if (state.settledMs <= nowMs + patienceMs) return undefined;
  const aheadMs = Math.max(state.settledMs, state.aheadMs ?? 0);
  return { ...state, series: state.series + 1, anchorMs: nowMs, settledMs: nowMs, aheadMs };
}

/** A clock that was set back is right again, as on a machine that begins in 1970 and asks for the time later. */
export function afterSetForward(state: ScheduleState, nowMs: number): ScheduleState | undefined {
  const { aheadMs, ...others } = state;
  if (aheadMs === undefined || nowMs < aheadMs) return undefined;
  return { ...others, settledMs: Math.max(state.settledMs, aheadMs) };
}

export function pause(state: ScheduleState): ScheduleState {
  return { ...state, isPaused: true };
}

/** What was due during the pause was not missed: nobody wanted it. */
export function resume(state: ScheduleState, nowMs: number): ScheduleState {
  return state.isPaused ? { ...state, isPaused: false, settledMs: Math.max(state.settledMs, nowMs) } : state;
}

/** Taken out of the file. A pause is remembered in case it comes back. */
export function takeOut(state: ScheduleState): ScheduleState {
  return { ...state, isOn: false };
}

/** Reading a pattern costs more than asking it, and a thousand schedules may be due at the same moment. */
const known = new WeakMap<Schedule, { readonly anchorMs: number; readonly due: DueTimes }>();

export function dueTimesOf(schedule: Schedule, { anchorMs }: ScheduleState): DueTimes {
  const before = known.get(schedule);
  if (before?.anchorMs === anchorMs) return before.due;
  const due = dueTimes(schedule.timing, schedule.timezone, anchorMs);
  known.set(schedule, { anchorMs, due });
  return due;
}

export function keyOf(schedule: Schedule, { series }: ScheduleState, dueMs: number): string {
  return `${schedule.name}\n${series}\n${dueMs}`;
}
