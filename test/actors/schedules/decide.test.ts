import { describe, expect, test } from "bun:test";
import { decide } from "../../../actors/schedules/decide.ts";
import { afterSetBack, begin, pause, resume, type ScheduleState } from "../../../actors/schedules/state.ts";
import type { Schedule } from "../../../src/schedules/schedule.ts";

const MINUTE_MS = 60_000;
const at = (text: string) => Date.parse(`2026-06-01T${text}Z`);
const times = (due: readonly number[]) => due.map((ms) => new Date(ms).toISOString().slice(11, 16));

const schedule = (over: Partial<Schedule> = {}): Schedule => ({
  name: "s",
  blueprint: "b",
  initialData: "{}",
  enabled: true,
  timing: { type: "cron", expression: "*/10 * * * *" },
  timezone: "UTC",
  missed: "skip",
  overlap: "allow",
  jitterMs: 0,
  options: {},
  ...over,
});
const since = (of: Schedule, text: string): ScheduleState => begin(of, undefined, at(text));

describe("what a schedule does now", () => {
  test.each<[string, Partial<Schedule>, string, readonly string[], string | undefined, string]>([
    ["nothing is due yet", {}, "12:09:59", [], undefined, "12:10"],
    ["it is due at this very moment", {}, "12:10:00", ["12:10"], undefined, "12:20"],
    ["a minute late is not missed", {}, "12:11:00", ["12:10"], undefined, "12:20"],
    ["later it is", {}, "12:11:01", [], "12:10", "12:20"],
    ["the newest of several is run within its minute", {}, "12:40:30", ["12:40"], "12:30", "12:50"],
    ["once: the newest, however late", { missed: "once" }, "12:49:00", ["12:40"], "12:30", "12:50"],
    ["once: only one was missed", { missed: "once" }, "12:19:00", ["12:10"], undefined, "12:20"],
    ["all: each of them, oldest first", { missed: "all" }, "12:39:00", ["12:10", "12:20", "12:30"], undefined, "12:40"],
  ])("%s", (_, over, now, run, leftOut, next) => {
    const of = schedule(over);
    const step = decide(of, since(of, "12:05"), at(now));
    expect(times(step.run)).toEqual([...run]);
    expect(times(step.leftOutUntilMs === undefined ? [] : [step.leftOutUntilMs])).toEqual(leftOut ? [leftOut] : []);
    expect(times([step.nextMs ?? 0])).toEqual([next]);
  });

  test("a hundred missed runs are made up for at most", () => {
    const of = schedule({ missed: "all", timing: { type: "cron", expression: "* * * * *" } });
    const step = decide(of, since(of, "00:00"), at("10:00"));
    expect(step.run).toHaveLength(100);
    expect(times([step.leftOutUntilMs ?? 0, step.run[0] ?? 0, step.run.at(-1) ?? 0])).toEqual([
      "08:20",
      "08:21",
      "10:00",
    ]);
  });

  test.each([
    ["paused", (state: ScheduleState) => pause(state)],
    ["switched off", (state: ScheduleState) => ({ ...state, isOn: false })],
  ])("while it is %s it never runs", (_, change) => {
    const of = schedule({ missed: "all" });
    expect(decide(of, change(since(of, "12:05")), at("13:00"))).toEqual({ run: [] });
  });
});

describe("jitter", () => {
  const of = schedule({ jitterMs: 5 * MINUTE_MS });
  const begins = (state: ScheduleState) => decide(of, state, at("12:09")).nextMs ?? 0;

  test("holds a due time back until its moment, also when somebody looks before", () => {
    const state = since(of, "12:05");
    const beginsMs = begins(state);
    expect(beginsMs).toBeGreaterThan(at("12:10"));
    expect(beginsMs).toBeLessThan(at("12:15"));
    expect(decide(of, state, beginsMs - 1)).toEqual({ run: [], nextMs: beginsMs });
    expect(times(decide(of, state, beginsMs).run)).toEqual(["12:10"]);
  });

  test("is the same after a restart, and another for another due time and another schedule", () => {
    const state = since(of, "12:05");
    const again = JSON.parse(JSON.stringify(state)) as ScheduleState;
    expect(begins(again)).toBe(begins(state));
    const drawn = Array.from({ length: 20 }, (_, index) => {
      const settledMs = at("12:05") + index * 10 * MINUTE_MS;
      return (decide(of, { ...state, settledMs }, settledMs).nextMs ?? 0) % (10 * MINUTE_MS);
    });
    expect(new Set(drawn).size).toBe(20);
    expect(decide({ ...of, name: "t" }, state, at("12:09")).nextMs).not.toBe(begins(state));
  });

  test("is part of how late a run may be", () => {
    const state = since(of, "12:05");
    const beginsMs = begins(state);
    expect(times(decide(of, state, beginsMs + MINUTE_MS).run)).toEqual(["12:10"]);
    expect(decide(of, state, beginsMs + MINUTE_MS + 1).run).toEqual([]);
  });
});

describe("how a schedule begins", () => {
  const stored = { ...since(schedule(), "12:05"), isPaused: true, lastJobId: "j", lastDueMs: 1 };

  test("as it was, when nothing but its other words changed", () => {
    expect(begin(schedule({ blueprint: "c", initialData: '{"x":1}', missed: "all" }), stored, at("13:00"))).toBe(
      stored,
    );
  });

  test.each([
    ["timing", schedule({ timing: { type: "cron", expression: "*/5 * * * *" } })],
    ["zone", schedule({ timezone: "Asia/Tokyo" })],
  ])("anew with another %s: nothing of it was missed; a pause holds, and its last job is known", (_, changed) => {
    const state = begin(changed, stored, at("13:00"));
    expect(state).toMatchObject({ series: 2, settledMs: at("13:00"), isPaused: true, lastJobId: "j" });
  });

  test("an interval is due at once, a time of day is not", () => {
    const every = schedule({ timing: { type: "interval", seconds: 60 } });
    expect(times(decide(every, since(every, "12:05:30"), at("12:05:30")).run)).toEqual(["12:05"]);
    expect(decide(schedule(), since(schedule(), "12:10"), at("12:10")).run).toEqual([]);
  });

  test("switched on again, or resumed, it has missed nothing", () => {
    const off = begin(schedule({ enabled: false }), stored, at("12:06"));
    expect(begin(schedule(), off, at("13:00"))).toMatchObject({ isOn: true, settledMs: at("13:00") });
    expect(resume(stored, at("13:00"))).toMatchObject({ isPaused: false, settledMs: at("13:00") });
    expect(resume({ ...stored, isPaused: false }, at("13:00")).settledMs).toBe(stored.settledMs);
  });

  test("a clock that was set back is waited for, within the interval or a day", () => {
    const hourly = schedule({ timing: { type: "interval", seconds: 3_600 } });
    const state = { ...since(hourly, "12:00"), settledMs: at("12:00") };
    expect(afterSetBack(hourly, state, at("11:00"))).toBeUndefined();
    expect(afterSetBack(hourly, state, at("10:59:59"))).toMatchObject({ series: 2, settledMs: at("10:59:59") });
    expect(afterSetBack(schedule(), state, at("12:00") - 24 * 60 * MINUTE_MS)).toBeUndefined();
    expect(afterSetBack(schedule(), state, at("12:00") - 24 * 60 * MINUTE_MS - 1)).toMatchObject({ series: 2 });
  });
});
