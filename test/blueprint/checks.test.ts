import { describe, expect, test } from "bun:test";
import { Type } from "@sinclair/typebox";
import { collectBlueprints, definitionOf, inspect } from "../../src/blueprint/index.ts";
import { Blueprint, type Handler } from "../../src/index.ts";
import * as recipes from "./recipes.ts";

const quiet: Handler = () => undefined;
const toEnd: Handler = (_context, { transitionTo }) => transitionTo("finished");

/** Line: the offset, so that a test can say which code a finding points at. */
function findingsOf(blueprint: object) {
  return inspect(blueprint, (text, offset) => ({ file: text, line: 1, column: offset })).findings;
}

function rulesOf(blueprint: object): string[] {
  return findingsOf(blueprint).map(({ severity, rule }) => `${severity} ${rule}`);
}

function starting(handler: Handler): Blueprint {
  return new Blueprint({ name: "b" }).handlerFor("start", { isStart: true }, handler);
}

function written(body: string): Handler {
  return new Function(`return async (c, a) => {${body}}`)() as Handler;
}

/** A start with the body, and aggregators x and y and a state z that it may lead to. */
function joining(body: string): Blueprint {
  return starting(written(body)).aggregatorFor("x", toEnd).aggregatorFor("y", toEnd).handlerFor("z", toEnd);
}

function to(state: string): string {
  return `a.dispatchTask({ taskType: "t", transitions: { success: "${state}", failure: "failed" } });`;
}

function joinErrors(body: string): number {
  return rulesOf(joining(body)).filter((rule) => rule === "error join-cannot-complete").length;
}

describe("an error", () => {
  test("is an option that nobody knows, with the one that was meant", () => {
    const options: object = { name: "b", apiEndpont: "jobs/b" };
    const state: object = { isFinal: true, colour: 3 };
    const blueprint = new Blueprint(options as { name: string })
      .handlerFor("start", toEnd)
      .handlerFor("done", state, quiet);

    const found = findingsOf(blueprint).filter(({ rule }) => rule === "unknown-option");

    expect(found.map(({ message }) => message)).toEqual([
      'Blueprint "b" has no option "apiEndpont"; did you mean apiEndpoint?',
      'The handler of state "done" has no option "isFinal"; did you mean isEnd?',
      'The handler of state "done" has no option "colour". There are: isStart, isEnd, timeoutSeconds.',
    ]);
  });

  test.each<[string, string, Blueprint]>([
    ["no state at all", "no-start", new Blueprint({ name: "b" })],
    ["no start", "no-start", new Blueprint({ name: "b" }).handlerFor("begin", toEnd)],
    ["two starts", "two-starts", starting(toEnd).handlerFor("other", { isStart: true }, toEnd)],
    ["a state twice", "duplicate-state", starting(toEnd).handlerFor("start", quiet)],
    ["a state and an aggregator", "duplicate-state", starting(toEnd).aggregatorFor("start", toEnd)],
    ["a missing target", "missing-target", starting((_c, { transitionTo }) => transitionTo("nowhere"))],
    ["a missing target of a task", "missing-target", starting(written(to("nowhere")))],
    [
      "an end that acts",
      "end-acts",
      starting((_c, a) => a.transitionTo("end")).handlerFor("end", { isEnd: true }, toEnd),
    ],
    [
      "a join into no aggregator",
      "join-cannot-complete",
      joining(`a.dispatchParallel({ tasks: c.t, aggregateInto: "z" })`),
    ],
  ])("for %s", (_name, rule, blueprint) => {
    expect(rulesOf(blueprint)).toContain(`error ${rule}`);
  });

  test("for a condition shows the column and a caret", () => {
    const blueprint = starting((_c, a) => a.transitionTo("next"));
    blueprint.handlerFor("next").when("initial_data.a = 1", toEnd);
    const [finding] = findingsOf(blueprint);
    expect(finding).toMatchObject({ severity: "error", rule: "condition-syntax", file: String(toEnd), column: 0 });
    expect(finding?.message).toContain("at column 16");
    expect(finding?.message).toEndWith(`\n  initial_data.a = 1\n  ${" ".repeat(15)}^`);
  });

  test("points at the target in the handler's code", () => {
    const handler = written('if (c.x) a.transitionTo("nowhere"); a.transitionTo("finished")');
    const [finding] = findingsOf(starting(handler));
    expect(String(handler).slice(finding?.column)).toStartWith('"nowhere"');
    expect(finding?.file).toBe(String(handler));
    expect(finding?.message).toBe(
      'State "start" leads to "nowhere", which does not exist: declare it or correct the name.',
    );
  });
});

describe("a join that cannot complete", () => {
  test.each([
    ["two aggregators", to("x") + to("y")],
    ["an aggregator and another state", to("x") + to("z")],
    ["no aggregator at all", to("z") + to("z")],
    ["a branch that is added at times", `${to("x")} if (c.more) { ${to("y")} }`],
    [
      "a branch that leaves",
      'a.dispatchParallel({ tasks: [{ taskType: "t", transitions: { success: "z" } }], aggregateInto: "x" })',
    ],
  ])("is an error: %s", (_name, body) => expect(joinErrors(body)).toBe(1));

  test.each([
    ["one aggregator", to("x") + to("x")],
    ["if and else", `if (c.a) { ${to("x")} } else { ${to("y")} }`],
    ["else if", `if (c.a) { ${to("z")} } else if (c.b) { ${to("z")} } else { a.transitionTo("failed") }`],
    ["an early return", `if (c.a) { ${to("x")} return; } ${to("y")}`],
    ["a returned call", `if (c.a) return ${to("x")} ${to("z")}`],
    ["a switch", `switch (c.a) { case 1: ${to("x")} break; default: ${to("y")} }`],
    ["conditions that data keeps apart", `if (c.a) { ${to("x")} } if (c.b) { ${to("y")} }`],
    ["a choice of one", `c.a ? ${to("x").slice(0, -1)} : ${to("z")}`],
    ["a failed try", `try { await c.x(); ${to("x")} } catch (e) { ${to("z")} }`],
    ["a loop", `for (const part of c.parts) { ${to("x")} }`],
  ])("is no error: %s", (_name, body) => expect(joinErrors(body)).toBe(0));
});

describe("a warning", () => {
  test.each<[string, string, Blueprint]>([
    [
      "a task without failure",
      "missing-transition",
      starting(written('a.dispatchTask({ taskType: "t", transitions: { success: "finished" } })')),
    ],
    ["a task without any", "missing-transition", starting(written('a.dispatchTask({ taskType: "t" })'))],
    [
      "a timeout without transition",
      "missing-transition",
      starting(written('a.waitForEvent({ event: "e", timeoutSeconds: 3, transitions: { received: "finished" } })')),
    ],
    [
      "a child without failure",
      "missing-transition",
      starting(written('a.runBlueprint({ blueprintName: "n", transitions: { success: "finished" } })')),
    ],
    ["a state that nothing reaches", "unreachable-state", starting(toEnd).handlerFor("island", toEnd)],
    ["a target that cannot be known", "unknown-target", starting(written("a.transitionTo(c.next)"))],
    ["actions that are given away", "unknown-target", starting(written("c.helper(a)"))],
    ["a handler that decides nothing", "no-outcome", starting(quiet)],
  ])("for %s", (_name, rule, blueprint) => {
    expect(rulesOf(blueprint)).toContain(`warning ${rule}`);
    expect(rulesOf(blueprint).filter((found) => found.startsWith("error"))).toEqual([]);
  });

  test("of an island is not given where a target may be any state", () => {
    const blueprint = starting(written("a.transitionTo(c.next)")).handlerFor("island", toEnd);
    expect(rulesOf(blueprint)).toEqual(["warning unknown-target"]);
  });

  test("is not given for statuses of a worker's own, nor for an approval's own decisions", () => {
    const body = 'a.dispatchTask({ taskType: "t", transitions: { small: "finished", failure: "failed" } })';
    expect(rulesOf(starting(written(body)))).toEqual([]);
    expect(rulesOf(starting(written('a.awaitHumanApproval({ transitions: { later: "finished" } })')))).toEqual([]);
  });
});

describe("the cookbook", () => {
  test("has no errors, and warns of failures that lead nowhere", () => {
    const rules = Object.fromEntries(
      collectBlueprints(recipes).map((blueprint) => [blueprint.name, rulesOf(blueprint)]),
    );
    expect(rules).toEqual({
      simple_linear_flow: [],
      parallel_flow_example: [],
      multilingual_flow: ["warning missing-transition", "warning missing-transition"],
      critical_flow: ["warning missing-transition"],
      priority_flow: ["warning missing-transition"],
      error_handling: [],
    });
  });
});

describe("what a blueprint tells of itself", () => {
  test("is all that a manifest needs", () => {
    const blueprint = new Blueprint({
      name: "full",
      apiEndpoint: "/jobs/full/",
      apiVersion: "",
      input: Type.Object({ size: Type.Number() }),
      deadlineSeconds: 60,
      concurrency: { max: 2, key: "initial_data.customer" },
      dataStores: { counter: { total: 0 } },
    })
      .addDataStore("cache")
      .handlerFor("init", (_context, { dispatchTask }) =>
        dispatchTask({ taskType: "t", transitions: { success: "sum", failure: "failed" } }),
      )
      .aggregatorFor("sum", (_context, { transitionTo }) => transitionTo("over"))
      .handlerFor("over", { isEnd: true }, quiet);
    const place = { file: "full.ts", line: 1, column: 1 };
    expect(inspect(definitionOf(blueprint), () => place)).toEqual({
      findings: [],
      manifest: {
        name: "full",
        endpoint: "jobs/full",
        apiVersion: "",
        inputSchema: { type: "object", properties: { size: { type: "number" } }, required: ["size"] },
        deadlineMs: 60_000,
        concurrency: { max: 2, key: "initial_data.customer" },
        dataStores: { counter: { total: 0 }, cache: {} },
        start: "init",
        states: [
          { name: "init", isStart: true, isEnd: false, isAggregator: false },
          { name: "sum", isStart: false, isEnd: false, isAggregator: true },
          { name: "over", isStart: false, isEnd: true, isAggregator: false },
        ],
        edges: [
          { from: "init", to: "sum", label: "success" },
          { from: "init", to: "failed", label: "failure" },
          { from: "sum", to: "over", label: "transition" },
        ],
      },
    });
  });

  test("is found once for each export, by brand and not by class", () => {
    const blueprint = starting(toEnd);
    const foreign = { [Symbol.for("orchestrator.blueprint")]: definitionOf(blueprint), name: "foreign" };
    const found = collectBlueprints({ default: blueprint, named: blueprint, foreign, other: 3, none: null });
    expect(found.map(({ name }) => name)).toEqual(["b", "foreign"]);
    expect(() => definitionOf({})).toThrow("new Blueprint");
  });

  test.each<[string, () => unknown]>([
    ["has no name", () => new Blueprint({ name: " " })],
    ["deadlineSeconds", () => new Blueprint({ name: "b", deadlineSeconds: -1 })],
    ["concurrency.max", () => new Blueprint({ name: "b", concurrency: { max: 0 } })],
    ["timeoutSeconds", () => new Blueprint({ name: "b" }).handlerFor("s", { timeoutSeconds: Number.NaN }, quiet)],
    ["has no handler", () => new Blueprint({ name: "b" }).handlerFor("s", {}, undefined as unknown as Handler)],
  ])("is refused where it makes no sense: %s", (words, make) => expect(make).toThrow(words));
});
