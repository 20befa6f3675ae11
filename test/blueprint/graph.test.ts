import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { definitionOf } from "../../src/blueprint/index.ts";
import { graphOf } from "../../src/blueprint/graph.ts";
import { Blueprint, type Handler } from "../../src/index.ts";
import { linear, multilingual } from "./recipes.ts";

function edgesOf(blueprint: object): readonly object[] {
  return graphOf(definitionOf(blueprint)).edges;
}

/** Label and target of each arrow, and how many targets cannot be known. */
function leads(handler: Handler): { arrows: string[]; unknown: number; escapes: number } {
  const [node] = graphOf(definitionOf(new Blueprint({ name: "b" }).handlerFor("start", handler))).handlers;
  const calls = node?.facts.calls ?? [];
  return {
    arrows: calls.flatMap(({ arrows }) => arrows.map(({ label, to }) => `${label} ${to}`)),
    unknown: calls.reduce((sum, call) => sum + call.unknown.length, 0),
    escapes: node?.facts.escapes.length ?? 0,
  };
}

/** The text of a handler as a function: what the compiler would fold stays as it is written. */
function written(parameters: string, body: string): Handler {
  return new Function(`return async (${parameters}) => {${body}}`)() as Handler;
}

describe("where a handler leads", () => {
  test.each([
    ["c, actions", 'actions.transitionTo("a")', ["transition a"]],
    ["c, whatever", 'await whatever?.transitionTo("a")', ["transition a"]],
    ["c, actions", 'actions["transitionTo"](`a`)', ["transition a"]],
    ["c, { transitionTo }", 'transitionTo("a")', ["transition a"]],
    ["c, { transitionTo: go }", 'if (c) return go("a"); go("b")', ["transition a", "transition b"]],
    ["c, actions", 'const { transitionTo } = actions; transitionTo("a")', ["transition a"]],
    ["c, a", 'a.transitionTo(c.ok ? "a" : c.odd ? "b" : "c")', ["transition a", "transition b", "transition c"]],
    ["c, a", 'const next = c.ok ? "a" : "b"; a.transitionTo(next)', ["transition a", "transition b"]],
    ["c, a", 'let next = "a"; if (c.odd) next = "b"; a.transitionTo(next)', ["transition a", "transition b"]],
    ["c, a", 'const by = { x: "a", y: "b" }; a.transitionTo(by[c.kind])', ["transition a", "transition b"]],
    ["c, a", 'const by = { x: "a", y: "b" }; a.transitionTo(by.y)', ["transition b"]],
    ["c, a", 'a.dispatchTask({ taskType: "t", transitions: { success: "a", "odd": "b" } })', ["success a", "odd b"]],
    ["c, a", 'const transitions = { success: "a" }; a.dispatchTask({ taskType: "t", transitions })', ["success a"]],
    [
      "c, a",
      'const common = { failure: "f" }; a.dispatchTask({ transitions: { ...common, success: "a" } })',
      ["failure f", "success a"],
    ],
    ["c, a", 'const task = { taskType: "t", transitions: { success: "a" } }; a.dispatchTask(task)', ["success a"]],
    ["c, a", 'for (const x of c.list) a.dispatchTask({ transitions: { success: "a" } })', ["success a"]],
    [
      "c, a",
      'a.dispatchParallel({ tasks: c.list.map((x) => ({ taskType: "t", transitions: { failure: "f" } })), aggregateInto: "a" })',
      ["success a", "failure f"],
    ],
    [
      "c, a",
      'const tasks = []; for (const x of c.list) tasks.push({ taskType: "t", transitions: { failure: "f" } }); a.dispatchParallel({ tasks, aggregateInto: "a" })',
      ["success a", "failure f"],
    ],
    [
      "c, a",
      'a.dispatchTask({ taskType: "t", transitions: { success: "a" }, eventTransitions: { halfway: "b" } })',
      ["success a", "halfway b"],
    ],
    ["c, a", 'a.awaitHumanApproval({ transitions: { approved: "a", rejected: "b" } })', ["approved a", "rejected b"]],
    ["c, a", 'a.runBlueprint({ blueprintName: "x", transitions: { success: "a" } })', ["success a"]],
    ["c, a", 'a.waitFor({ seconds: 1, then: "a" })', ["timer 1 s a"]],
    ["c, a", 'a.waitFor({ until: c.date, then: "a" })', ["timer a"]],
    ["c, a", 'a.waitForEvent({ event: "e", transitions: { received: "a", timeout: undefined } })', ["received a"]],
  ])("(%s) => %s", (parameters, body, arrows) => {
    expect(leads(written(parameters, body))).toEqual({ arrows, unknown: 0, escapes: 0 });
  });

  test.each([
    ["c, a", "a.transitionTo(c.next)"],
    ["c, a", 'let next = "a"; next = c.x; a.transitionTo(next)'],
    ["c, a", "a.transitionTo(`step_${c.n}`)"],
    ["c, a", 'let next = "a"; next += "b"; a.transitionTo(next)'],
    ["next, a", "a.transitionTo(next)"],
    ["c, a", "a.waitFor({ seconds: 1, then: c.next })"],
    ["c, a", 'a.waitForEvent({ event: "e", transitions: { received: c.next } })'],
    ["c, a", 'a.dispatchParallel({ tasks: c.tasks(), aggregateInto: "a" })'],
    ["c, a", "a.dispatchTask({ transitions: {}, eventTransitions: c.events })"],
    ["c, a", "a.dispatchTask(c.task)"],
    ["c, a", "a.dispatchTask({ transitions: c.transitions })"],
    ["c, a", "a.dispatchTask({ transitions: { ...c.common } })"],
    ["c, a", "a.dispatchTask({ transitions: { success: c.next } })"],
  ])("cannot be known: (%s) => %s", (parameters, body) => {
    expect(leads(written(parameters, body)).unknown).toBe(1);
  });

  test.each([
    ["c, actions", "await c.helper(actions)"],
    ["c, { transitionTo }", "c.list.forEach(transitionTo)"],
  ])("is noticed where the actions are given away: (%s) => %s", (parameters, body) => {
    expect(leads(written(parameters, body)).escapes).toBe(1);
  });

  test("is read from a method too, and not from a bound function", () => {
    const handlers = {
      async start(_context: unknown, actions: { transitionTo(state: string): void }) {
        actions.transitionTo("a");
      },
    };
    expect(leads(handlers.start).arrows).toEqual(["transition a"]);
    expect(leads(handlers.start.bind(handlers))).toEqual({ arrows: [], unknown: 0, escapes: 1 });
  });
});

describe("a picture", () => {
  test("has an edge for each transition, with its condition kept for the dashboard", () => {
    const [english, german] = ["en", "de"].map((language) => `context.initial_data.language == '${language}'`);
    expect(edgesOf(multilingual)).toEqual([
      { from: "start", to: "process_text", label: "transition", kind: "transition" },
      { from: "process_text", to: "finished", label: "success", kind: "status", condition: english },
      { from: "process_text", to: "finished", label: "success", kind: "status", condition: german },
    ]);
  });

  test("is DOT", () => {
    expect(linear.toDot()).toBe(`digraph "simple_linear_flow" {
  node [shape=box style=rounded]
  "start"
  "step_A"
  "step_B"
  "finished"
  "failed"
  "start" -> "step_A" [label="transition"]
  "step_A" -> "step_B" [label="on success"]
  "step_A" -> "failed" [label="on failure"]
  "step_B" -> "finished" [label="transition"]
}
`);
  });

  test("is Mermaid, also for names that mean something there", () => {
    const odd = new Blueprint({ name: "odd" }).handlerFor("start", (_c, { transitionTo }) => transitionTo('the "end"'));
    expect(odd.toMermaid()).toBe(
      'flowchart TD\n  s0("start")\n  s1("the #quot;end#quot;")\n  s0 -->|"transition"| s1\n',
    );
  });

  test("is written with the ending that it lacks", async () => {
    const folder = await mkdtemp(join(tmpdir(), "picture-"));
    try {
      const path = await linear.renderGraph(join(folder, "flow"), { format: "mermaid" });
      expect(path).toBe(join(folder, "flow.mermaid"));
      expect(await readFile(path, "utf8")).toBe(linear.toMermaid());
      expect(await linear.renderGraph(join(folder, "flow.dot"))).toBe(join(folder, "flow.dot"));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("in another format is refused by naming those there are", async () => {
    await expect(linear.renderGraph("flow", { format: "png" })).rejects.toThrow('choose "dot" or "mermaid"');
  });
});
