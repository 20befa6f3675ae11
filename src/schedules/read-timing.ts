/** Exactly one timing, and the zone that it is meant in. */
import { suggestion } from "../system/nearest.ts";
import { cronProblem, dueTimes } from "./due.ts";
import type { Table } from "./table.ts";
import { type TimeOfDay, type Timing, timingText, WEEKDAYS, type Weekday } from "./timing.ts";
import { zoneMeant, zoneNamed } from "./zone.ts";

export const TIMING_KEYS = ["interval_seconds", "daily_at", "weekly_days", "monthly_dates", "cron"] as const;
const INTERVAL_SECONDS_MAX = 366 * 86_400;
const DATE_MAX = 31;

export function readTiming(table: Table): Timing {
  const set = TIMING_KEYS.filter((key) => table.has(key));
  const [key] = set;
  if (key === undefined) {
    throw table.refusal(`says not when it is due: set exactly one of ${TIMING_KEYS.join(", ")}.`);
  }
  if (set.length > 1) {
    throw table.refusal(`sets ${set.join(" and ")}, but can have one timing only: make two schedules of it.`);
  }
  const timing = readOne(table, key);
  if (table.has("time") && timing.type !== "weekly" && timing.type !== "monthly") {
    throw table.refusal(`sets time, which belongs to weekly_days and monthly_dates and does nothing beside ${key}.`);
  }
  return timing;
}

function readOne(table: Table, key: (typeof TIMING_KEYS)[number]): Timing {
  switch (key) {
    case "interval_seconds":
      return { type: "interval", seconds: table.whole(key, 1, INTERVAL_SECONDS_MAX) ?? 1 };
    case "daily_at":
      return { type: "daily", at: readClock(table, key) };
    case "weekly_days": {
      const days = table.list(key, 'a list of days, like ["mon", "fri"]', weekday);
      return { type: "weekly", days: WEEKDAYS.filter((day) => days.includes(day)), at: readTime(table, key) };
    }
    case "monthly_dates": {
      const dates = table.list(key, `a list of days of the month, 1 to ${DATE_MAX}, like [1, 15]`, dateOfMonth);
      return { type: "monthly", dates: dates.toSorted((one, other) => one - other), at: readTime(table, key) };
    }
    case "cron":
      return { type: "cron", expression: readCron(table) };
  }
}

function readTime(table: Table, timing: string): TimeOfDay {
  if (table.has("time")) return readClock(table, "time");
  throw table.refusal(`sets ${timing} without a time: add time = "06:30".`);
}

const CLOCK = /^(?<hour>[01]?\d|2[0-3]):(?<minute>[0-5]\d)$/;

function readClock(table: Table, key: string): TimeOfDay {
  const value = table.values[key];
  const groups = typeof value === "string" ? CLOCK.exec(value)?.groups : undefined;
  if (groups) return { hour: Number(groups["hour"]), minute: Number(groups["minute"]) };
  throw table.wrong(key, 'has to be a time from "00:00" to "23:59", in quotes.');
}

function weekday(value: unknown): Weekday | undefined {
  if (typeof value !== "string") return undefined;
  const written = value.trim().toLowerCase();
  const short = WEEKDAYS.find((day) => day === written.slice(0, 3));
  return short !== undefined && (written.length === 3 || FULL_DAYS.includes(written)) ? short : undefined;
}

const FULL_DAYS: readonly string[] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

function dateOfMonth(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= DATE_MAX ? value : undefined;
}

function readCron(table: Table): string {
  const expression = table.text("cron")?.trim().replaceAll(/\s+/g, " ") ?? "";
  const problem = cronProblem(expression);
  if (problem === undefined) return expression;
  const fields = "minute, hour, day of the month, month, day of the week";
  throw table.wrong("cron", `cannot be used (${problem}): write five fields (${fields}), like "30 6 * * mon-fri".`);
}

/** `serverZone` is what the server runs in: TZ, or UTC. */
export function readZone(table: Table, serverZone: string): string {
  const own = table.text("timezone");
  const zone = zoneNamed(own ?? serverZone);
  if (zone !== undefined) return zone;
  if (own !== undefined) throw table.wrong("timezone", `is no time zone${zoneMeant(own)}`);
  throw table.refusal(
    `has no timezone, and TZ is "${serverZone}", which is no time zone${zoneMeant(serverZone)} Set one of them.`,
  );
}

const GAPS_LOOKED_AT = 50;

/** Runs would overtake each other if one might begin later than the next is due. */
export function readJitterMs(table: Table, timing: Timing, zone: string): number {
  const jitterMs = (table.whole("jitter_seconds", 0, INTERVAL_SECONDS_MAX) ?? 0) * 1000;
  if (jitterMs === 0) return 0;
  const gapMs = shortestGapMs(timing, zone);
  if (jitterMs < gapMs) return jitterMs;
  const gap = `${gapMs / 1000} s`;
  throw table.wrong("jitter_seconds", `has to be less than the ${gap} between two runs (${timingText(timing)}).`);
}

function shortestGapMs(timing: Timing, zone: string): number {
  const due = dueTimes(timing, zone, 0);
  let shortest = Number.POSITIVE_INFINITY;
  let last = due.after(Date.UTC(2024, 0, 1));
  for (let count = 0; count < GAPS_LOOKED_AT && last !== undefined; count++) {
    const next = due.after(last);
    if (next !== undefined) shortest = Math.min(shortest, next - last);
    last = next;
  }
  return shortest;
}

/** The end of a sentence about a blueprint that there is not. */
export function blueprintMeant(name: string, known: readonly string[]): string {
  const meant = suggestion(name, known);
  if (meant !== ".") return meant;
  return known.length === 0 ? "; there is none at all." : `. There are: ${known.join(", ")}.`;
}
