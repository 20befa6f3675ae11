import { describe, expect, test } from "bun:test";
import { createGroupJournal, type GroupOutcome } from "../../src/storage/group-commit.ts";
import type { Unit } from "../../src/storage/port.ts";
import { storeConflict } from "../../src/storage/refusals.ts";
import type { Scheduler } from "../../src/system/clock.ts";
import { idOf, outcomeOf, sampleJob, unitOf } from "./sample.ts";

const unit = (number: number, initialData = "{}") => unitOf(sampleJob(idOf(number), { initialData }));
const stored: GroupOutcome = { type: "stored", refused: new Map() };

/** A writer that answers from a list, and a scheduler that runs when the test says so. */
function harness(
  answers: (GroupOutcome | (() => GroupOutcome))[] = [],
  limits: { unitsMax?: number; bytesMax?: number } = {},
) {
  const groups: number[][] = [];
  const fatal: unknown[] = [];
  const waiting: (() => void)[] = [];
  const scheduler: Scheduler = { soon: queueMicrotask, afterInput: (run) => void waiting.push(run) };
  const journal = createGroupJournal({
    scheduler,
    onFatal: (error) => void fatal.push(error),
    ...limits,
    writer: {
      write(units: readonly Unit[]) {
        groups.push(units.map(({ jobs }) => Number.parseInt(jobs[0]?.job.id.slice(-4) ?? "", 16)));
        const answer = answers.shift() ?? stored;
        return typeof answer === "function" ? answer() : answer;
      },
    },
  });
  return {
    journal,
    groups,
    fatal,
    waiting,
    commit: (number: number, input?: string) => outcomeOf(journal.commit(unit(number, input))),
    turn: () => waiting.shift()?.(),
  };
}

describe("group commit", () => {
  test("nothing is written before the input at hand is read, and then all of it at once", async () => {
    const { commit, turn, groups, waiting } = harness();
    const all = [commit(1), commit(2), commit(3)];
    expect([groups, waiting.length]).toEqual([[], 1]);
    turn();
    expect(await Promise.all(all)).toEqual(["stored", "stored", "stored"]);
    expect([groups, waiting.length]).toEqual([[[1, 2, 3]], 0]);
  });

  test("what arrives while a group is written is the next group", async () => {
    let late: Promise<string> | undefined;
    const { commit, turn, groups } = harness([
      () => {
        late = commit(2);
        return stored;
      },
    ]);
    const first = commit(1);
    turn();
    await first;
    turn();
    expect(await late).toBe("stored");
    expect(groups).toEqual([[1], [2]]);
  });

  test("a unit is not resolved before its group is durable", async () => {
    const { commit, turn } = harness();
    let resolved = false;
    const done = commit(1).then(() => (resolved = true));
    await Promise.resolve();
    expect(resolved).toBe(false);
    turn();
    await done;
  });

  test("a group has at most so many units, and others get their turn between two groups", async () => {
    const { commit, turn, groups, waiting } = harness([], { unitsMax: 2 });
    const all = [1, 2, 3, 4, 5].map((number) => commit(number));
    turn();
    expect([groups.length, waiting.length]).toEqual([1, 1]);
    turn();
    turn();
    await Promise.all(all);
    expect(groups).toEqual([[1, 2], [3, 4], [5]]);
  });

  test("a group has at most so many bytes, and a unit that is larger alone is a group of its own", async () => {
    const { commit, turn, groups } = harness([], { bytesMax: 100 });
    const all = [commit(1, "x".repeat(60)), commit(2, "x".repeat(60)), commit(3, "x".repeat(500)), commit(4)];
    for (let count = 0; count < 4; count++) turn();
    expect(await Promise.all(all)).toEqual(Array(4).fill("stored"));
    expect(groups).toEqual([[1], [2], [3], [4]]);
  });

  test("refused units are told, the others are stored", async () => {
    const refusal = storeConflict({ kind: "job", id: idOf(2), expected: 0, found: 1 });
    const { commit, turn, groups } = harness([{ type: "stored", refused: new Map([[1, refusal]]) }]);
    const all = [commit(1), commit(2), commit(3)];
    turn();
    expect(await Promise.all(all)).toEqual(["stored", "STORE_CONFLICT", "stored"]);
    expect(groups.length).toBe(1);
  });

  test("a unit that cannot be written is left out and the rest is written again, however many there are", async () => {
    const { commit, turn, groups } = harness([
      { type: "invalid", index: 1, reason: "bad" },
      { type: "invalid", index: 2, reason: "bad" },
    ]);
    const all = [1, 2, 3, 4].map((number) => commit(number));
    turn();
    expect(await Promise.all(all)).toEqual(["stored", "STORE_INVALID", "stored", "STORE_INVALID"]);
    expect(groups).toEqual([
      [1, 2, 3, 4],
      [1, 3, 4],
      [1, 3],
    ]);
  });

  test("a group of one bad unit is not written again", async () => {
    const { commit, turn, groups } = harness([{ type: "invalid", index: 0, reason: "bad" }]);
    const only = commit(1);
    turn();
    expect(await only).toBe("STORE_INVALID");
    expect(groups.length).toBe(1);
  });

  test("without space the group is refused for certain, and the next one is tried", async () => {
    const { commit, turn, fatal } = harness([{ type: "full" }]);
    const refused = [commit(1), commit(2)];
    turn();
    expect(await Promise.all(refused)).toEqual(["STORE_FULL", "STORE_FULL"]);
    const later = commit(3);
    turn();
    expect([await later, fatal]).toEqual(["stored", []]);
  });

  const fatalEnds: [name: string, answer: GroupOutcome | (() => GroupOutcome)][] = [
    ["an outcome that nobody knows", { type: "unknown", error: new Error("EIO") }],
    [
      "a writer that throws",
      () => {
        throw new Error("EIO");
      },
    ],
    ["a writer that names a unit that is not there", { type: "invalid", index: 7, reason: "bad" }],
  ];
  for (const [name, answer] of fatalEnds) {
    test(`${name} ends the journal: all who wait and all who come are told so`, async () => {
      const { commit, turn, groups, fatal, journal } = harness([answer], { unitsMax: 2 });
      const all = [1, 2, 3].map((number) => commit(number));
      turn();
      expect(await Promise.all(all)).toEqual(Array(3).fill("OUTCOME_UNKNOWN"));
      expect(await commit(4)).toBe("OUTCOME_UNKNOWN");
      turn();
      expect([groups, fatal.length]).toEqual([[[1, 2]], 1]);
      await journal.close();
    });
  }

  test("close waits for what was accepted, over several groups, and refuses the rest", async () => {
    const { commit, turn, journal } = harness([], { unitsMax: 1 });
    const all = [commit(1), commit(2)];
    let closed = false;
    const closing = journal.close().then(() => (closed = true));
    expect(await commit(3)).toBe("STORE_CLOSED");
    turn();
    await Promise.resolve();
    expect(closed).toBe(false);
    turn();
    expect(await Promise.all(all)).toEqual(["stored", "stored"]);
    await closing;
  });

  test("closing an idle journal, and closing twice, ends at once", async () => {
    const { journal } = harness();
    await journal.close();
    await journal.close();
  });
});
