import { describe, expect, test } from "bun:test";
import { Type } from "@sinclair/typebox";
import { collectBlueprints, definitionOf, inspect } from "../../src/blueprint/index.ts";
import { Blueprint, type Handler } from "../../src/index.ts";
import * as cookbook from "./cookbook.ts";
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

function child(into: string): string {
  return `a.runBlueprint({ blueprintName: "n", transitions: { success: "${into}", failure: "failed" } });`;
}

function parallel(more: string): string {
  return `a.dispatchParallel({ tasks: c.list, aggregateInto: "x", ${more} });`;
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

describe("a name that does not exist", () => {
  const names = (body: string) =>
    findingsOf(joining(body))
      .filter(({ rule }) => rule === "unknown-action" || rule === "unknown-option")
      .map(
        ({ severity, message, file, column }) => `${severity} ${message} @ ${file.slice(column).split(/[\s({]/)[0]}`,
      );
  const call = (name: string) =>
    `error State "start" calls the action ${name}, which does not exist; did you mean dispatchParallel? @ `;

  test.each([
    ["a.dispatchParalell({ tasks: [] })", `${call("dispatchParalell")}a.dispatchParalell`],
    ["const { dispatchParalel: all } = a; all({ tasks: [] })", `${call("dispatchParalel")}all`],
    ["a.fork()", `error State "start" calls the action fork, which does not exist: there are`],
    [
      'a.dispatchTask({ tasktype: "t", transitions: {} })',
      'error A task has no option "tasktype"; did you mean taskType? @ tasktype:',
    ],
    [
      'a.dispatchTask({ taskType: "t", retry: { retries: 3 } })',
      'error retry has no option "retries"; did you mean maxAttempts? @ retries:',
    ],
    [parallel("into: 'x'"), 'error dispatchParallel has no option "into"; did you mean aggregateInto? @ into:'],
    [
      'a.dispatchParallel({ aggregateInto: "x", tasks: c.list.map((one) => ({ taskType: "t", parms: one })) })',
      'error A task has no option "parms"; did you mean params? @ parms:',
    ],
    [
      'a.dispatchParallel({ aggregateInto: "x", tasks: [{ tasktype: "t" }, ...c.list.map(() => { return { taskTyp: "t" }; })] })',
      'error A task has no option "tasktype"; did you mean taskType? @ tasktype:',
    ],
    [
      'const list = c.build({ taskType: "t", parms: 1 }); a.dispatchParallel({ aggregateInto: "x", tasks: list })',
      'warning A task has no option "parms"; did you mean params? @ parms:',
    ],
    ['a.waitFor({ second: 1, then: "z" })', 'error waitFor has no option "second"; did you mean seconds? @ second:'],
  ])("is named where it stands: %s", (body, first) => {
    expect(names(body)[0]).toStartWith(first);
  });

  test("is all that is said of a state that calls it", () => {
    expect(rulesOf(joining("a.dispatchParalell({ tasks: [] })"))).toEqual(["error unknown-action"]);
  });

  test("of an end is named too", () => {
    expect(rulesOf(starting(toEnd).handlerFor("end", { isEnd: true }, written("a.waitForr({})")))).toContain(
      "error unknown-action",
    );
  });

  test.each([
    ["one that is asked for first", "if (c.x) a.later?.({}); a.transitionTo('z')"],
    ["something else of the name", "[1].map((a) => a.fork()); a.transitionTo('z')"],
    ["one with a value of its own", "const { fork = () => 1 } = a; fork(); a.transitionTo('z')"],
    ["what is no task of the list", "c.log({ taskType: 't', n: 1 }); a.dispatchTask({ taskType: 't' })"],
    ["params that look like a task", parallel('tasks: [{ taskType: "t", params: { taskType: "u", n: 1 } }]')],
  ])("is not %s", (_name, body) => {
    expect(names(body)).toEqual([]);
  });
});

describe("a join that cannot complete", () => {
  test.each([
    ["two aggregators", to("x") + to("y")],
    ["an aggregator and another state", to("x") + to("z")],
    ["no aggregator at all", to("z") + to("z")],
    ["a branch that is added at times", `${to("x")} if (c.more) { ${to("y")} }`],
    ["children that meet nowhere", child("x") + child("z")],
    ["an unknown rule", parallel('join: "most"')],
    ["a half result", parallel("join: { atLeast: 1.5 }")],
    ["no good result at all", parallel("join: { atLeast: 0 }")],
    ["a rule without a number", parallel("join: {}")],
    ["more good results than tasks", parallel('join: { atLeast: 2 }, tasks: [{ taskType: "t" }]')],
    ["an aggregator that no task is dispatched to", 'a.transitionTo("x")'],
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
    ["children of one aggregator", child("x") + child("x")],
    ["as many good results as tasks", parallel('join: { atLeast: 1 }, tasks: [{ taskType: "t" }]')],
    ["a number that data tells", parallel("join: { atLeast: c.quorum }")],
    ["as many tasks as data has", parallel("join: { atLeast: 3 }, tasks: [...c.list]")],
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
    [
      "a child that cannot be known",
      "unknown-child",
      starting(
        written('a.runBlueprint({ blueprintName: c.kind, transitions: { success: "finished", failure: "failed" } })'),
      ),
    ],
    ["actions that are given away", "unknown-target", starting(written("c.helper(a)"))],
    ["a handler that decides nothing", "no-outcome", starting(quiet)],
    ["an end that nothing reaches", "unreachable-state", starting(toEnd).handlerFor("over", { isEnd: true }, quiet)],
    ["a circle without a way out", "no-end", starting(written('a.waitFor({ seconds: 1, then: "start" })'))],
    [
      "conditions that need not hold",
      "no-default",
      starting(written('a.transitionTo("next")')).handlerFor("next").when("initial_data.a", toEnd),
    ],
    [
      "a condition that is asked twice",
      "duplicate-condition",
      starting(toEnd)
        .handlerFor("start")
        .when("initial_data.a", toEnd)
        .handlerFor("start")
        .when("initial_data.a", quiet),
    ],
    [
      "a join of no task",
      "empty-join",
      starting(written('a.dispatchParallel({ tasks: [], aggregateInto: "x" })')).aggregatorFor("x", toEnd),
    ],
  ])("for %s", (_name, rule, blueprint) => {
    expect(rulesOf(blueprint)).toContain(`warning ${rule}`);
    expect(rulesOf(blueprint).filter((found) => found.startsWith("error"))).toEqual([]);
  });

  test("is not given for what a variable was before it was set to a state", () => {
    const body = 'let next = "nothing yet"; next = c.ok ? "finished" : "failed"; a.transitionTo(next)';
    expect(rulesOf(starting(written(body)))).toEqual([]);
  });

  test("of an island is not given where a target may be any state", () => {
    const blueprint = starting(written("a.transitionTo(c.next)")).handlerFor("island", toEnd);
    expect(rulesOf(blueprint)).toEqual(["warning unknown-target"]);
  });

  test("is not given for an approval's own decisions, when there are several", () => {
    const asking = (transitions: string) =>
      starting(written(`a.awaitHumanApproval({ transitions: { ${transitions} } })`));
    expect(rulesOf(asking('later: "finished", never: "failed"'))).toEqual([]);
    expect(rulesOf(asking('later: "finished"'))).toEqual(["warning missing-transition"]);
  });
});

describe("an outcome without a transition is named", () => {
  const task = (fields: string) => `a.dispatchTask({ taskType: "t", ${fields} })`;
  const all = 'success: "finished", failure: "failed", cancelled: "failed"';

  test.each([
    [task("transitions: {}"), ["success", "failure", "cancelled"]],
    [task('transitions: { success: "finished", failure: "failed" }'), ["cancelled"]],
    [task('transitions: { small: "finished", failure: "failed", cancelled: undefined }'), ["success", "cancelled"]],
    ['a.awaitHumanApproval({ transitions: { approved: "finished" } })', ["rejected"]],
    ['a.awaitHumanApproval({ timeoutSeconds: 5, transitions: { yes: "finished", no: "failed" } })', ["timeout"]],
    ['a.waitForEvent({ event: "e", timeoutSeconds: 3, transitions: { timeout: "failed" } })', ["received"]],
    ['a.waitForEvent({ event: "e", timeoutSeconds: 3, transitions: { received: "failed" } })', ["timeout"]],
    ['a.runBlueprint({ blueprintName: "n", transitions: {} })', ["success", "failure"]],
    [
      'a.dispatchParallel({ tasks: c.list.map(() => ({ taskType: "t" })), aggregateInto: "x" })',
      ["failure", "cancelled"],
    ],
    ['a.dispatchParallel({ tasks: [{ taskType: "t" }], aggregateInto: "x", join: "any" })', ["failure", "cancelled"]],
  ])("%s", (body, outcomes) => {
    const found = findingsOf(joining(body)).filter(({ rule }) => rule === "missing-transition");
    expect(found.map(({ message }) => /"(\w+)": add one/.exec(message)?.[1])).toEqual(outcomes);
  });

  test.each([
    task(`transitions: { ${all} }`),
    'a.dispatchParallel({ tasks: [{ taskType: "t", transitions: { cancelled: "failed" } }], aggregateInto: "x", join: "settled" })',
    'a.dispatchParallel({ tasks: [{ taskType: "t", transitions: { failure: "failed", cancelled: "failed" } }], aggregateInto: "x" })',
    'a.runBlueprint({ blueprintName: "n", transitions: { success: "finished", failure: "failed" } })',
    'a.awaitHumanApproval({ transitions: { approved: "finished", rejected: "failed" } })',
    'a.awaitHumanApproval({ timeoutSeconds: 1, transitions: { yes: "finished", no: "failed", timeout: "failed" } })',
  ])("and none in %s", (body) => {
    expect(findingsOf(joining(body)).filter(({ rule }) => /missing|unused/.test(rule))).toEqual([]);
  });

  test.each([
    'a.waitForEvent({ event: "e", transitions: { received: "finished", timeout: "failed" } })',
    'a.waitForEvent({ event: "e", transitions: { received: "finished", cancelled: "failed" } })',
    'a.awaitHumanApproval({ transitions: { yes: "finished", no: "failed", timeout: "failed" } })',
    'a.dispatchParallel({ tasks: [{ taskType: "t", transitions: { failure: "z", cancelled: "z" } }], aggregateInto: "x", join: "settled" })',
  ])("and so is one that is never followed: %s", (body) => {
    const found = findingsOf(joining(body)).filter(({ rule }) => /missing|unused/.test(rule));
    expect(found.map(({ rule }) => rule)).toEqual(["unused-transition"]);
  });
});

describe("a way through a handler without a decision is named", () => {
  test.each([
    'if (c.a) a.transitionTo("finished");',
    'if (c.a) return; a.transitionTo("finished");',
    'c.a && a.transitionTo("finished");',
    'c.a ? a.transitionTo("finished") : c.log();',
    'switch (c.a) { case 1: a.transitionTo("finished"); }',
    'switch (c.a) { case 1: break; default: a.transitionTo("finished"); }',
    'try { c.x(); a.transitionTo("finished"); } catch (e) { c.log(e); }',
    'for (const x of c.list) { if (x) { a.transitionTo("finished"); return; } }',
    'for (const x of c.list) { if (x) continue; a.transitionTo("finished"); return; }',
    'const go = () => a.transitionTo("finished"); if (c.a) go();',
    'const go = () => a.transitionTo("finished");',
  ])("%s", (body) => expect(rulesOf(starting(written(body)))).toEqual(["warning no-outcome"]));

  test.each([
    'if (c.a) a.transitionTo("finished"); else a.transitionTo("failed");',
    'if (c.a) return a.transitionTo("finished"); a.transitionTo("failed");',
    'if (c.a) throw new Error("no"); a.transitionTo("failed");',
    'await a.transitionTo(c.a ? "finished" : "failed");',
    'c.a ? a.transitionTo("finished") : a.transitionTo("failed");',
    'switch (c.a) { case 1: case 2: a.transitionTo("finished"); break; default: a.transitionTo("failed"); }',
    'try { c.x(); a.transitionTo("finished"); } catch { a.transitionTo("failed"); }',
    'try { c.x(); } finally { a.transitionTo("finished"); }',
    'for (const x of c.list) { if (x) { a.transitionTo("finished"); return; } } a.transitionTo("failed");',
    'const go = () => a.transitionTo("finished"); if (c.a) go(); else { go(); }',
    'function go() { a.transitionTo("finished"); } go();',
    'c.list.forEach(() => a.transitionTo("finished"));',
    'while (true) { a.transitionTo("finished"); break; }',
  ])("and none in %s", (body) => expect(rulesOf(starting(written(body)))).toEqual([]));

  test("and so is one that decides twice", () => {
    const body = 'if (c.a) { a.transitionTo("finished"); } a.transitionTo("failed");';
    expect(rulesOf(starting(written(body)))).toEqual(["warning two-outcomes"]);
    const both = 'a.waitFor({ seconds: 1, then: "finished" }); a.transitionTo("failed");';
    expect(rulesOf(starting(written(both)))).toEqual(["warning two-outcomes"]);
  });
});

describe("the cookbook", () => {
  test("has no errors, and warns of outcomes that lead nowhere", () => {
    const warnings = Object.fromEntries(
      collectBlueprints({ ...recipes, ...cookbook }).map((blueprint) => [blueprint.name, rulesOf(blueprint)]),
    );
    const missing = "warning missing-transition";
    expect(warnings).toEqual({
      simple_linear_flow: [missing],
      parallel_flow_example: [missing, missing],
      multilingual_flow: ["warning no-default", missing, missing, missing, missing],
      critical_flow: [missing, missing],
      priority_flow: [missing, missing],
      error_handling: [missing],
      cost_optimized_flow: [missing],
      analytics_flow: [],
      cancellable_flow: [],
      text_processor: [],
      main_flow: [],
      premium_flow: [missing, missing, missing, missing],
      validation_example: [],
      s3_ops_flow: [],
    });
  });

  test("has a state of recipe 2 twice, which is named at its second place", () => {
    const moderation = new Blueprint({ name: "moderation_flow" })
      .handlerFor("start", { isStart: true }, (_c, { awaitHumanApproval }) =>
        awaitHumanApproval({
          integration: "telegram",
          message: "?",
          transitions: { approved: "process_approved_data", rejected: "failed" },
        }),
      )
      .handlerFor("process_approved_data", { isEnd: true }, (_c, actions) => actions.transitionTo("finished"))
      .handlerFor("process_approved_data", (_c, actions) => actions.transitionTo("finished"));
    const [finding] = findingsOf(moderation).filter(({ rule }) => rule === "duplicate-state");
    expect(finding?.message).toStartWith('State "process_approved_data" is declared twice without a condition');
    expect(rulesOf(moderation)).toContain("error end-acts");
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
        dispatchTask({ taskType: "t", transitions: { success: "sum", failure: "failed", cancelled: "failed" } }),
      )
      .handlerFor("idle", (_context, { runBlueprint }) =>
        runBlueprint({ blueprintName: "other", transitions: { success: "over", failure: "failed" } }),
      )
      .aggregatorFor("sum", (_context, { transitionTo }) => transitionTo("over"))
      .handlerFor("over", { isEnd: true }, quiet);
    const place = { file: "full.ts", line: 1, column: 1 };
    const { manifest } = inspect(definitionOf(blueprint), () => place);
    expect(manifest).toEqual({
      name: "full",
      endpoint: "jobs/full",
      apiVersion: "",
      inputSchema: { type: "object", properties: { size: { type: "number" } }, required: ["size"] },
      deadlineMs: 60_000,
      concurrency: { max: 2, key: "initial_data.customer" },
      dataStores: { counter: { total: 0 }, cache: {} },
      start: "init",
      states: [
        {
          name: "init",
          isStart: true,
          isEnd: false,
          isAggregator: false,
          acts: [{ action: "dispatchTask", subject: "t" }],
        },
        {
          name: "idle",
          isStart: false,
          isEnd: false,
          isAggregator: false,
          acts: [{ action: "runBlueprint", subject: "other" }],
        },
        { name: "sum", isStart: false, isEnd: false, isAggregator: true },
        { name: "over", isStart: false, isEnd: true, isAggregator: false },
      ],
      edges: [
        { from: "init", to: "sum", label: "success", kind: "status" },
        { from: "init", to: "failed", label: "failure", kind: "status" },
        { from: "init", to: "failed", label: "cancelled", kind: "status" },
        { from: "idle", to: "over", label: "success", kind: "child" },
        { from: "idle", to: "failed", label: "failure", kind: "child" },
        { from: "sum", to: "over", label: "transition", kind: "transition" },
      ],
      children: [{ blueprint: "other", ...place }],
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

describe("a data store that is not declared", () => {
  const using = (parameters: string, body: string) => {
    const handler = new Function(`return async (${parameters}) => {${body}}`)() as Handler;
    return findingsOf(
      new Blueprint({ name: "b", dataStores: { counter: {}, cache: {} } })
        .handlerFor("start", { isStart: true }, handler)
        .handlerFor("done", { isEnd: true }, quiet),
    ).filter(({ rule }) => rule === "unknown-store");
  };
  const go = "a.transitionTo('done');";

  test.each([
    ["by its name", "c, a", `await c.dataStores.countr.get('x'); ${go}`],
    ["in brackets", "{ dataStores }, a", `await dataStores['countr']?.get('x'); ${go}`],
    ["taken apart", "{ dataStores }, a", `const { countr } = dataStores; ${go}`],
    ["taken apart in the parameters", "{ dataStores: { countr } }, a", go],
    ["under another name", "{ dataStores: stores }, a", `await stores.countr.get('x'); ${go}`],
  ])("is an error where it is used %s, with the one that was meant", (_, parameters, body) => {
    expect(using(parameters, body).map(({ severity, message }) => [severity, message])).toEqual([
      [
        "error",
        'The blueprint has no data store "countr"; did you mean counter? If it is another one, declare it with addDataStore("countr").',
      ],
    ]);
  });

  test("is to be declared where no name is near", () => {
    expect(using("c, a", `await c.dataStores.quiteAnother.get('x'); ${go}`).map(({ message }) => message)).toEqual([
      'The blueprint has no data store "quiteAnother": declare it with addDataStore("quiteAnother"), or use one that there is: "counter", "cache".',
    ]);
  });

  test.each([
    ["are declared", "{ dataStores, stateHistory }, a", `await dataStores.counter.get('x'); stateHistory.y = 1; ${go}`],
    [
      "are only known when it runs",
      "{ dataStores, initialData }, a",
      `await dataStores[initialData.n].get('x'); ${go}`,
    ],
    ["are taken apart as declared", "{ dataStores: { counter: c2, cache } }, a", go],
  ])("is none where the stores %s", (_, parameters, body) => {
    expect(using(parameters, body)).toEqual([]);
  });
});
