/** What no path from the start leads to, and from where no path leads to an end. */
import { codeOfState } from "./checks-states.ts";
import { type Definition, isImplicitEnd } from "./definition.ts";
import { type Graph, leadsAnywhere } from "./graph.ts";
import { type Problem, problem } from "./problem.ts";

export function reachProblems(definition: Definition, graph: Graph, start: string | undefined): readonly Problem[] {
  if (start === undefined) return [];
  const reached = reachedFrom([start], neighbours(graph, "from", "to"));
  // A target that cannot be known may be any state: then nothing can be said.
  if (openStates(graph).some((state) => reached.has(state))) return [];
  return [
    ...islandProblems(definition, reached),
    ...aggregatorProblems(definition, graph, reached),
    ...trapProblems(definition, graph, reached),
  ];
}

function islandProblems(definition: Definition, reached: ReadonlySet<string>): readonly Problem[] {
  return [...definition.states.values()]
    .filter((state) => !reached.has(state.name))
    .map((state) => {
      const what = state.isEnd ? `the end "${state.name}"` : `state "${state.name}"`;
      const message = `Nothing leads to ${what}: lead to it or take it out.`;
      return problem("warning", "unreachable-state", message, codeOfState(state));
    });
}

/** An aggregator that is gone to, and that no branch ends in. */
function aggregatorProblems(definition: Definition, graph: Graph, reached: ReadonlySet<string>): readonly Problem[] {
  const fed = new Set(graph.edges.filter(({ kind }) => kind !== "transition").map(({ to }) => to));
  return [...definition.states.values()]
    .filter((state) => state.isAggregator && reached.has(state.name) && !fed.has(state.name))
    .map((state) => {
      const message = `No task is dispatched to aggregator "${state.name}", so there is nothing to join: dispatch tasks to it, or declare it with handlerFor.`;
      return problem("error", "join-cannot-complete", message, codeOfState(state));
    });
}

/** States that go round for ever: named once, by the first of them. */
function trapProblems(definition: Definition, graph: Graph, reached: ReadonlySet<string>): readonly Problem[] {
  const ends = [...reached].filter((state) => isImplicitEnd(state) || definition.states.get(state)?.isEnd);
  const silent = graph.handlers.filter(({ facts }) => facts.calls.length === 0).map(({ state }) => state.name);
  const missing = [...reached].filter((state) => !definition.states.has(state));
  const saved = reachedFrom([...ends, ...silent, ...missing], neighbours(graph, "to", "from"));
  const trapped = [...reached].filter((state) => !saved.has(state));
  const [first] = trapped;
  if (first === undefined) return [];
  const names = trapped.map((state) => `"${state}"`).join(", ");
  const message = `No end can be reached from ${names}: add a transition that leads to one.`;
  return [problem("warning", "no-end", message, codeOfState(definition.states.get(first)))];
}

function openStates(graph: Graph): readonly string[] {
  return graph.handlers.filter(({ facts }) => leadsAnywhere(facts)).map(({ state }) => state.name);
}

function neighbours(graph: Graph, near: "from" | "to", far: "from" | "to"): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const edge of graph.edges) {
    const known = found.get(edge[near]);
    if (known) known.push(edge[far]);
    else found.set(edge[near], [edge[far]]);
  }
  return found;
}

function reachedFrom(begin: readonly string[], next: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const reached = new Set(begin);
  // A set is walked in the order of insertion, what is added meanwhile included.
  for (const state of reached) for (const target of next.get(state) ?? []) reached.add(target);
  return reached;
}
