import { describe, expect, test } from "bun:test";
import { Deadlines, lift, Limited } from "../../src/runtime/deadlines.ts";
import { ManualTime } from "../support/manual-time.ts";

class Limit extends Limited {
  constructor(readonly run: () => void) {
    super();
  }

  override late(): void {
    this.run();
  }
}

function start() {
  const time = new ManualTime();
  const deadlines = new Deadlines(time, time);
  const lines: string[] = [];
  /** Returns what lifts it. */
  const after = (delayMs: number, run: () => void) => {
    const limit = new Limit(run);
    deadlines.set(delayMs, limit);
    return () => lift(limit);
  };
  const set = (name: string, delayMs: number) => after(delayMs, () => void lines.push(name));
  return { time, after, lines, set };
}

describe("time limits", () => {
  test("come due each at its time, whatever their length", () => {
    const { time, lines, set } = start();
    set("a 100", 100);
    time.advance(50);
    set("b 100", 100);
    set("c 10", 10);
    time.advance(10);
    expect(lines).toEqual(["c 10"]);
    time.advance(39);
    expect(lines).toEqual(["c 10"]);
    time.advance(1);
    expect(lines).toEqual(["c 10", "a 100"]);
    time.advance(50);
    expect(lines).toEqual(["c 10", "a 100", "b 100"]);
    expect(time.pendingTimers).toBe(0);
  });

  test("share a timer, and need none once all are lifted", () => {
    const { time, lines, set } = start();
    const lifts = Array.from({ length: 1000 }, (_, index) => set(String(index), 100));
    expect(time.pendingTimers).toBe(1);
    for (const lift of lifts) lift();
    for (const lift of lifts) lift();
    expect(time.pendingTimers).toBe(0);
    time.advance(1_000);
    expect(lines).toEqual([]);
  });

  test("that are lifted leave those that were set later as they are", () => {
    const { time, lines, set } = start();
    const liftIt = set("first", 100);
    time.advance(60);
    set("second", 100);
    liftIt();
    time.advance(99);
    expect(lines).toEqual([]);
    time.advance(1);
    expect(lines).toEqual(["second"]);
  });

  test("are held for all, also where one of them fails", () => {
    const { time, after, lines, set } = start();
    after(100, () => {
      throw new Error("a defect");
    });
    time.advance(50);
    set("later", 100);
    expect(() => time.advance(50)).toThrow("a defect");
    time.advance(50);
    expect(lines).toEqual(["later"]);
  });

  test("of one moment are held for each, also where the first of them fails or lifts another", () => {
    const { time, after, lines, set } = start();
    after(100, () => {
      liftIt();
      throw new Error("a defect");
    });
    const liftIt = set("lifted", 100);
    set("held", 100);
    expect(() => time.advance(100)).toThrow("a defect");
    time.advance(1);
    expect(lines).toEqual(["held"]);
    expect(time.pendingTimers).toBe(0);
  });

  test("that are set while others come due are not in their way", () => {
    const { time, after, lines, set } = start();
    after(100, () => void set("new", 100));
    time.advance(30);
    set("second", 100);
    time.advance(100);
    expect(lines).toEqual(["second"]);
    time.advance(70);
    expect(lines).toEqual(["second", "new"]);
  });

  test("may be set anew when they come due", () => {
    const { time, after, lines } = start();
    let left = 3;
    const again = (): void => {
      lines.push(String(left));
      if (--left > 0) after(100, again);
    };
    after(100, again);
    time.advance(1_000);
    expect(lines).toEqual(["3", "2", "1"]);
    expect(time.pendingTimers).toBe(0);
  });
});
