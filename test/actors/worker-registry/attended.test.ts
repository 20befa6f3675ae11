import { describe, expect, test } from "bun:test";
import { createAttendedClock } from "../../../actors/worker-registry/attended.ts";
import type { Timers } from "../../../src/system/clock.ts";

/** Clocks that jump, and a tick that comes when the test says so. */
function stage() {
  const clocks = { wallMs: 1_000_000, monotonicMs: 0 };
  let tick: (() => void) | undefined;
  const timers: Timers = {
    after(_delayMs, run) {
      tick = run;
      return () => {
        tick = undefined;
      };
    },
  };
  const stalls: number[] = [];
  const clock = { nowMs: () => clocks.wallMs, monotonicMs: () => clocks.monotonicMs };
  const attended = createAttendedClock(clock, timers, (gapMs) => void stalls.push(gapMs));
  return {
    attended,
    stalls,
    /** Time passes and the loop comes round. */
    pass(wallMs: number, monotonicMs = wallMs) {
      clocks.wallMs += wallMs;
      clocks.monotonicMs += monotonicMs;
      tick?.();
    },
    get ticks() {
      return tick !== undefined;
    },
  };
}

describe("attended time", () => {
  test("runs with the clock while the server does", () => {
    const { attended, pass, stalls } = stage();
    for (let count = 0; count < 10; count++) pass(110);

    expect(attended.nowMs()).toBe(1_100);
    expect(stalls).toEqual([]);
  });

  for (const [name, wallMs, monotonicMs] of [
    ["the process was stopped", 60_000, 60_000],
    ["the machine slept, which the monotonic clock leaves out", 3_600_000, 100],
    ["the wall clock was set forward", 86_400_000, 100],
  ] as const) {
    test(`stands still while ${name}`, () => {
      const { attended, pass, stalls } = stage();
      pass(100);
      pass(wallMs, monotonicMs);

      expect(attended.nowMs()).toBe(200);
      expect(stalls).toEqual([wallMs - 100]);
    });
  }

  test("never goes back, whatever the wall clock does", () => {
    const { attended, pass, stalls } = stage();
    pass(100);
    pass(-3_600_000, 100);

    expect(attended.nowMs()).toBe(200);
    expect(stalls).toEqual([]);
  });

  test("ticks no more once it was stopped", () => {
    const staged = stage();
    staged.attended.stop();
    staged.attended.stop();

    expect(staged.ticks).toBe(false);
  });
});
