import { describe, expect, test } from "bun:test";
import { Gates } from "../../../actors/gate/decide.ts";
import type { GateEffect, GateMessage, Place } from "../../../actors/gate/messages.ts";

const place = (jobId: string, more: Partial<Place> = {}): Place => ({
  jobId,
  visit: 1,
  blueprint: "b",
  group: "g",
  max: 1,
  priority: 0,
  ...more,
});
const arrived = (jobId: string, more: Partial<Place> = {}): GateMessage => ({
  type: "arrived",
  place: place(jobId, more),
});
const entered = (jobId: string, more: Partial<Place> = {}): GateMessage => ({
  type: "entered",
  place: place(jobId, more),
});
const left = (jobId: string): GateMessage => ({ type: "left", jobId });

/** Tells the messages one after the other; answers with what the last of them brought. */
function tell(gates: Gates, ...messages: GateMessage[]): readonly string[] {
  let effects: readonly GateEffect[] = [];
  for (const message of messages) effects = gates.decide(message);
  return effects.map(({ type, jobId }) => (type === "admit" ? jobId : `${jobId} gone`));
}

function opened(...messages: GateMessage[]): Gates {
  const gates = new Gates();
  tell(gates, { type: "open" }, ...messages);
  return gates;
}

describe("a limit", () => {
  test("lets in as many as it says, and the next one when one of them is over", () => {
    const gates = opened();
    expect(tell(gates, arrived("1", { max: 2 }))).toEqual(["1"]);
    expect(tell(gates, arrived("2", { max: 2 }))).toEqual(["2"]);
    expect(tell(gates, arrived("3", { max: 2 }))).toEqual([]);
    expect(tell(gates, arrived("4", { max: 2 }))).toEqual([]);
    expect(tell(gates, left("1"))).toEqual(["3"]);
    expect(tell(gates, left("3"))).toEqual(["4"]);
    expect(tell(gates, left("4"))).toEqual([]);
  });

  test("counts a job from the moment it was let in, whether that is written or not", () => {
    const gates = opened(arrived("1"));
    expect(tell(gates, arrived("2"))).toEqual([]);
    expect(tell(gates, entered("1"))).toEqual([]);
    expect(tell(gates, arrived("3"))).toEqual([]);
    expect(gates.crowd("b")).toEqual({ inside: 1, waiting: 2 });
  });

  test("lets in by priority first and by age then", () => {
    const gates = opened(
      arrived("1"),
      arrived("4"),
      arrived("3"),
      arrived("9", { priority: 5 }),
      arrived("2", { priority: -1 }),
    );
    expect([tell(gates, left("1")), tell(gates, left("9")), tell(gates, left("3")), tell(gates, left("4"))]).toEqual([
      ["9"],
      ["3"],
      ["4"],
      ["2"],
    ]);
  });

  test("is one for each group", () => {
    const gates = opened(arrived("1", { group: "g" }));
    expect(tell(gates, arrived("2", { group: "h" }))).toEqual(["2"]);
    expect(tell(gates, left("2"))).toEqual([]);
  });

  test("that is raised lets more in, and one that is lowered sends nobody out", () => {
    const gates = opened(arrived("1"), arrived("2"), arrived("3"), arrived("4"));
    expect(tell(gates, { type: "limits", limits: new Map([["b", 3]]) })).toEqual(["2", "3"]);
    expect(tell(gates, { type: "limits", limits: new Map([["b", 1]]) })).toEqual([]);
    expect(tell(gates, left("1"), left("2"))).toEqual([]);
    expect(tell(gates, left("3"))).toEqual(["4"]);
  });

  test("of a blueprint that does not serve any more stays as it was", () => {
    const gates = opened(arrived("1"), arrived("2"));
    expect(tell(gates, { type: "limits", limits: new Map([["other", 9]]) })).toEqual([]);
  });

  test("that goes lets its jobs in by and by", () => {
    const gates = opened(arrived("0000"));
    for (let number = 1; number <= 600; number++) tell(gates, arrived(String(number).padStart(4, "0")));
    const first = tell(gates, { type: "limits", limits: new Map([["b", Number.POSITIVE_INFINITY]]) });
    expect(first.length).toBeLessThanOrEqual(256);
    const all = new Set(["0000", ...first]);
    // Each that is written makes room for the next.
    for (const id of all) {
      const max = Number.POSITIVE_INFINITY;
      for (const next of tell(gates, entered(id, { max }))) all.add(next);
    }
    expect(all.size).toBe(601);
  });
});

describe("a job that waits", () => {
  test("and says so again is told again if it was let in", () => {
    const gates = opened(arrived("1"));
    expect(tell(gates, arrived("1"))).toEqual(["1"]);
    expect(gates.crowd("b")).toEqual({ inside: 1, waiting: 0 });
  });

  test("and comes anew after a retry, is not let in for the run before it", () => {
    const gates = opened(arrived("1"), arrived("2"));
    const again = gates.decide(arrived("1", { visit: 2, priority: -1 }));
    expect(again).toEqual([{ type: "admit", jobId: "2", visit: 1 }]);
    expect(gates.decide(left("2"))).toEqual([{ type: "admit", jobId: "1", visit: 2 }]);
  });

  test("and says so again keeps its place", () => {
    const gates = opened(arrived("1"), arrived("2"), arrived("3"));
    expect(tell(gates, arrived("3"))).toEqual([]);
    expect(gates.crowd("b")).toEqual({ inside: 1, waiting: 2 });
    expect(tell(gates, left("1"))).toEqual(["2"]);
  });

  test("after it was in gives its place up", () => {
    const gates = opened(arrived("1"), entered("1"), arrived("2"));
    expect(tell(gates, arrived("1"))).toEqual(["2"]);
    expect(gates.holds("1")).toBeTrue();
  });

  test("and is over makes nobody wait for it", () => {
    const gates = opened(arrived("1"), arrived("2"), arrived("3"));
    expect(tell(gates, left("2"))).toEqual([]);
    expect(gates.holds("2")).toBeFalse();
    expect(tell(gates, left("1"))).toEqual(["3"]);
  });

  test("knows how many are before it", () => {
    const gates = opened(arrived("1"), arrived("2"), arrived("3"), arrived("4", { priority: 1 }));
    expect(gates.standing("2")).toEqual({ isPaused: false, position: 2, max: 1 });
    expect(gates.standing("4")).toEqual({ isPaused: false, position: 1, max: 1 });
    expect(gates.standing("1")).toEqual({ isPaused: false });
    expect(gates.standing("5")).toBeUndefined();
  });

  test("in a line of many thousands is not counted for everybody who asks", () => {
    const gates = opened(arrived("0"));
    for (let number = 1; number <= 10_001; number++) tell(gates, arrived(String(number)));
    expect(gates.standing("77")).toEqual({ isPaused: false, position: undefined, max: 1 });
  });

  test("among thousands that were cancelled is still found", () => {
    const gates = opened(arrived("0"));
    for (let number = 1; number <= 5_000; number++) tell(gates, arrived(String(number)), left(String(number)));
    tell(gates, arrived("9999"));
    expect(tell(gates, left("0"))).toEqual(["9999"]);
  });
});

describe("a pause", () => {
  test("holds back who comes, and lets those go on who are in", () => {
    const gates = opened(arrived("1", { max: 2 }), { type: "paused", blueprint: "b" });
    expect(tell(gates, arrived("2", { max: 2 }))).toEqual([]);
    expect(tell(gates, left("1"))).toEqual([]);
    expect(gates.standing("2")).toEqual({ isPaused: true, position: 1, max: 2 });
    expect(tell(gates, { type: "resumed", blueprint: "b" })).toEqual(["2"]);
  });

  test("of another blueprint changes nothing", () => {
    const gates = opened({ type: "paused", blueprint: "other" });
    expect(tell(gates, arrived("1"))).toEqual(["1"]);
  });
});

describe("after a start", () => {
  const old = (message: GateMessage): GateMessage => ({ ...message, isOld: true }) as GateMessage;

  test("nobody is let in before all who are in are known", () => {
    const gates = new Gates();
    expect(tell(gates, arrived("2"))).toEqual([]);
    expect(tell(gates, old(entered("1")))).toEqual([]);
    expect(tell(gates, { type: "open" })).toEqual([]);
    expect(tell(gates, left("1"))).toEqual(["2"]);
  });

  test("one that ended while the store was read is not counted", () => {
    const gates = new Gates();
    tell(gates, arrived("2"), left("1"), old(entered("1")));
    expect(tell(gates, { type: "open" })).toEqual(["2"]);
  });

  test("what a job says itself is newer than what was read", () => {
    const gates = new Gates();
    tell(gates, entered("1"), old(arrived("1")), { type: "open" });
    expect(gates.crowd("b")).toEqual({ inside: 1, waiting: 0 });
  });
});

describe("the sweep", () => {
  test("finds a job that is over and never said so", () => {
    const gates = opened(arrived("1"), entered("1"), arrived("2"));
    tell(gates, { type: "seen", jobIds: ["1", "2"] }, { type: "seen-all" });
    expect(tell(gates, { type: "seen", jobIds: ["2"] }, { type: "seen-all" })).toEqual(["1 gone", "2"]);
  });

  test("waits a whole round before it takes a new one for gone", () => {
    const gates = opened();
    tell(gates, { type: "seen-all" }, arrived("1"));
    expect(tell(gates, { type: "seen-all" })).toEqual([]);
    expect(tell(gates, { type: "seen", jobIds: ["1"] }, { type: "seen-all" })).toEqual([]);
    expect(tell(gates, { type: "seen-all" })).toEqual(["1 gone"]);
  });
});
