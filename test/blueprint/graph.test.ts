import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { definitionOf } from "../../src/blueprint/index.ts";
import { graphOf, stateFactsOf } from "../../src/blueprint/graph.ts";
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

/** A state of every kind, and every kind of transition. */
const everything = new Blueprint({ name: "everything" })
  .handlerFor("start", { isStart: true }, (_c, a) =>
    a.dispatchTask({
      taskType: "generate",
      transitions: { success: "ask", failure: "failed", cancelled: "cancelled" },
      eventTransitions: { halfway: "warm_up" },
    }),
  )
  .handlerFor("warm_up", (_c, a) => a.waitFor({ seconds: 60, then: "ask" }))
  .handlerFor("ask", (_c, a) =>
    a.awaitHumanApproval({
      integration: "telegram",
      message: "?",
      timeoutSeconds: 5,
      transitions: { approved: "fan_out", rejected: "rejected", timeout: "failed" },
    }),
  )
  .handlerFor("fan_out", (c, a) =>
    a.dispatchParallel({
      tasks: c.initialData.parts.map(() => ({ taskType: "part", transitions: { failure: "failed" } })),
      aggregateInto: "sum",
      join: { atLeast: 2 },
    }),
  )
  .aggregatorFor("sum", (_c, a) => a.transitionTo("bill"))
  .handlerFor("pay", (_c, a) =>
    a.waitForEvent({ event: "payment", timeoutSeconds: 5, transitions: { received: "next", timeout: "failed" } }),
  )
  .handlerFor("next", (c, a) => a.transitionTo(c.initialData.next))
  .handlerFor("rejected", { isEnd: true }, () => undefined)
  .handlerFor("cancelled", { isEnd: true }, () => undefined)
  .handlerFor("bill")
  .when("context.initial_data.amount > 100", (_c, a) =>
    a.runBlueprint({ blueprintName: "billing_flow", transitions: { success: "pay", failure: "failed" } }),
  );

describe("a picture", () => {
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "picture-"))));
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("has an edge for each transition, with its condition kept for the dashboard", () => {
    const [english, german] = ["en", "de"].map((language) => `context.initial_data.language == '${language}'`);
    expect(edgesOf(multilingual)).toEqual([
      { from: "start", to: "process_text", label: "transition", kind: "transition" },
      { from: "process_text", to: "finished", label: "success", kind: "status", condition: english },
      { from: "process_text", to: "finished", label: "success", kind: "status", condition: german },
    ]);
  });

  test("is DOT: a node for each state, and a label for each transition", () => {
    const lines = linear
      .toDot()
      .split("\n")
      .map((line) => line.trim());
    expect(lines).toContain("node [shape=box style=rounded]");
    expect(lines.filter((line) => line.includes(" -> "))).toEqual([
      '"start" -> "step_A" [label="transition"]',
      '"step_A" -> "step_B" [label="on success"]',
      '"step_A" -> "failed" [label="on failure"]',
      '"step_B" -> "finished" [label="transition"]',
    ]);
    const stateLine = (state: string) => lines.find((line) => line.startsWith(`"${state}" [`)) ?? "";
    expect(stateLine("start")).toContain("penwidth=3");
    expect(stateLine("step_A")).toContain("task simple_task");
    expect(stateLine("finished")).toContain("peripheries=2");
    expect(stateLine("failed")).toContain("peripheries=2");
    expect(stateLine("failed")).not.toContain(/fillcolor="[^"]+"/.exec(stateLine("finished"))?.[0]);
  });

  test("tells what each kind of state waits for, and when each transition is followed", () => {
    const dot = everything.toDot();
    for (const text of [
      "task generate",
      "asks a person: telegram",
      "tasks part in parallel, 2 good ones",
      "blueprint billing_flow",
      "waits 60 s",
      "waits for event payment",
      '[label="after 60 s"]',
      '[label="on event halfway"]',
      '[label="on approved"]',
      '[label="on timeout"]',
      '[label="on received"]',
      String.raw`[label="on success\nif initial_data.amount > 100"]`,
      "shape=hexagon",
      "shape=octagon",
      '[label="cannot be known"]',
    ]) {
      expect(dot).toContain(text);
    }
  });

  test("is Mermaid, also for names that mean something there", () => {
    const odd = new Blueprint({ name: "odd" }).handlerFor("start", (_c, { transitionTo }) =>
      transitionTo('the "end" of <b>`#1`'),
    );
    expect(odd.toMermaid().split("\n").slice(0, 4)).toEqual([
      "flowchart TD",
      '  s0("start"):::is_step',
      '  s1("the #34;end#34; of #60;b#62;#96;#35;1#96;"):::is_missing',
      '  s0 -->|"transition"| s1',
    ]);
  });

  test("is an SVG with every state in it, whatever its name", async () => {
    const odd = new Blueprint({ name: 'a "quoted" \\ name & <b>' })
      .handlerFor("start", (_c, { transitionTo }) => transitionTo('готово & "done" \\n'))
      .handlerFor('готово & "done" \\n', { isEnd: true }, () => undefined);
    const path = await odd.renderGraph(join(folder, "odd.svg"));
    const svg = await readFile(path, "utf8");
    expect(svg).toContain("<svg ");
    expect(svg).toContain(">готово &amp; &quot;done&quot; \\n</text>");
    expect(svg).toContain(">a &quot;quoted&quot; \\ name &amp; &lt;b&gt;</text>");
  });

  test("of a large flow shows a crowded end beside each state that leads to it; its text has it once", async () => {
    const large = new Blueprint({ name: "large" });
    const names = Array.from({ length: 12 }, (_, index) => `step_${index}`);
    for (const [index, name] of names.entries()) {
      const body = `a.dispatchTask({ taskType: "t", transitions: { success: "${names[index + 1] ?? "finished"}", failure: "failed" } })`;
      large.handlerFor(name, { isStart: index === 0 }, written("c, a", body));
    }
    const count = (text: string, part: string) => text.split(part).length - 1;
    const svg = await readFile(await large.renderGraph(join(folder, "large.svg")), "utf8");
    expect(count(svg, ">failed</text>")).toBe(12);
    expect(count(svg, ">finished</text>")).toBe(1);
    expect(count(large.toDot(), '\t"failed" [')).toBe(1);
    expect(count(large.toDot(), ' -> "failed" [label="on failure"]')).toBe(12);
  });

  test("is a PNG by default", async () => {
    const path = await everything.renderGraph(join(folder, "flow"));
    expect(path).toBe(join(folder, "flow.png"));
    const bytes = await readFile(path);
    expect(bytes.subarray(1, 4).toString()).toBe("PNG");
    expect(bytes.readUInt32BE(16)).toBeGreaterThan(1000);
  });

  test("has its text drawn with the program's own font: names of the same width look different", async () => {
    const named = (state: string) => new Blueprint({ name: "b" }).handlerFor(state, { isStart: true }, () => undefined);
    const [one, other] = await Promise.all(
      ["bdpq", "qpdb"].map(async (state) => readFile(await named(state).renderGraph(join(folder, state)))),
    );
    expect(other?.readUInt32BE(16)).toBe(one?.readUInt32BE(16) ?? 0);
    expect(one).not.toEqual(other);
  });

  test("is written with the ending that it lacks", async () => {
    const path = await linear.renderGraph(join(folder, "flow"), { format: "mermaid" });
    expect(path).toBe(join(folder, "flow.mermaid"));
    expect(await readFile(path, "utf8")).toBe(linear.toMermaid());
    expect(await linear.renderGraph(join(folder, "flow.dot"))).toBe(join(folder, "flow.dot"));
    expect(await linear.renderGraph(join(folder, "v1.2"), { format: "dot" })).toBe(join(folder, "v1.2.dot"));
  });

  test("in another format is refused by naming those there are", async () => {
    const format = "gif" as "png";
    await expect(linear.renderGraph("flow", { format })).rejects.toThrow("choose one of svg, png, dot, mermaid");
  });
});

test("a state whose actions go to code that is not read says so, and one that computes where it goes does not", () => {
  const blueprint = new Blueprint({ name: "b" })
    .handlerFor("handing", written("c, a", "new c.Asker(a).ask()"))
    .handlerFor("computing", written("c, a", "a.transitionTo(c.next)"));
  const definition = definitionOf(blueprint);
  const facts = stateFactsOf(definition, graphOf(definition), "handing");
  expect(facts.map(({ name, isOpen, isHidden }) => [name, isOpen, isHidden])).toEqual([
    ["handing", true, true],
    ["computing", true, undefined],
  ]);
});
