import { describe, expect, test } from "bun:test";
import { createRateLimit, neighbourhoodOf } from "../../src/access/rate-limit.ts";
import { ManualTime } from "../support/manual-time.ts";

describe("a rate limit", () => {
  test("lets so many through, says how long to wait, and really resets, however often it was tried meanwhile", () => {
    const clock = new ManualTime();
    const limit = createRateLimit({ clock, limit: 2, periodSeconds: 60 });
    expect([limit.hit("a"), limit.hit("a"), limit.hit("a")]).toEqual([undefined, undefined, 60]);
    clock.advance(59_000);
    expect([limit.hit("a"), limit.hit("a"), limit.hit("b")]).toEqual([1, 1, undefined]);
    clock.advance(1000);
    expect([limit.hit("a"), limit.hit("a"), limit.hit("a")]).toEqual([undefined, undefined, 60]);
    expect([limit.hit("b"), limit.hit("b")]).toEqual([undefined, 59]);
  });

  test("is not moved by a clock that is set to another time", () => {
    const clock = new ManualTime();
    const limit = createRateLimit({ clock, limit: 1, periodSeconds: 60 });
    limit.hit("a");
    clock.shiftWall(3_600_000);
    expect(limit.hit("a")).toBe(60);
  });

  test("remembers no more keys than it may, the newest of them", () => {
    const limit = createRateLimit({ clock: new ManualTime(), limit: 1, periodSeconds: 60, keysMax: 2 });
    for (const key of ["a", "b", "c"]) limit.hit(key);
    expect([limit.hit("c"), limit.hit("b"), limit.hit("a")]).toEqual([60, 60, undefined]);
  });
});

test.each([
  ["127.0.0.1", "127.0.0.1"],
  ["::ffff:10.1.2.3", "::ffff:10.1.2.3"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8::6", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
])("the neighbourhood of %s is %s", (address, expected) => {
  expect(neighbourhoodOf(address)).toBe(expected);
});
