import { describe, expect, test } from "bun:test";
import { ManualTime } from "./manual-time.ts";

describe("time that is moved by hand", () => {
  test("rings timers by due time and then in the order of their creation", () => {
    const time = new ManualTime();
    const rung: string[] = [];
    time.after(20, () => void rung.push(`c at ${time.monotonicMs()}`));
    time.after(10, () => void rung.push(`a at ${time.monotonicMs()}`));
    time.after(10, () => {
      rung.push(`b at ${time.monotonicMs()}`);
      time.after(-5, () => void rung.push(`at once at ${time.monotonicMs()}`));
    });
    const cancel = time.after(15, () => void rung.push("cancelled"));
    cancel();

    time.advance(20);

    expect(rung).toEqual(["a at 10", "b at 10", "at once at 10", "c at 20"]);
    expect(time.pendingTimers).toBe(0);
  });

  test("runs what is wanted soon before an input turn, and both before it moves", () => {
    const time = new ManualTime();
    const order: string[] = [];
    time.after(1, () => void order.push("timer"));
    time.afterInput(() => {
      order.push("input");
      time.soon(() => void order.push("soon of input"));
    });
    time.soon(() => void order.push("soon"));

    time.advance(1);

    expect(order).toEqual(["soon", "input", "soon of input", "timer"]);
  });

  test("a jump of the wall clock moves neither timers nor the monotonic clock", () => {
    const time = new ManualTime(1_000);
    time.shiftWall(-500);

    time.advance(10);

    expect(time.nowMs()).toBe(510);
    expect(time.monotonicMs()).toBe(10);
  });
});
