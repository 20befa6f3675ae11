import { describe, expect, test } from "bun:test";
import { tearLog } from "./torn-log.ts";

describe("a log that was torn", () => {
  test("opens, is sound, and holds exactly the units before the damage", async () => {
    const { problems, wrecks, prefixes } = await tearLog({
      units: 25,
      boundaryStep: 3,
      randomCuts: 40,
      flippedBits: 30,
      chance: Math.random,
    });
    expect(problems).toEqual([]);
    expect(wrecks).toBeGreaterThan(90);
    expect(prefixes).toBeGreaterThan(15);
  }, 60_000);
});
