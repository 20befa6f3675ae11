/** The simulator finds each bug that is planted in the sources. */
import { describe, expect, test } from "bun:test";
import { find, plantedText } from "./planted.ts";
import { PLANTS } from "./plants.ts";
import seeds from "./planted-seeds.json";

const SEEDS = 4_000;
/** Where it was found last: `bun run simulate --plants` looks for all of them anew. */
const LAST = new Map<string, number>(Object.entries(seeds));

describe("a planted bug is found", () => {
  for (const plant of PLANTS) {
    test.concurrent(`${plant.name}`, async () => {
      const last = LAST.get(plant.name);
      const found = last === undefined ? undefined : await find(plant, 1, last);
      expect(found ?? (await find(plant, SEEDS))).toBeDefined();
    }, 240_000);
  }

  test("and one that fits nowhere, or in two places, is named", () => {
    const plant = { name: "nowhere", file: "actors/tree.ts", replace: "" };
    expect(() => plantedText({ ...plant, find: "this is not there" })).toThrow("fits 0 places of actors/tree.ts");
    expect(() => plantedText({ ...plant, find: "dispatcher.tell(" })).toThrow("name the one");
  });
});
