/**
 * The due times of a schedule, as plain arithmetic: nothing here asks what time it is.
 *
 * A calendar timing follows the clock of its zone. Where that clock jumps:
 * - a local time that does not exist is due at the next moment that does, once however many fall together;
 * - one that comes twice is due the first time alone;
 * - a cron expression for every hour (`*` as its hour) counts hours as they pass: it neither stands still nor runs twice in one.
 */
import { Cron } from "croner";
import { cronOf, type Timing } from "./timing.ts";
import { jumpBetween, momentOf, offsetMs } from "./zone.ts";

export interface DueTimes {
  /** The first one after that moment; undefined: there is none any more. */
  after(ms: number): number | undefined;
  /** The newest ones after `fromMs` and not after `untilMs`, at most so many, oldest first. */
  newest(fromMs: number, untilMs: number, count: number): readonly number[];
}

/** `anchorMs` is where intervals are counted from: it is due itself. */
export function dueTimes(timing: Timing, zone: string, anchorMs: number): DueTimes {
  return timing.type === "interval" ? intervals(timing.seconds * 1000, anchorMs) : calendar(cronOf(timing), zone);
}

function intervals(everyMs: number, anchorMs: number): DueTimes {
  const after = (ms: number) => anchorMs + Math.max(0, Math.floor((ms - anchorMs) / everyMs) + 1) * everyMs;
  return {
    after,
    newest(fromMs, untilMs, count) {
      const last = after(untilMs) - everyMs;
      const first = Math.max(after(fromMs), last - (count - 1) * everyMs);
      if (last < first) return [];
      return Array.from({ length: Math.round((last - first) / everyMs) + 1 }, (_, index) => first + index * everyMs);
    },
  };
}

const HOUR_MS = 3_600_000;
const WINDOW_GROWTH = 4;

function calendar(expression: string, zone: string): DueTimes {
  const pattern = patternOf(expression);
  const isHourly = /^(?:\*|\*\/1)$/.test(expression.split(/\s+/)[1] ?? "");
  const after = (ms: number) => (isHourly ? nextAsHoursPass(pattern, zone, ms) : nextByTheClock(pattern, zone, ms));
  const between = (fromMs: number, untilMs: number) => {
    const found: number[] = [];
    for (let due = after(fromMs); due !== undefined && due <= untilMs; due = after(due)) found.push(due);
    return found;
  };
  return {
    after,
    // Backwards in growing steps: a year of minutes is not counted for its last one.
    newest(fromMs, untilMs, count) {
      for (let windowMs = HOUR_MS; ; windowMs *= WINDOW_GROWTH) {
        const found = between(Math.max(fromMs, untilMs - windowMs), untilMs);
        if (found.length >= count || untilMs - windowMs <= fromMs) return found.slice(-count);
      }
    },
  };
}

/** The next local time that fits, after a local time. */
type Pattern = (localMs: number) => number | undefined;

/** Croner counts in UTC here, where no clock jumps: what the zone makes of it is ours. */
function patternOf(expression: string): Pattern {
  const cron = new Cron(expression, { timezone: "UTC", mode: "5-part", paused: true });
  return (localMs) => cron.nextRun(new Date(localMs))?.getTime();
}

function nextByTheClock(pattern: Pattern, zone: string, afterMs: number): number | undefined {
  let localMs = pattern(afterMs + offsetMs(zone, afterMs));
  while (localMs !== undefined) {
    const moment = momentOf(zone, localMs);
    // Not later: its first time has passed, and this is the hour that comes again.
    if (moment > afterMs) return moment;
    localMs = pattern(localMs);
  }
  return undefined;
}

function nextAsHoursPass(pattern: Pattern, zone: string, afterMs: number): number | undefined {
  let fromMs = afterMs;
  let offset = offsetMs(zone, fromMs);
  for (;;) {
    const localMs = pattern(fromMs + offset);
    if (localMs === undefined) return undefined;
    const moment = localMs - offset;
    const jump = jumpBetween(zone, fromMs + 1, moment);
    if (jump === undefined) return moment;
    offset = offsetMs(zone, jump);
    fromMs = jump - 1;
  }
}

/** What is wrong with an expression, as the end of a sentence; undefined: nothing. */
export function cronProblem(expression: string): string | undefined {
  if (expression.trim().split(/\s+/).length !== 5) return "it has not five fields";
  // To the library a question mark is the time at which it is read.
  if (expression.includes("?")) return 'it has a "?", write "*"';
  try {
    const isEverDue = patternOf(expression)(Date.UTC(2024, 0, 1)) !== undefined;
    return isEverDue ? undefined : "no date fits it";
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^CronPattern: /, "").replace(/\.$/, "") : String(error);
  }
}
