import { describe, expect, test } from "bun:test";
import {
  afterDeed,
  deedOf,
  msUntilTrusted,
  REPUTATION_RULES,
  reputationAt,
  type Deed,
  isNews,
  isTrusted,
  type Standing,
  type Trust,
  trustIn,
} from "../../../actors/worker-registry/reputation.ts";
import { outcomeOf } from "../../../src/job/outcome.ts";

const HOUR_MS = 3_600_000;
const NO_RECOVERY = { ...REPUTATION_RULES, recoveryPerHour: 0 };

function after(...deeds: Deed[]): Standing | undefined {
  return deeds.reduce<Standing | undefined>((standing, deed) => afterDeed(standing, deed, 0, NO_RECOVERY), undefined);
}

const many = (deed: Deed, count: number): Deed[] => Array.from({ length: count }, () => deed);

describe("what a result says of its worker", () => {
  const result = { jobId: "j", taskId: "t", workerId: "w", raw: "{}" };
  for (const [code, deed] of [
    ["PERMANENT_ERROR", "failure"],
    ["SECURITY_ERROR", "failure"],
    ["DEPENDENCY_ERROR", "failure"],
    ["CONTRACT_VIOLATION_ERROR", "violation"],
    ["INVALID_INPUT_ERROR", undefined],
    ["INTEGRITY_MISMATCH_ERROR", undefined],
    ["TRANSIENT_ERROR", undefined],
    ["TIMEOUT_ERROR", undefined],
    ["RESOURCE_EXHAUSTED_ERROR", undefined],
    ["A_WORD_OF_ITS_OWN", undefined],
  ] as const) {
    test(`a failure by ${code} is ${deed === undefined ? "held against nobody" : `a ${deed}`}`, () => {
      expect(deedOf(outcomeOf({ ...result, status: "failure", error: { code, message: "m" } }))).toBe(deed);
    });
  }

  test("a success is one, a word of the blueprint's too, and a cancelled task says nothing", () => {
    const deeds = ["success", "needs_review", "cancelled"].map((status) => deedOf(outcomeOf({ ...result, status })));
    expect(deeds).toEqual(["success", "success", undefined]);
  });
});

describe("a reputation", () => {
  for (const [name, deeds, value] of [
    ["is full where nothing is held against a worker", [], 1],
    ["is never more than full", many("success", 3), 1],
    ["loses a little for a failure", ["failure"], 0.95],
    ["loses much for a violation", ["violation"], 0.8],
    ["is given a little for a success", ["failure", "success"], 0.951],
    ["is full again after so many successes as a failure costs", ["failure", ...many("success", 50)], 1],
    ["stands at exactly what fourteen failures leave", many("failure", 14), 0.3],
    ["is never less than nothing", many("violation", 9), 0],
  ] as const) {
    test(name, () => {
      expect(reputationAt(after(...deeds), 0, NO_RECOVERY)).toBe(value);
    });
  }

  test("of a worker that is fully trusted again takes no room", () => {
    expect(after("failure", ...many("success", 50))).toBeUndefined();
  });

  test("comes back with time, and no further than full", () => {
    const standing = { value: 0, atMs: 1_000, good: 0, all: 1 };
    const at = (ms: number) => reputationAt(standing, 1_000 + ms, REPUTATION_RULES);
    expect([at(0), at(HOUR_MS / 2), at(HOUR_MS), at(2 * HOUR_MS)]).toEqual([0, 0.3, 0.6, 1]);
    expect(msUntilTrusted(trustIn(standing, 1_000, REPUTATION_RULES), REPUTATION_RULES)).toBe(HOUR_MS / 2);
  });

  test("loses from what time had given back until then", () => {
    const standing = afterDeed({ value: 0.2, atMs: 0, good: 0, all: 1 }, "failure", HOUR_MS / 2, REPUTATION_RULES);
    expect(standing).toMatchObject({ value: 0.45, atMs: HOUR_MS / 2 });
  });

  test("is not changed by a clock that was set back", () => {
    expect(reputationAt({ value: 0.5, atMs: 5_000, good: 0, all: 1 }, 0, REPUTATION_RULES)).toBe(0.5);
  });
});

describe("a worker", () => {
  const trusted = (...deeds: Deed[]) => isTrusted(trustIn(after(...deeds), 0, NO_RECOVERY));
  /** A failure among so many results, for a long time. */
  const oneIn = (count: number) => many("failure", 60).flatMap((deed) => [deed, ...many("success", count - 1)]);

  test("that breaks its contract time after time is shut out, and so is one that always fails", () => {
    expect([trusted(...many("violation", 3)), trusted(...many("violation", 4))]).toEqual([true, false]);
    expect([trusted(...many("failure", 14)), trusted(...many("failure", 15))]).toEqual([true, false]);
  });

  test("whose good results are long ago is shut out all the same", () => {
    expect(trusted(...many("success", 30), "failure", ...many("success", 10), ...many("failure", 15))).toBe(false);
  });

  test("that fails often, and most of the time does not, goes on: it has little reputation, and gets tasks", () => {
    const deeds = oneIn(10);
    expect(reputationAt(after(...deeds), 0, NO_RECOVERY)).toBeLessThan(0.3);
    for (let count = 1; count <= deeds.length; count++) expect(trusted(...deeds.slice(0, count))).toBe(true);
  });
});

describe("what the dispatcher is told", () => {
  const at = (reputation: number, reputationNeeded = 0.3): Trust => ({ reputation, reputationNeeded });
  for (const [name, told, now, isTold] of [
    ["not what no decision would notice", at(0.9), at(0.902), false],
    ["a penalty", at(1), at(0.95), true],
    ["what time gave back, in steps", at(0.9), at(0.905), true],
    ["the last step to full trust", at(0.998), at(1), true],
    ["a worker that is shut out by however little", at(0.3), at(0.2999), true],
    ["a worker that is let in again by however little", at(0.2999), at(0.3), true],
    ["that most of its results are good now", at(0.2), at(0.2, 0), true],
  ] as const) {
    test(name, () => {
      expect(isNews(told, now)).toBe(isTold);
    });
  }
});
