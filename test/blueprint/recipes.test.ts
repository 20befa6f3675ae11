import { describe, expect, test } from "bun:test";
import type { TurnReply } from "../../src/handlers/port.ts";
import { critical, errorHandling, linear, multilingual, parallel, priority, seen } from "./recipes.ts";
import { runTurn } from "./turns.ts";

function orderIn(reply: TurnReply) {
  if (reply.ending.kind !== "tasks") throw new Error(JSON.stringify(reply.ending));
  const [order] = reply.ending.orders;
  if (!order) throw new Error("no order");
  return order;
}

describe("recipe 1, a linear pipeline", () => {
  test("goes from the start to the task in one turn", async () => {
    const reply = await runTurn(linear, { initialData: '{"url":"x"}' });
    expect(reply.steps.map(({ state, next }) => [state, next])).toEqual([
      ["start", "step_A"],
      ["step_A", undefined],
    ]);
    expect(orderIn(reply)).toEqual({
      type: "simple_task",
      params: '{"url":"x"}',
      transitions: { success: "step_B", failure: "failed" },
      strategy: "default",
      priority: 0,
      retry: { maxAttempts: 4, backoffMs: 500, factor: 2, maxBackoffMs: 60_000 },
    });
    expect(reply.stateHistory).toBeUndefined();
  });

  test("finishes with the task's data in its history", async () => {
    const reply = await runTurn(linear, { state: "step_B", merge: '{"answer":42}' });
    expect(reply.ending).toEqual({ kind: "ended", state: "finished" });
    expect(reply.stateHistory).toBe('{"answer":42}');
    expect(reply.steps[0]?.patch).toBe('{"set":{"answer":42}}');
    expect(reply.steps[1]?.patch).toBeUndefined();
  });

  test("ends in failed", async () => {
    expect((await runTurn(linear, { state: "failed" })).ending).toEqual({ kind: "ended", state: "failed" });
  });
});

describe("recipe 3, parallel tasks", () => {
  test("waits for both in the aggregator", async () => {
    const { ending } = await runTurn(parallel);
    expect(ending).toMatchObject({
      kind: "tasks",
      into: "aggregate_results",
      orders: [{ type: "task_A" }, { type: "task_B" }],
    });
  });

  test("aggregates the results and ends", async () => {
    const aggregation = JSON.stringify({ t1: { status: "success", data: { n: 1 } }, t2: { status: "odd" } });
    const reply = await runTurn(parallel, { state: "aggregate_results", aggregation });
    expect(reply.ending).toEqual({ kind: "ended", state: "end" });
    expect(reply.stateHistory).toBe('{"aggregated_data":{"t1":{"n":1}}}');
  });

  test("ends in failed", async () => {
    expect((await runTurn(parallel, { state: "failed" })).ending.kind).toBe("ended");
  });
});

describe("recipe 5, routing by conditions", () => {
  test.each(["en", "de"])("%s has its own task", async (language) => {
    const reply = await runTurn(multilingual, { initialData: JSON.stringify({ language }) });
    expect(orderIn(reply).type).toBe(`process_${language}`);
  });

  test("a language that nobody handles fails with what to do", async () => {
    const { ending, steps } = await runTurn(multilingual, { initialData: '{"language":"fr"}' });
    expect(ending).toMatchObject({ kind: "invalid", state: "process_text", error: { code: "NO_HANDLER" } });
    expect(steps).toHaveLength(1);
  });

  test("finishes", async () => {
    expect((await runTurn(multilingual, { state: "finished" })).ending.kind).toBe("ended");
  });
});

test("recipe 6: the strategy is passed on", async () => {
  expect(orderIn(await runTurn(critical)).strategy).toBe("least_connections");
  expect((await runTurn(critical, { state: "finished" })).ending.kind).toBe("ended");
});

test.each([
  ["{}", 0],
  ['{"is_urgent":true}', 10],
])("recipe 7: %s has priority %p", async (initialData, expected) => {
  expect(orderIn(await runTurn(priority, { initialData })).priority).toBe(expected);
  expect((await runTurn(priority, { state: "finished" })).ending.kind).toBe("ended");
});

describe("recipe 13, error types", () => {
  test("the failure handler sees the job's pending status and the error", async () => {
    const host = {
      jobState: (asking: string, id: string) => Promise.resolve(JSON.stringify({ id, asking, status: "quarantined" })),
    };
    const error = { code: "PERMANENT_ERROR", message: "Invalid API key" };
    const { ending } = await runTurn(errorHandling, { state: "handle_failure", error }, { host });
    expect(ending).toEqual({ kind: "ended", state: "handle_failure" });
    expect(seen.at(-1)).toBe("quarantined: PERMANENT_ERROR");
  });

  test("dispatches, and ends well", async () => {
    expect(orderIn(await runTurn(errorHandling)).transitions["failure"]).toBe("handle_failure");
    expect((await runTurn(errorHandling, { state: "finished_successfully" })).ending.kind).toBe("ended");
  });
});
