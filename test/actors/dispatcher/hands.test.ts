import { describe, expect, test } from "bun:test";
import { Hands } from "../../../actors/dispatcher/hands.ts";
import type { Held } from "../../../actors/dispatcher/line.ts";
import type { TaskNeeds, TaskRun } from "../../../actors/dispatcher/task.ts";
import { viewOf } from "../../../actors/worker-registry/record.ts";

const order: TaskNeeds = { type: "t", strategy: "default" };

function worker(id: string, record: Record<string, number | string | string[]> = {}) {
  return viewOf(id, { supported_tasks: ["t"], ...record }, false, { reputation: 1, reputationNeeded: 0 });
}

function run(jobId: string, attempt = 1): TaskRun {
  return { jobId, visit: 1, slot: 0, attempt };
}

function held(jobId: string, attempt = 1): Held {
  return { task: { ...run(jobId, attempt), order }, state: "queued", workerId: undefined } as unknown as Held;
}

describe("a worker", () => {
  test("is chosen while it has room for the task's type", () => {
    const hands = new Hands();
    const hand = hands.see(worker("a"));
    expect(hands.choose(order)).toBeUndefined();

    hand.free = 1;

    expect(hands.choose(order)).toBe(hand);
    expect(hands.choose({ ...order, type: "other" })).toBeUndefined();
  });

  test("keeps what it has in hand when what it supports changes", () => {
    const hands = new Hands();
    const hand = hands.see(worker("a"));
    hands.give(held("one"), hand);

    const again = hands.see(worker("a", { supported_tasks: ["other"] }));

    expect(again).toBe(hand);
    expect([...hands.ofType("t")]).toEqual([]);
    expect([...hands.ofType("other")]).toEqual([hand]);
    expect(hand.load).toBe(1);
  });

  test("that goes is given nothing more", () => {
    const hands = new Hands();
    hands.see(worker("a")).free = 5;

    expect(hands.gone("a")).toBeDefined();

    expect(hands.choose(order)).toBeUndefined();
    expect(hands.gone("a")).toBeUndefined();
  });
});

describe("what a worker was given", () => {
  test("takes up room once, however often it is given, and is given back once", () => {
    const hands = new Hands();
    const hand = hands.see(worker("a"));
    const one = held("one");
    hands.give(one, hand);
    hands.give(one, hand);
    expect([hand.load, one.state, one.workerId]).toEqual([1, "assigned", "a"]);

    expect([hands.takeFrom(hand, run("one")), hands.takeFrom(hand, run("one"))]).toEqual([true, false]);
    expect([hand.load, hand.inUse.get("t")?.tasks]).toEqual([0, 0]);
    hands.see(worker("a"));
    expect(hand.inUse.size).toBe(0);
  });

  test("is told apart by attempt: a run that took too long goes on beside its successor", () => {
    const hands = new Hands();
    const hand = hands.see(worker("a"));
    hands.give(held("one", 1), hand);
    hands.give(held("one", 2), hand);
    expect(hand.load).toBe(2);

    hands.takeFrom(hand, run("one", 1));

    expect(hand.load).toBe(1);
  });
});
