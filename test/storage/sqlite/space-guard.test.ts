import { describe, expect, test } from "bun:test";
import type { GroupOutcome, GroupWriter } from "../../../src/storage/group-commit.ts";
import type { Unit } from "../../../src/storage/port.ts";
import { storeConflict } from "../../../src/storage/refusals.ts";
import { guardSpace } from "../../../src/storage/sqlite/space-guard.ts";
import { idOf, next, sampleJob, unitOf } from "../sample.ts";

const stored: GroupOutcome = { type: "stored", refused: new Map() };
const creation = (number: number) => unitOf(sampleJob(idOf(number)));
const change = (number: number) => unitOf(next(sampleJob(idOf(number))));

function harness(answers: GroupOutcome[], reserve: { held: boolean; spent?: boolean }) {
  const groups: number[] = [];
  const writer: GroupWriter = {
    write(units: readonly Unit[]) {
      groups.push(units.length);
      return answers.shift() ?? stored;
    },
  };
  let { held, spent = false } = reserve;
  const guarded = guardSpace(writer, {
    release() {
      const released = held;
      if (held) [held, spent] = [false, true];
      return released;
    },
    isSpent: () => spent,
  });
  const codes = (outcome: GroupOutcome | Promise<GroupOutcome>) => {
    if (outcome instanceof Promise) throw new Error("a writer in this thread answers at once");
    return outcome.type === "stored"
      ? [...outcome.refused].map(([index, refusal]) => [index, refusal.code])
      : outcome.type;
  };
  return { groups, write: (units: readonly Unit[]) => codes(guarded.write(units)), isHeld: () => held };
}

describe("a full disk", () => {
  test("the reserve is given up for results, and creations of the same group are refused", () => {
    const { write, groups, isHeld } = harness([{ type: "full" }], { held: true });
    expect(write([creation(1), change(2), creation(3), change(4)])).toEqual([
      [0, "STORE_FULL"],
      [2, "STORE_FULL"],
    ]);
    expect([groups, isHeld()]).toEqual([[4, 2], false]);
  });

  test("while the reserve is spent creations are refused without a try, results are written", () => {
    const { write, groups } = harness([], { held: false, spent: true });
    expect(write([creation(1), change(2)])).toEqual([[0, "STORE_FULL"]]);
    expect(write([creation(1)])).toEqual([[0, "STORE_FULL"]]);
    expect(write([change(2)])).toEqual([]);
    expect(groups).toEqual([1, 1]);
  });

  test("a group of results is tried once more and no oftener", () => {
    const { write, groups } = harness([{ type: "full" }, { type: "full" }], { held: true });
    expect(write([change(1)])).toBe("full");
    expect(groups).toEqual([1, 1]);
  });

  test("without a reserve results alone are not tried again", () => {
    const { write, groups } = harness([{ type: "full" }], { held: false });
    expect(write([change(1)])).toBe("full");
    expect(groups).toEqual([1]);
  });

  test("refusals and bad units keep their place in the whole group", () => {
    const conflict = storeConflict({ kind: "job", id: idOf(4), expected: 1, found: 0 });
    const first = harness([{ type: "full" }, { type: "stored", refused: new Map([[1, conflict]]) }], { held: true });
    expect(first.write([creation(1), change(2), creation(3), change(4)])).toContainEqual([3, "STORE_CONFLICT"]);
    const guarded = guardSpace(
      { write: () => ({ type: "invalid", index: 1, reason: "bad" }) },
      { release: () => false, isSpent: () => true },
    );
    expect(guarded.write([creation(1), change(2), change(3)])).toMatchObject({ type: "invalid", index: 2 });
  });
});
