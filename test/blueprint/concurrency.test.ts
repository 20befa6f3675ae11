import { describe, expect, test } from "bun:test";
import { Blueprint, definitionOf } from "../../src/blueprint/index.ts";
import { valueAt } from "../../src/blueprint/concurrency.ts";
import { groupName, groupValue } from "../../src/job/gate.ts";

describe("a limit as it is written", () => {
  for (const [what, concurrency, said] of [
    ["no number above 0", { max: 0 }, "concurrency.max"],
    ["a part of one", { max: 1.5 }, "whole number from 1"],
    ["another option", { max: 1, keys: "x" } as { max: number }, 'has no "keys"'],
    ["a key that leads nowhere", { max: 1, key: "initial_data" }, "initial_data or client"],
    ["a key to what a job does not have yet", { max: 1, key: "state_history.x" }, "initial_data or client"],
    ["a key that is a condition", { max: 1, key: "initial_data.x == 1" }, "initial_data or client"],
    ["a key with a mistake", { max: 1, key: "initial_data..x" }, "initial_data..x"],
    ["a key that is no text", { max: 1, key: 7 as unknown as string }, "is no text"],
  ] as const) {
    test(`refuses ${what}`, () => {
      expect(() => new Blueprint({ name: "b", concurrency })).toThrow(said);
    });
  }

  test("keeps max and key", () => {
    const blueprint = new Blueprint({ name: "b", concurrency: { max: 2, key: "client.id" } });
    expect(definitionOf(blueprint).concurrency).toEqual({ max: 2, key: "client.id" });
  });
});

describe("a group", () => {
  const data = { initialData: { a: { "b c": [1, { d: null }] } }, client: { id: "x" } };

  test("is what the key leads to, in each spelling", () => {
    expect(valueAt('initial_data.a["b c"]', data)).toEqual([1, { d: null }]);
    expect(valueAt('context.initialData.a["b c"][0]', data)).toBe(1);
    expect(valueAt("client.id", data)).toBe("x");
    expect(valueAt("initial_data.a.nothing.below", data)).toBeUndefined();
    expect(valueAt("initial_data.constructor", data)).toBeUndefined();
  });

  test("tells values of different kinds apart, and what is missing from null", () => {
    const names = [7, "7", null, undefined, "", false].map((value) =>
      groupName("b", { key: "initial_data.k", value: groupValue(value) }),
    );
    expect(new Set(names).size).toBe(6);
    expect(groupName("b", {})).not.toBe(groupName("b", { key: "k", value: undefined }));
    expect(groupName("b", {})).not.toBe(groupName("c", {}));
  });

  test("of a long value goes by its hash", () => {
    const [one, other] = [groupValue("x".repeat(10_000)), groupValue(`${"x".repeat(9_999)}y`)];
    expect(one?.length).toBeLessThan(100);
    expect(one).not.toBe(other);
  });
});
