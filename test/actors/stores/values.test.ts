import { describe, expect, test } from "bun:test";
import { StoreValues } from "../../../actors/stores/values.ts";
import { entryBytes, type StoreChange } from "../../../src/job/data-store.ts";

function changeOf(version: number, writes: StoreChange["writes"], change: Partial<StoreChange> = {}): StoreChange {
  return { blueprint: "flow", store: "s", version, reads: [], writes, changesKeys: false, ...change };
}

function filled(): StoreValues {
  const values = new StoreValues();
  values.apply(
    changeOf(
      1,
      [
        ["a", "1"],
        ["b", "2"],
      ],
      { changesKeys: true },
    ),
  );
  return values;
}

describe("the values of a data store", () => {
  test("hold for who read them until they change, absence and the key set included", () => {
    const values = filled();
    const holds = (key: string, version: number) => values.holds({ reads: [[key, version]] });
    expect([holds("a", 1), holds("a", 0), holds("c", 0), holds("c", 1)]).toEqual([true, false, true, false]);
    expect([values.holds({ reads: [], keySet: 1 }), values.holds({ reads: [], keySet: 0 })]).toEqual([true, false]);
    values.apply(changeOf(2, [["a", "5"]]));
    expect([holds("a", 1), holds("a", 2), holds("b", 1), values.keySet]).toEqual([false, true, true, 1]);
    values.apply(changeOf(3, [["a", undefined]], { changesKeys: true }));
    expect([holds("a", 2), holds("a", 0), values.keySet]).toEqual([false, true, 3]);
  });

  test.each([
    ["a new key", [["c", "1"]], true],
    ["a key that goes", [["a", undefined]], true],
    ["another value", [["a", "9"]], false],
    ["removing nothing", [["c", undefined]], false],
  ] as [string, StoreChange["writes"], boolean][])("know whether %s changes the keys", (_, writes, changes) => {
    expect(filled().changesKeys(writes)).toBe(changes);
  });

  test("count bytes as they come, change and go", () => {
    const values = filled();
    const one = entryBytes("a", "1");
    expect(values.bytes).toBe(2 * one);
    const writes: StoreChange["writes"] = [
      ["a", "12345"],
      ["b", undefined],
      ["é", "1"],
    ];
    const after = entryBytes("a", "12345") + entryBytes("é", "1");
    expect(values.bytesAfter(writes)).toBe(after);
    values.apply(changeOf(2, writes));
    expect(values.bytes).toBe(after);
    values.apply(
      changeOf(3, [
        ["a", undefined],
        ["é", undefined],
        ["x", undefined],
      ]),
    );
    expect(values.bytes).toBe(0);
  });

  test("list their keys by prefix", () => {
    expect([filled().keys(""), filled().keys("b"), filled().keys("z")]).toEqual([["a", "b"], ["b"], []]);
  });
});
