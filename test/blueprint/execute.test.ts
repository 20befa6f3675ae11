import { describe, expect, test } from "bun:test";
import type { Turn, TurnReply } from "../../src/handlers/port.ts";
import { type Actions, Blueprint, type Context, type Handler } from "../../src/index.ts";
import { ManualTime, runTurn } from "./turns.ts";

/** A flow whose start is the handler, with an aggregator, another state and an end to lead to. */
function flow(handler: Handler): Blueprint {
  return new Blueprint({ name: "flow" })
    .handlerFor("start", handler)
    .handlerFor("next", (_context, { transitionTo }) => transitionTo("finished"))
    .aggregatorFor("joined", ({ aggregationResults, stateHistory }, { transitionTo }) => {
      stateHistory["count"] = Object.keys(aggregationResults).length;
      transitionTo("finished");
    })
    .aggregatorFor("other", (_context, { transitionTo }) => transitionTo("finished"))
    .handlerFor("over", { isEnd: true }, () => undefined);
}

function outcomeOf(decide: (actions: Actions, context: Context) => void, turn: Partial<Turn> = {}) {
  return runTurn(
    flow((context, actions) => decide(actions, context)),
    turn,
  );
}

function errorOf(reply: TurnReply) {
  if (reply.ending.kind !== "broke" && reply.ending.kind !== "invalid") throw new Error(JSON.stringify(reply));
  return { kind: reply.ending.kind, ...reply.ending.error };
}

const task = { taskType: "work" };

describe("a turn is invalid, and says what to do,", () => {
  const wrong: [string, string, string, (actions: Actions, context: Context) => void][] = [
    ["without a decision", "NO_OUTCOME", "call transitionTo", () => undefined],
    [
      "with two transitions",
      "TWO_OUTCOMES",
      "decided twice",
      (a) => {
        a.transitionTo("next");
        a.transitionTo("next");
      },
    ],
    [
      "with a task and a transition",
      "TWO_OUTCOMES",
      "decided twice",
      (a) => {
        a.dispatchTask(task);
        a.transitionTo("next");
      },
    ],
    [
      "with a transition and a task",
      "TWO_OUTCOMES",
      "decided twice",
      (a) => {
        a.transitionTo("next");
        a.dispatchTask(task);
      },
    ],
    [
      "with a second decision that was caught",
      "TWO_OUTCOMES",
      "decided twice",
      (a) => {
        a.transitionTo("next");
        try {
          a.transitionTo("next");
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      },
    ],
    ["for an unknown state", "UNKNOWN_STATE", '"nowhere" does not exist', (a) => a.transitionTo("nowhere")],
    [
      "for an unknown state of an outcome",
      "UNKNOWN_STATE",
      'transitions.failure of task "work"',
      (a) => a.dispatchTask({ ...task, transitions: { failure: "nowhere" } }),
    ],
    [
      "for tasks that do not meet",
      "NO_JOIN",
      "declare it with aggregatorFor",
      (a) => {
        a.dispatchTask({ ...task, transitions: { success: "next" } });
        a.dispatchTask({ ...task, transitions: { success: "next" } });
      },
    ],
    [
      "for tasks that meet in two aggregators",
      "NO_JOIN",
      '"work" to "joined", "work" to "other"',
      (a) => {
        a.dispatchTask({ ...task, transitions: { success: "joined" } });
        a.dispatchTask({ ...task, transitions: { success: "other" } });
      },
    ],
    [
      "for a join into no aggregator",
      "INVALID_OUTCOME",
      "aggregatorFor",
      (a) => a.dispatchParallel({ tasks: [task], aggregateInto: "next" }),
    ],
    [
      "for a branch that leaves the join",
      "INVALID_OUTCOME",
      "leave its success transition out",
      (a) => a.dispatchParallel({ tasks: [{ ...task, transitions: { success: "next" } }], aggregateInto: "joined" }),
    ],
    ["without a task type", "INVALID_TASK", "taskType", (a) => a.dispatchTask({ taskType: "" })],
    [
      "for a field in the old spelling",
      "INVALID_TASK",
      'A task has no option "task_type"; did you mean taskType?',
      (a) => a.dispatchTask(JSON.parse('{"task_type":"work"}')),
    ],
    [
      "for a misspelt field",
      "INVALID_TASK",
      'Task "work": a task has no option "transition"; did you mean transitions?',
      (a) => a.dispatchTask(JSON.parse('{"taskType":"work","transition":{}}')),
    ],
    [
      "for a field of others",
      "INVALID_TASK",
      'a task has no option "retries"; did you mean retry: { maxAttempts }?',
      (a) => a.dispatchTask(JSON.parse('{"taskType":"work","retries":3}')),
    ],
    [
      "for a misspelt field of the retry policy",
      "INVALID_TASK",
      'retry has no option "maxAttempt"; did you mean maxAttempts?',
      (a) => a.dispatchTask(JSON.parse('{"taskType":"work","retry":{"maxAttempt":3}}')),
    ],
    [
      "for a retry policy that is a number",
      "INVALID_TASK",
      "retry must be an object",
      (a) => a.dispatchTask(JSON.parse('{"taskType":"work","retry":3}')),
    ],
    [
      "for a misspelt field of parallel tasks",
      "INVALID_OUTCOME",
      'dispatchParallel has no option "joins"; did you mean join?',
      (a) => a.dispatchParallel(JSON.parse('{"tasks":[],"aggregateInto":"joined","joins":"any"}')),
    ],
    [
      "for an unknown strategy",
      "INVALID_TASK",
      'dispatchStrategy "fastest"',
      (a) => a.dispatchTask(JSON.parse('{"taskType":"work","dispatchStrategy":"fastest"}')),
    ],
    ["for a NaN", "INVALID_TASK", "priority is NaN", (a) => a.dispatchTask({ ...task, priority: Number.NaN })],
    ["for a negative cost", "INVALID_TASK", "maxCost is -1", (a) => a.dispatchTask({ ...task, maxCost: -1 })],
    ["for no time", "INVALID_TASK", "timeoutSeconds is 0", (a) => a.dispatchTask({ ...task, timeoutSeconds: 0 })],
    [
      "for no attempt",
      "INVALID_TASK",
      "retry.maxAttempts is 0",
      (a) => a.dispatchTask({ ...task, retry: { maxAttempts: 0 } }),
    ],
    [
      "for half an attempt",
      "INVALID_TASK",
      "whole number",
      (a) => a.dispatchTask({ ...task, retry: { maxAttempts: 1.5 } }),
    ],
    [
      "for a negative requirement",
      "INVALID_TASK",
      "resourceRequirements.gpu.vramGb is -2",
      (a) => a.dispatchTask({ ...task, resourceRequirements: { gpu: { vramGb: -2 } } }),
    ],
    [
      "for params that are no object",
      "NOT_SERIALISABLE",
      "params must be an object",
      (a) => a.dispatchTask(JSON.parse('{"taskType":"work","params":[1]}')),
    ],
    [
      "for params that JSON does not know",
      "NOT_SERIALISABLE",
      "params.size cannot be stored",
      (a) => a.dispatchTask({ ...task, params: { size: 1n as unknown as number } }),
    ],
    [
      "for a join that is none",
      "INVALID_OUTCOME",
      '"most" is not known',
      (a) => a.dispatchParallel({ tasks: [task], aggregateInto: "joined", join: "most" as "any" }),
    ],
    [
      "for a join that can never be",
      "INVALID_OUTCOME",
      "at least 2 good results of 1 tasks",
      (a) => a.dispatchParallel({ tasks: [task], aggregateInto: "joined", join: { atLeast: 2 } }),
    ],
    [
      "for an integration that nobody knows",
      "INVALID_OUTCOME",
      'integration "pager" is not known',
      (a) => a.awaitHumanApproval({ integration: "pager" as "slack", message: "?", transitions: { approved: "next" } }),
    ],
    [
      "for an approval without a decision",
      "INVALID_OUTCOME",
      "offers no decision",
      (a) => a.awaitHumanApproval({ integration: "slack", message: "?", transitions: { timeout: "next" } }),
    ],
    [
      "for a decision that leads nowhere",
      "UNKNOWN_STATE",
      "transitions.approved of awaitHumanApproval",
      (a) => a.awaitHumanApproval({ integration: "slack", message: "?", transitions: { approved: "nowhere" } }),
    ],
    [
      "for a child without a name",
      "INVALID_OUTCOME",
      "no `blueprintName`",
      (a) => a.runBlueprint({ blueprintName: "", transitions: {} }),
    ],
    [
      "for two children that lead to no aggregator",
      "NO_JOIN",
      "2 child blueprints",
      (a) => {
        a.runBlueprint({ blueprintName: "x", transitions: { success: "next" } });
        a.runBlueprint({ blueprintName: "y", transitions: { success: "next" } });
      },
    ],
    [
      "for a timer with two times",
      "INVALID_OUTCOME",
      "either `seconds` or `until`",
      (a) =>
        a.waitFor({ seconds: 1, until: "2027-01-01T00:00:00Z", then: "next" } as { seconds: number; then: string }),
    ],
    [
      "for a date without its zone",
      "INVALID_OUTCOME",
      "a moment with its zone",
      (a) => a.waitFor({ until: "2027-01-01T00:00:00", then: "next" }),
    ],
    [
      "for a timer that leads nowhere",
      "UNKNOWN_STATE",
      "waitFor, then",
      (a) => a.waitFor({ seconds: 1, then: "nowhere" }),
    ],
    [
      "for an event without a way on",
      "INVALID_OUTCOME",
      "no transition `received`",
      (a) => a.waitForEvent({ event: "paid", transitions: {} as { received: string } }),
    ],
    [
      "for a field that was meant to be another",
      "INVALID_OUTCOME",
      "did you mean timeoutSeconds",
      (a) => a.waitForEvent({ event: "paid", timeoutSecond: 3, transitions: { received: "next" } } as never),
    ],
    [
      "for worker events that lead nowhere",
      "UNKNOWN_STATE",
      "nowhere",
      (a) => a.dispatchTask({ ...task, eventTransitions: { seen: "nowhere" } }),
    ],
    [
      "for a data store that it did not declare",
      "UNKNOWN_DATA_STORE",
      'no data store "counter", and it declares none: declare it with addDataStore("counter")',
      (a, { dataStores }) => {
        void dataStores["counter"];
        a.transitionTo("next");
      },
    ],
    [
      "for a history with a BigInt",
      "NOT_SERIALISABLE",
      "stateHistory.big",
      (a, { stateHistory }) => {
        stateHistory["big"] = 1n;
        a.transitionTo("next");
      },
    ],
    [
      "for a history in a circle",
      "NOT_SERIALISABLE",
      "stateHistory.self",
      (a, { stateHistory }) => {
        stateHistory["self"] = stateHistory;
        a.transitionTo("next");
      },
    ],
    [
      "for a function in the history",
      "NOT_SERIALISABLE",
      "stateHistory.call is a function",
      (a, { stateHistory }) => {
        stateHistory["call"] = () => undefined;
        a.transitionTo("next");
      },
    ],
    [
      "for a history over 1 MiB",
      "OUTCOME_TOO_LARGE",
      'State "start"',
      (a, { stateHistory }) => {
        stateHistory["text"] = "ä".repeat(600_000);
        a.transitionTo("next");
      },
    ],
    [
      "for a history that throws when it is read",
      "NOT_SERIALISABLE",
      "stateHistory.bad.part cannot be stored as JSON: no",
      (a, { stateHistory }) => {
        stateHistory["bad"] = {
          get part() {
            throw new Error("no");
          },
        };
        a.transitionTo("next");
      },
    ],
    [
      "for so many tasks that they are too much",
      "OUTCOME_TOO_LARGE",
      'State "start"',
      (a) => a.dispatchParallel({ tasks: Array.from({ length: 20_000 }, () => task), aggregateInto: "joined" }),
    ],
    [
      "for params over 1 MiB",
      "OUTCOME_TOO_LARGE",
      'State "start"',
      (a) => a.dispatchTask({ ...task, params: { text: "x".repeat(1_100_000) } }),
    ],
  ];

  test.each(wrong)("%s (%s)", async (_name, code, words, decide) => {
    const reply = await outcomeOf(decide);
    expect(errorOf(reply)).toMatchObject({ kind: "invalid", code });
    expect(errorOf(reply).message).toContain(words);
    expect(reply.steps).toEqual([]);
    expect(reply.stateHistory).toBeUndefined();
  });

  test("for an end that acts", async () => {
    const blueprint = new Blueprint({ name: "b" }).handlerFor("start", { isEnd: true }, (_c, a) =>
      a.transitionTo("start"),
    );
    expect(errorOf(await runTurn(blueprint))).toMatchObject({ kind: "invalid", code: "END_ACTED" });
  });

  test("for a state that is not there", async () => {
    expect(
      errorOf(
        await runTurn(
          flow(() => undefined),
          { state: "gone" },
        ),
      ),
    ).toMatchObject({ code: "UNKNOWN_STATE" });
  });

  test("for a condition that cannot be read, or decided, or is async", async () => {
    const codes = [];
    for (const condition of ["a ==", "initial_data.n > 'x'", (async () => true) as unknown as () => boolean]) {
      const blueprint = new Blueprint({ name: "b" }).handlerFor("start").when(condition, () => undefined);
      codes.push(errorOf(await runTurn(blueprint, { initialData: '{"n":1}' })).code);
    }
    expect(codes).toEqual(["CONDITION_SYNTAX", "CONDITION_ERROR", "CONDITION_ERROR"]);
  });

  test("after too many steps without a wait, earlier turns included", async () => {
    const circle = flow((_context, { transitionTo }) => transitionTo("start"));
    const reply = await runTurn(circle, { steps: 97, maxSteps: 100 });
    expect(errorOf(reply)).toMatchObject({ kind: "invalid", code: "LOOP_LIMIT" });
    expect(reply.steps).toHaveLength(3);
  });

  test("but an end is reached also with the last step", async () => {
    const reply = await outcomeOf((a) => a.transitionTo("over"), { steps: 99, maxSteps: 100 });
    expect(reply.ending).toEqual({ kind: "ended", state: "over" });
  });
});

describe("a handler that breaks", () => {
  test("is named with its message and place, and what it changed is dropped", async () => {
    const blueprint = flow(({ stateHistory }, { transitionTo }) => {
      stateHistory["first"] = true;
      transitionTo("bad");
    }).handlerFor("bad", ({ stateHistory }) => {
      stateHistory["second"] = true;
      throw new Error("no luck");
    });
    const reply = await runTurn(blueprint);
    expect(reply.ending).toMatchObject({ kind: "broke", state: "bad", alone: false });
    expect(errorOf(reply).code).toBe("HANDLER_ERROR");
    expect(errorOf(reply).message).toMatch(/^no luck \(at .*execute\.test\.ts:\d+:\d+\)$/);
    expect(reply.stateHistory).toBe('{"first":true}');
    expect(reply.steps.map(({ state }) => state)).toEqual(["start"]);
  });

  test.each([
    ["actions.dispatchParalell", "(_c, actions) => actions.dispatchParalell({\n  tasks: [],\n})"],
    ["send", "(_c, { dispatchParalell: send }) => send({\n  tasks: [],\n})"],
  ])("by calling what does not exist is told so in one line: %s", async (called, code) => {
    const handler = new Function(`return ${code}`)() as Handler;
    const [first, ...more] = errorOf(await runTurn(flow(handler))).message.split("\n");
    expect(first).toStartWith(`${called} is not a function`);
    expect(first?.includes("did you mean the action dispatchParallel?")).toBe(called !== "send");
    expect(more).toEqual([]);
  });

  test("may reject, or throw what is no error", async () => {
    expect(errorOf(await runTurn(flow(async () => Promise.reject(new Error("late")))))).toMatchObject({
      kind: "broke",
    });
    const odd: unknown = Object.create(null);
    const thrower = flow(() => {
      throw odd;
    });
    expect(errorOf(await runTurn(thrower))).toMatchObject({ code: "HANDLER_ERROR" });
  });

  test("also in its condition", async () => {
    const blueprint = new Blueprint({ name: "b" }).handlerFor("start").when(
      ({ initialData }) => initialData.missing.field,
      () => undefined,
    );
    expect(errorOf(await runTurn(blueprint))).toMatchObject({ kind: "broke", code: "HANDLER_ERROR" });
  });

  test("by taking too long: its signal aborts, and what it does later is refused", async () => {
    const time = new ManualTime();
    let late: unknown;
    const { promise: wasLate, resolve } = Promise.withResolvers<void>();
    const slow = new Blueprint({ name: "b" }).handlerFor(
      "start",
      { timeoutSeconds: 2 },
      async ({ signal }, actions) => {
        await new Promise((wake) => signal.addEventListener("abort", wake));
        try {
          actions.transitionTo("finished");
        } catch (error) {
          late = error;
        }
        resolve();
      },
    );
    const reply = runTurn(slow, {}, { time });
    await time.armed;
    time.advance(2_000);
    expect(errorOf(await reply)).toMatchObject({ kind: "broke", code: "HANDLER_TIMEOUT" });
    await wasLate;
    expect(late).toMatchObject({ code: "HANDLER_OVER" });
    expect(time.waiting).toBe(0);
  });

  test("by being aborted from outside", async () => {
    const time = new ManualTime();
    const controller = new AbortController();
    let reason: unknown;
    const endless = flow(async ({ signal }) => {
      signal.addEventListener("abort", () => (reason = signal.reason));
      await new Promise(() => undefined);
    });
    const reply = runTurn(endless, {}, { time, signal: controller.signal });
    await time.armed;
    controller.abort();
    expect(errorOf(await reply)).toMatchObject({ kind: "broke", code: "HANDLER_ABORTED" });
    expect(reason).toMatchObject({ code: "HANDLER_ABORTED" });
    expect(time.waiting).toBe(0);
  });

  test("before it ran, when the turn was given up already", async () => {
    let ran = false;
    const reply = await runTurn(
      flow(() => void (ran = true)),
      {},
      { signal: AbortSignal.abort() },
    );
    expect(errorOf(reply).code).toBe("HANDLER_ABORTED");
    expect(ran).toBe(false);
  });
});

describe("a chain", () => {
  test("sets no timer for handlers that end soon", async () => {
    const time = new ManualTime();
    await runTurn(
      flow(async (_context, { transitionTo }) => {
        await undefined;
        transitionTo("next");
      }),
      {},
      { time },
    );
    expect(time.timersSet).toBe(0);
  });

  test("pauses after 25 ms, with the work so far", async () => {
    const time = new ManualTime();
    const reply = await runTurn(
      flow(({ stateHistory }, { transitionTo }) => {
        time.advance(26);
        stateHistory["done"] = 1;
        transitionTo("next", { errorMessage: "odd" });
      }),
      {},
      { time },
    );
    const error = { code: "TRANSITION_ERROR", message: "odd" };
    expect(reply.ending).toEqual({ kind: "paused", state: "next", error });
    expect(reply.steps).toMatchObject([{ state: "start", next: "next", startedAtMs: 1_000, durationMs: 26, error }]);
    expect(reply.stateHistory).toBe('{"done":1}');
  });

  test("carries the error to the next handler and to the end", async () => {
    let cause: unknown;
    const blueprint = flow((_context, { transitionTo }) =>
      transitionTo("tidy", { errorMessage: "bad plan" }),
    ).handlerFor("tidy", ({ error }, { transitionTo }) => {
      cause = error;
      transitionTo("failed");
    });
    const { ending } = await runTurn(blueprint);
    expect(cause).toEqual({ code: "TRANSITION_ERROR", message: "bad plan" });
    expect(ending).toEqual({
      kind: "ended",
      state: "failed",
      error: { code: "TRANSITION_ERROR", message: "bad plan" },
    });
  });

  test("gives each handler its own attempt, error and results", async () => {
    const seen: unknown[] = [];
    const look = ({ attempt, error, aggregationResults, currentState }: Context) =>
      void seen.push([currentState, attempt, error?.code, Object.keys(aggregationResults)]);
    const blueprint = flow((context, { transitionTo }) => {
      look(context);
      transitionTo("second");
    }).handlerFor("second", (context, { transitionTo }) => {
      look(context);
      transitionTo("finished");
    });
    await runTurn(blueprint, { attempt: 3, error: { code: "X", message: "x" }, aggregation: '{"t":{}}' });
    expect(seen).toEqual([
      ["start", 3, "X", ["t"]],
      ["second", 1, undefined, []],
    ]);
  });

  test("ends in finished and failed without a handler", async () => {
    for (const state of ["finished", "failed"]) {
      const reply = await runTurn(
        flow(() => undefined),
        { state, merge: '{"a":1}' },
      );
      expect(reply).toMatchObject({ ending: { kind: "ended", state }, stateHistory: '{"a":1}' });
      expect(reply.steps).toEqual([{ state, startedAtMs: 1_000, durationMs: 0, patch: '{"set":{"a":1}}' }]);
    }
  });
});

describe("the history", () => {
  const kept = '{"keep":{"deep":[1]},"drop":1,"change":1}';

  test("is patched by the keys that changed", async () => {
    const reply = await outcomeOf(
      (actions, { stateHistory }) => {
        delete stateHistory["drop"];
        stateHistory["change"] = 2;
        stateHistory["none"] = undefined;
        stateHistory["merged"] += 1;
        actions.transitionTo("finished");
      },
      { stateHistory: kept, merge: '{"merged":1}' },
    );
    expect(JSON.parse(reply.steps[0]?.patch ?? "")).toEqual({ set: { change: 2, merged: 2 }, unset: ["drop"] });
    expect(reply.stateHistory).toBe('{"keep":{"deep":[1]},"change":2,"merged":2}');
  });

  test("has no patch when it was only read, however it was written before", async () => {
    const reply = await outcomeOf(
      (actions, { stateHistory }) => {
        expect(stateHistory["a"]).toBe(1);
        actions.transitionTo("finished");
      },
      { stateHistory: '{ "a": 1 }' },
    );
    expect(reply.steps[0]?.patch).toBeUndefined();
    expect(reply.stateHistory).toBeUndefined();
  });

  test("sees changes deep inside a value", async () => {
    const reply = await outcomeOf(
      (actions, { stateHistory }) => {
        stateHistory["keep"].deep.push(2);
        actions.transitionTo("finished");
      },
      { stateHistory: kept },
    );
    expect(reply.steps[0]?.patch).toBe('{"set":{"keep":{"deep":[1,2]}}}');
  });

  test("keeps a key named __proto__ as a key", async () => {
    const reply = await outcomeOf(
      (actions, { stateHistory }) => {
        expect(stateHistory["polluted"]).toBeUndefined();
        actions.transitionTo("finished");
      },
      { stateHistory: '{"a":1}', merge: '{"__proto__":{"polluted":true}}' },
    );
    expect(reply.stateHistory).toBe('{"a":1,"__proto__":{"polluted":true}}');
  });
});

describe("tasks", () => {
  test("a single task that leads to an aggregator is aggregated", async () => {
    const { ending } = await outcomeOf((a) => a.dispatchTask({ ...task, transitions: { success: "joined" } }));
    expect(ending).toMatchObject({ kind: "tasks", into: "joined" });
  });

  test("a single task that leads elsewhere is not", async () => {
    const { ending } = await outcomeOf((a) => a.dispatchTask({ ...task, transitions: { success: "next" } }));
    expect("into" in ending).toBe(false);
  });

  test("dispatchParallel leads each branch into the aggregator", async () => {
    const tasks = [task, { ...task, transitions: { failure: "failed" } }];
    const { ending } = await outcomeOf((a) => a.dispatchParallel({ tasks, aggregateInto: "joined" }));
    expect(ending).toMatchObject({
      into: "joined",
      orders: [{ transitions: { success: "joined" } }, { transitions: { failure: "failed", success: "joined" } }],
    });
  });

  test("dispatchParallel takes 10,000 small branches", async () => {
    const tasks = Array.from({ length: 10_000 }, () => task);
    const { ending } = await outcomeOf((a) => a.dispatchParallel({ tasks, aggregateInto: "joined" }));
    expect(ending.kind === "tasks" && ending.orders.length).toBe(10_000);
  });

  test("dispatchParallel without tasks goes straight on", async () => {
    const reply = await outcomeOf((a) => a.dispatchParallel({ tasks: [], aggregateInto: "joined" }));
    expect(reply.ending).toEqual({ kind: "ended", state: "finished" });
    expect(reply.stateHistory).toBe('{"count":0}');
  });

  test("carry all that was asked for, and defaults for the rest", async () => {
    const { ending } = await outcomeOf(
      (a) =>
        a.dispatchTask({
          taskType: "render",
          maxCost: 0.05,
          timeoutSeconds: 90,
          resourceRequirements: { gpu: { model: "T4", vramGb: 16 }, zone: "eu" },
          retry: { maxAttempts: 2, backoffSeconds: 120 },
          transitions: { success: "next" },
        }),
      { defaults: { maxAttempts: 7, priority: 3, dispatchTimeoutMs: 5_000 } },
    );
    expect(ending).toEqual({
      kind: "tasks",
      state: "start",
      orders: [
        {
          type: "render",
          params: "{}",
          transitions: { success: "next" },
          strategy: "default",
          priority: 3,
          maxCost: 0.05,
          dispatchTimeoutMs: 5_000,
          timeoutMs: 90_000,
          requirements: { gpu: { model: "T4", vramGb: 16 }, zone: "eu" },
          retry: { maxAttempts: 2, backoffMs: 120_000, factor: 2, maxBackoffMs: 120_000 },
        },
      ],
    });
  });
});
