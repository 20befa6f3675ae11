import { describe, expect, test } from "bun:test";
import { readSchedules } from "../../src/schedules/read.ts";
import { Refusal } from "../../src/system/errors.ts";

const read = (text: string, serverZone = "UTC") => readSchedules({ file: "schedules.toml", text, serverZone });

function refused(text: string, serverZone?: string): string {
  try {
    read(text, serverZone);
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
  return "nothing was refused";
}

describe("schedules.toml", () => {
  test("a table needs a blueprint and a timing, and has defaults for the rest", () => {
    expect(read('[nightly]\nblueprint = "report"\ndaily_at = "6:30"')).toEqual([
      {
        name: "nightly",
        blueprint: "report",
        initialData: "{}",
        enabled: true,
        timing: { type: "daily", at: { hour: 6, minute: 30 } },
        timezone: "UTC",
        missed: "skip",
        overlap: "allow",
        jitterMs: 0,
        options: {},
      },
    ]);
  });

  test("every key is read", () => {
    const text = `
      ["every fifteen minutes"]
      blueprint = "report"
      enabled = false
      interval_seconds = 900
      timezone = "europe/berlin"
      missed = "all"
      overlap = "skip"
      jitter_seconds = 60
      priority = 2.5
      tags = ["a", "b"]
      dispatch_timeout = 10
      result_timeout = 20
      deadline_seconds = 30
      webhook_url = "https://example.com/hook"
      metadata = { team = "x" }
      security = { level = 1 }
      initial_data = { since = 2026-01-02, deep = { list = [1, "two"] } }`;
    expect(read(text)).toEqual([
      {
        name: "every fifteen minutes",
        blueprint: "report",
        initialData: '{"since":"2026-01-02","deep":{"list":[1,"two"]}}',
        enabled: false,
        timing: { type: "interval", seconds: 900 },
        timezone: "Europe/Berlin",
        missed: "all",
        overlap: "skip",
        jitterMs: 60_000,
        options: {
          priority: 2.5,
          tags: ["a", "b"],
          dispatchTimeoutSeconds: 10,
          resultTimeoutSeconds: 20,
          deadlineSeconds: 30,
          webhookUrl: "https://example.com/hook",
          metadata: '{"team":"x"}',
          security: '{"level":1}',
        },
      },
    ]);
  });

  test.each([
    [
      'weekly_days = ["Friday", "mon", "MON"]\ntime = "18:00"',
      { type: "weekly", days: ["mon", "fri"], at: { hour: 18, minute: 0 } },
    ],
    ['monthly_dates = [31, 1]\ntime = "00:05"', { type: "monthly", dates: [1, 31], at: { hour: 0, minute: 5 } }],
    ['cron = " 0  6 * * mon-fri "', { type: "cron", expression: "0 6 * * mon-fri" }],
  ])("the timing %s", (timing, expected) => {
    expect(read(`[s]\nblueprint = "b"\n${timing}`)[0]?.timing).toEqual(expected as never);
  });

  test("what was missed of an interval is made up once, of a time of day never, unless it is said", () => {
    expect(read('[s]\nblueprint = "b"\ninterval_seconds = 60')[0]?.missed).toBe("once");
    expect(read('[s]\nblueprint = "b"\ninterval_seconds = 60\nmissed = "skip"')[0]?.missed).toBe("skip");
    expect(read('[s]\nblueprint = "b"\ncron = "* * * * *"')[0]?.missed).toBe("skip");
  });

  test("a schedule without a zone of its own takes the server's", () => {
    expect(read('[s]\nblueprint = "b"\ndaily_at = "06:00"', "Asia/Tokyo")[0]?.timezone).toBe("Asia/Tokyo");
  });

  test("an empty file has no schedules", () => {
    expect(read("# none\n")).toEqual([]);
  });

  test.each<[string, string, string]>([
    ["no TOML", "[s\n", "schedules.toml:1:"],
    [
      "a key outside of a table",
      'blueprint = "b"',
      "schedules.toml: blueprint stands outside of any table: write [NAME] above it",
    ],
    ["a name over several lines", '["a\\nb"]\nblueprint = "b"', '["a\\nb"] a schedule\'s name has to be'],
    ["no blueprint", '[s]\ndaily_at = "06:00"', '[s] names no blueprint: set blueprint = "NAME".'],
    ["a blueprint that is no text", "[s]\nblueprint = 1", "[s] blueprint = 1 has to be a text in quotes"],
    [
      "an unknown key",
      '[s]\nblueprint = "b"\ndayly_at = "06:00"',
      "[s] sets dayly_at, which no schedule has; did you mean daily_at?",
    ],
    [
      "a key like none",
      '[s]\nblueprint = "b"\nxyzzy = 1',
      "[s] sets xyzzy, which no schedule has. There are: blueprint, input_data",
    ],
    [
      "no timing",
      '[s]\nblueprint = "b"',
      "[s] says not when it is due: set exactly one of interval_seconds, daily_at, weekly_days, monthly_dates, cron.",
    ],
    [
      "two timings",
      '[s]\nblueprint = "b"\ndaily_at = "06:00"\ncron = "* * * * *"',
      "[s] sets daily_at and cron, but can have one timing only",
    ],
    [
      "a time of day that is none",
      '[s]\nblueprint = "b"\ndaily_at = "24:00"',
      '[s] daily_at = "24:00" has to be a time from "00:00" to "23:59", in quotes.',
    ],
    ["a time of day without quotes", '[s]\nblueprint = "b"\ndaily_at = 06:30:00', "has to be a time from"],
    [
      "days without a time",
      '[s]\nblueprint = "b"\nweekly_days = ["mon"]',
      '[s] sets weekly_days without a time: add time = "06:30".',
    ],
    [
      "a time that does nothing",
      '[s]\nblueprint = "b"\ncron = "* * * * *"\ntime = "06:00"',
      "[s] sets time, which belongs to weekly_days and monthly_dates and does nothing beside cron.",
    ],
    [
      "a day that is none",
      '[s]\nblueprint = "b"\nweekly_days = ["mon", "thurs"]\ntime = "06:00"',
      '"thurs" is none of them.',
    ],
    [
      "no days",
      '[s]\nblueprint = "b"\nweekly_days = []\ntime = "06:00"',
      "[s] weekly_days = [] has to be a list of days",
    ],
    [
      "a date that is none",
      '[s]\nblueprint = "b"\nmonthly_dates = [0]\ntime = "06:00"',
      "[s] monthly_dates = [0] has to be a list of days of the month, 1 to 31",
    ],
    [
      "a date that never comes",
      '[s]\nblueprint = "b"\ncron = "0 0 30 2 *"',
      '[s] cron = "0 0 30 2 *" cannot be used (no date fits it): write five fields',
    ],
    [
      "an interval of nothing",
      '[s]\nblueprint = "b"\ninterval_seconds = 0',
      "[s] interval_seconds = 0 has to be a whole number from 1 to",
    ],
    ["an interval with a fraction", '[s]\nblueprint = "b"\ninterval_seconds = 0.5', "has to be a whole number"],
    [
      "a bad cron",
      '[s]\nblueprint = "b"\ncron = "61 * * * *"',
      '[s] cron = "61 * * * *" cannot be used (Invalid value for minute: 61)',
    ],
    [
      "a wrong zone",
      '[s]\nblueprint = "b"\ndaily_at = "06:00"\ntimezone = "Europe/Berln"',
      '[s] timezone = "Europe/Berln" is no time zone; did you mean Europe/Berlin?',
    ],
    [
      "a policy that is none",
      '[s]\nblueprint = "b"\ndaily_at = "06:00"\nmissed = "later"',
      '[s] missed = "later" has to be one of "skip", "once", "all".',
    ],
    [
      "an overlap that is none",
      '[s]\nblueprint = "b"\ndaily_at = "06:00"\noverlap = "no"',
      '[s] overlap = "no" has to be one of "allow", "skip".',
    ],
    [
      "a queue, which is not offered",
      '[s]\nblueprint = "b"\ndaily_at = "06:00"\noverlap = "queue"',
      '[s] overlap = "queue" is not offered',
    ],
    [
      "a jitter over the next run",
      '[s]\nblueprint = "b"\ninterval_seconds = 60\njitter_seconds = 60',
      "[s] jitter_seconds = 60 has to be less than the 60 s between two runs (every minute).",
    ],
    [
      "two inputs",
      '[s]\nblueprint = "b"\ndaily_at = "06:00"\ninput_data = {}\ninitial_data = {}',
      "[s] sets input_data and initial_data",
    ],
    [
      "an input that is no table",
      '[s]\nblueprint = "b"\ndaily_at = "06:00"\ninput_data = [1]',
      "[s] input_data = [1] has to be a table",
    ],
    [
      "an input that JSON cannot say",
      '[s]\nblueprint = "b"\ndaily_at = "06:00"\ninput_data = { x = nan }',
      "[s] input_data holds NaN",
    ],
    [
      "a priority that is none",
      '[s]\nblueprint = "b"\ndaily_at = "06:00"\npriority = "high"',
      '[s] priority = "high" must be a number.',
    ],
    ["tags that are none", '[s]\nblueprint = "b"\ndaily_at = "06:00"\ntags = "a"', '[s] tags = "a" must be a list'],
    [
      "a switch that is none",
      '[s]\nblueprint = "b"\ndaily_at = "06:00"\nenabled = "no"',
      '[s] enabled = "no" has to be true or false.',
    ],
  ])("%s is refused with table, key and what to do", (_, text, message) => {
    const said = refused(text);
    expect(said).toStartWith("schedules.toml");
    expect(said).toContain(message);
    expect(said).toMatch(/[.?]$/);
  });

  test("a server's zone that is none is told from a schedule's own", () => {
    const said = refused('[s]\nblueprint = "b"\ndaily_at = "06:00"', "CET-1CEST");
    expect(said).toContain('[s] has no timezone, and TZ is "CET-1CEST", which is no time zone');
    expect(refused('[s]\nblueprint = "b"\ndaily_at = "06:00"\ntimezone = "UTC"', "CET-1CEST")).toBe(
      "nothing was refused",
    );
  });

  test("more schedules than can be kept are refused", () => {
    const many = Array.from({ length: 1_001 }, (_, index) => `[s${index}]\nblueprint = "b"\ninterval_seconds = 1\n`);
    expect(refused(many.join(""))).toContain("has 1001 schedules, and 1000 at most");
  });
});
