/** The simulator finds each bug that is planted in the sources. */
import { describe, expect, test } from "bun:test";
import { find, plantedText } from "./planted.ts";
import { PLANTS } from "./plants.ts";

const SEEDS = 2_000;

describe("a planted bug is found", () => {
  for (const plant of PLANTS) {
    test.concurrent(`${plant.name}`, async () => {
      const found = await find(plant, SEEDS);
      expect(found).toBeDefined();
    }, 120_000);
  }

  test("and one that fits nowhere, or in two places, is named", () => {
    const plant = { name: "nowhere", file: "actors/tree.ts", replace: "" };
    expect(() => plantedText({ ...plant, find: "this is not there" })).toThrow("fits 0 places of actors/tree.ts");
    expect(() => plantedText({ ...plant, find: "dispatcher.tell(" })).toThrow("name the one");
  });
});
