import { describe, expect, test } from "bun:test";
import { cronProblem, dueTimes } from "../../src/schedules/due.ts";
import { type Timing, timingText } from "../../src/schedules/timing.ts";

const at = (text: string) => {
  const [hour = 0, minute = 0] = text.split(":").map(Number);
  return { hour, minute };
};
const daily = (time: string): Timing => ({ type: "daily", at: at(time) });
const cron = (expression: string): Timing => ({ type: "cron", expression });
const iso = (ms: number) => new Date(ms).toISOString().replace(":00.000Z", "Z");

function following(timing: Timing, zone: string, from: string, count: number): readonly string[] {
  const due = dueTimes(timing, zone, Date.parse("2026-01-01T00:00:00Z"));
  const found: string[] = [];
  let ms: number | undefined = Date.parse(from);
  while (found.length < count && (ms = due.after(ms)) !== undefined) found.push(iso(ms));
  return found;
}

describe("due times", () => {
  test.each<[string, Timing, string, string, readonly string[]]>([
    [
      "a daily time, in a zone ahead of UTC",
      daily("06:30"),
      "Asia/Kolkata",
      "2026-05-01T00:00Z",
      ["2026-05-01T01:00Z", "2026-05-02T01:00Z"],
    ],
    [
      "a daily time, at that very moment: the next one",
      daily("06:30"),
      "UTC",
      "2026-05-01T06:30Z",
      ["2026-05-02T06:30Z"],
    ],
    [
      "two days of the week",
      { type: "weekly", days: ["sun", "wed"], at: at("23:59") },
      "UTC",
      "2026-11-25T23:59Z",
      ["2026-11-29T23:59Z", "2026-12-02T23:59Z"],
    ],
    [
      "the end of months that have it",
      { type: "monthly", dates: [30, 31], at: at("00:00") },
      "UTC",
      "2026-01-30T12:00Z",
      ["2026-01-31T00:00Z", "2026-03-30T00:00Z", "2026-03-31T00:00Z", "2026-04-30T00:00Z"],
    ],
    [
      "the leap day",
      { type: "monthly", dates: [29], at: at("12:00") },
      "UTC",
      "2028-02-01T00:00Z",
      ["2028-02-29T12:00Z", "2028-03-29T12:00Z"],
    ],
    ["the leap day alone", cron("0 0 29 2 *"), "UTC", "2026-03-01T00:00Z", ["2028-02-29T00:00Z", "2032-02-29T00:00Z"]],
    [
      "cron with names and ranges",
      cron("15 9-10 * jan mon-fri"),
      "America/New_York",
      "2026-01-02T14:15Z",
      ["2026-01-02T15:15Z", "2026-01-05T14:15Z"],
    ],
    [
      "a local midnight on the other side of the date line",
      daily("00:00"),
      "Pacific/Auckland",
      "2026-07-01T00:00Z",
      ["2026-07-01T12:00Z"],
    ],
  ])("%s", (_, timing, zone, from, expected) => {
    expect(following(timing, zone, from, expected.length)).toEqual(expected);
  });

  test("an interval is due at its beginning and each time that it is over", () => {
    const due = dueTimes({ type: "interval", seconds: 90 }, "UTC", 1_000);
    expect(due.after(0)).toBe(1_000);
    expect(due.after(1_000)).toBe(91_000);
    expect(due.after(90_999)).toBe(91_000);
    expect(due.after(91_000)).toBe(181_000);
  });
});

describe("where the clock jumps", () => {
  test.each<[string, string, Timing, string, readonly string[]]>([
    [
      "a time that does not exist is due at the next one that does",
      "Europe/Berlin",
      daily("02:30"),
      "2026-03-28T02:00Z",
      ["2026-03-29T01:00Z", "2026-03-30T00:30Z"],
    ],
    [
      "a time that does not exist is due at the next one that does",
      "America/New_York",
      daily("02:30"),
      "2026-03-07T08:00Z",
      ["2026-03-08T07:00Z", "2026-03-09T06:30Z"],
    ],
    [
      "midnight does not exist",
      "America/Santiago",
      daily("00:00"),
      "2026-09-05T04:00Z",
      ["2026-09-06T04:00Z", "2026-09-07T03:00Z"],
    ],
    [
      "half an hour does not exist",
      "Australia/Lord_Howe",
      daily("02:15"),
      "2026-10-02T16:00Z",
      ["2026-10-03T15:30Z", "2026-10-04T15:15Z"],
    ],
    [
      "a whole day does not exist",
      "Pacific/Apia",
      daily("12:00"),
      "2011-12-29T00:00Z",
      ["2011-12-29T22:00Z", "2011-12-30T10:00Z", "2011-12-30T22:00Z"],
    ],
    [
      "several that do not exist are due once",
      "Europe/Berlin",
      cron("*/15 2 * * *"),
      "2026-03-29T00:00Z",
      ["2026-03-29T01:00Z", "2026-03-30T00:00Z"],
    ],
    [
      "one that does not exist comes beside one that does",
      "Europe/Berlin",
      cron("30 2,3 * * *"),
      "2026-03-28T03:00Z",
      ["2026-03-29T01:00Z", "2026-03-29T01:30Z", "2026-03-30T00:30Z"],
    ],
    [
      "a time that comes twice is due once",
      "Europe/Berlin",
      daily("02:30"),
      "2026-10-24T12:00Z",
      ["2026-10-25T00:30Z", "2026-10-26T01:30Z"],
    ],
    [
      "a time that comes twice is due once",
      "America/New_York",
      daily("01:30"),
      "2026-10-31T12:00Z",
      ["2026-11-01T05:30Z", "2026-11-02T06:30Z"],
    ],
    [
      "a time that comes twice is not due in the hour that comes again",
      "Europe/Berlin",
      daily("02:30"),
      "2026-10-25T00:40Z",
      ["2026-10-26T01:30Z"],
    ],
    [
      "every hour means each that passes, when one comes twice",
      "Europe/Berlin",
      cron("30 * * * *"),
      "2026-10-25T00:00Z",
      ["2026-10-25T00:30Z", "2026-10-25T01:30Z", "2026-10-25T02:30Z"],
    ],
    [
      "every hour means each that passes, when one is left out",
      "America/New_York",
      cron("*/30 * * * *"),
      "2026-03-08T06:00Z",
      ["2026-03-08T06:30Z", "2026-03-08T07:00Z", "2026-03-08T07:30Z"],
    ],
  ])("%s (%s)", (_, zone, timing, from, expected) => {
    expect(following(timing, zone, from, expected.length)).toEqual(expected);
  });

  test("in no zone and on no day of a year is a due time skipped, doubled or out of order", () => {
    for (const zone of [
      "Europe/Berlin",
      "America/New_York",
      "Australia/Lord_Howe",
      "America/Santiago",
      "Africa/Casablanca",
    ]) {
      for (const time of ["00:00", "01:30", "02:00", "02:30", "03:00"]) {
        const due = following(daily(time), zone, "2025-12-31T22:00Z", 365).map((text) => Date.parse(text));
        const gaps = due.slice(1).map((ms, index) => (ms - (due[index] ?? 0)) / 3_600_000);
        expect([zone, time, gaps.filter((hours) => hours < 23 || hours > 25)]).toEqual([zone, time, []]);
      }
    }
  });
});

describe("the newest due times", () => {
  const newest = (timing: Timing, from: string, until: string, count: number) =>
    dueTimes(timing, "Europe/Berlin", Date.parse("2026-01-01T00:00:00Z"))
      .newest(Date.parse(from), Date.parse(until), count)
      .map(iso);

  test.each<[string, Timing, string, string, number, string[]]>([
    ["none", daily("06:00"), "2026-06-01T05:00Z", "2026-06-01T09:00Z", 3, []],
    [
      "fewer than asked for",
      daily("06:00"),
      "2026-06-01T04:00Z",
      "2026-06-03T04:00Z",
      3,
      ["2026-06-02T04:00Z", "2026-06-03T04:00Z"],
    ],
    [
      "the last of many",
      cron("* * * * *"),
      "2020-06-01T04:00Z",
      "2026-06-03T04:00Z",
      2,
      ["2026-06-03T03:59Z", "2026-06-03T04:00Z"],
    ],
    ["one that is far back", cron("0 0 29 2 *"), "2020-06-01T04:00Z", "2026-06-03T04:00Z", 2, ["2024-02-28T23:00Z"]],
    [
      "intervals",
      { type: "interval", seconds: 3_600 },
      "2026-01-01T00:00Z",
      "2026-01-02T00:30Z",
      2,
      ["2026-01-01T23:00Z", "2026-01-02T00:00Z"],
    ],
    ["no interval is over", { type: "interval", seconds: 3_600 }, "2026-01-01T00:00Z", "2026-01-01T00:30Z", 2, []],
    ["a time that went back", daily("06:00"), "2026-06-03T04:00Z", "2026-06-01T04:00Z", 3, []],
  ])("%s", (_, timing, from, until, count, expected) => {
    expect(newest(timing, from, until, count)).toEqual(expected);
  });
});

test.each([
  [{ type: "interval", seconds: 1 }, "every second"],
  [{ type: "interval", seconds: 300 }, "every 5 minutes"],
  [{ type: "interval", seconds: 90 }, "every 90 seconds"],
  [{ type: "interval", seconds: 172_800 }, "every 2 days"],
  [daily("6:05"), "every day at 06:05"],
  [{ type: "weekly", days: ["mon", "wed", "fri"], at: at("6:00") }, "every Monday, Wednesday and Friday at 06:00"],
  [
    { type: "monthly", dates: [1, 2, 3, 11, 22, 31], at: at("6:00") },
    "on the 1st, 2nd, 3rd, 11th, 22nd and 31st of the month at 06:00",
  ],
  [cron("0 6 * * *"), "cron 0 6 * * *"],
] as const satisfies readonly (readonly [Timing, string])[])("in words: %j", (timing, text) => {
  expect(timingText(timing)).toBe(text);
});

test.each([
  ["* * * * *", undefined],
  ["0 6 L * *", undefined],
  ["0 0 31 2 *", "no date fits it"],
  ["* * * *", "it has not five fields"],
  ["0 * * * * *", "it has not five fields"],
  ["@daily", "it has not five fields"],
  ["? * * * *", 'it has a "?", write "*"'],
  ["60 * * * *", "Invalid value for minute: 60"],
  ["0 0 * * mondayish", expect.stringContaining("mondayish")],
])("the cron expression %s", (expression, problem) => {
  expect(cronProblem(expression)).toEqual(problem);
});
