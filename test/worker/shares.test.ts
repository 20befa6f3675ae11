import { describe, expect, test } from "bun:test";
import { allowances, type Seat, Turns } from "../../worker/shares.ts";

const seat = (more: Partial<Seat> = {}): Seat => ({ weight: 1, isThere: true, used: 0, isHungry: false, ...more });

describe("several orchestrators at one worker", () => {
  test("FAILOVER: the active one may have all slots that others' tasks do not use, the others none", () => {
    const seats = [seat({ used: 3, isThere: false }), seat({ used: 2 }), seat()];

    expect(allowances("FAILOVER", 10, seats, 1)).toEqual([0, 7, 0]);
    expect(allowances("FAILOVER", 10, seats, undefined)).toEqual([0, 0, 0]);
  });

  test("FAILOVER: slots that are all used by another's tasks are not promised twice", () => {
    expect(allowances("FAILOVER", 2, [seat({ used: 5, isThere: false }), seat()], 1)).toEqual([0, 0]);
  });

  test("ROUND_ROBIN: what nobody else uses one may have, and a slot stays free for each other", () => {
    expect(allowances("ROUND_ROBIN", 10, [seat({ used: 8, isHungry: true }), seat(), seat()], undefined)).toEqual([
      8, 1, 1,
    ]);
  });

  test("ROUND_ROBIN: when all want more than they may, each has its weight's share and all slots are shared out", () => {
    const all = [3, 2, 1].map((weight) => seat({ weight, isHungry: true }));

    expect(allowances("ROUND_ROBIN", 12, all, undefined)).toEqual([6, 4, 2]);
    expect(allowances("ROUND_ROBIN", 10, all, undefined)).toEqual([5, 3, 2]);
  });

  test("ROUND_ROBIN: one that is not there has nothing, and its slots go to the others once its tasks have ended", () => {
    const away = seat({ isThere: false, used: 4 });

    expect(allowances("ROUND_ROBIN", 10, [away, seat()], undefined)).toEqual([0, 6]);
    expect(allowances("ROUND_ROBIN", 10, [seat({ isThere: false }), seat()], undefined)).toEqual([0, 10]);
  });

  test("ROUND_ROBIN: with fewer slots than orchestrators one task of each may wait, another of the weightier ones", () => {
    const seats = [seat({ weight: 3 }), seat()];

    expect(allowances("ROUND_ROBIN", 1, seats, undefined)).toEqual([2, 1]);
  });

  test("turns come up in proportion to the weights, and evenly spread", () => {
    const turns = new Turns<string>((name) => (name === "a" ? 3 : 1));
    const order = Array.from({ length: 8 }, () => turns.next(["a", "b"])).join("");

    expect(order).toBe("aabaaaba");
    expect(turns.next(["b"])).toBe("b");
    expect(turns.next([])).toBeUndefined();
  });
});
