/**
 * Local time and moments. A zone's clock jumps twice a year in many places: a local time may not
 * exist, or come twice. What that means for a schedule is said in `due.ts`; here is what is so.
 */
import { nearest } from "../system/nearest.ts";

/** A local time as the milliseconds that UTC would show for the same figures. */
export type LocalMs = number;

const MINUTE_MS = 60_000;
/** Further from a moment than any zone's clock is from UTC, with a day that was left out (Samoa, 2011) beside it. */
const AROUND_MS = 36 * 60 * MINUTE_MS;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(zone, format);
  }
  return format;
}

/** How far the zone's clock is ahead of UTC at that moment. */
export function offsetMs(zone: string, atMs: number): number {
  if (zone === "UTC") return 0;
  const wholeMs = Math.floor(atMs / 1000) * 1000;
  const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = (
    formatOf(zone).format(wholeMs).match(/\d+/g) ?? []
  ).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second) - wholeMs;
}

/** The first moment after `fromMs`, and not after `untilMs`, at which the zone's clock jumps. */
export function jumpBetween(zone: string, fromMs: number, untilMs: number): number | undefined {
  const before = offsetMs(zone, fromMs);
  if (offsetMs(zone, untilMs) === before) return undefined;
  let [low, high] = [fromMs, untilMs];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetMs(zone, middle) === before) low = middle;
    else high = middle;
  }
  return high;
}

/** The moment at which the zone's clock shows this: the first of two, and where there is none the moment of the jump over it. */
export function momentOf(zone: string, localMs: LocalMs): number {
  const offsets = [offsetMs(zone, localMs - AROUND_MS), offsetMs(zone, localMs + AROUND_MS)];
  const [earlier, later] = offsets.map((offset) => localMs - offset).toSorted((one, other) => one - other);
  for (const moment of [earlier, later]) {
    if (moment !== undefined && moment + offsetMs(zone, moment) === localMs) return moment;
  }
  return jumpBetween(zone, earlier ?? localMs, later ?? localMs) ?? localMs;
}

/** The zone's own spelling; undefined: there is no such zone. */
export function zoneNamed(name: string): string | undefined {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The end of a sentence about a zone that there is not. */
export function zoneMeant(name: string): string {
  const near = nearest(name, ["UTC", ...Intl.supportedValuesOf("timeZone")]);
  return near === undefined ? '; write one like "Europe/Berlin" or "UTC".' : `; did you mean ${near}?`;
}
