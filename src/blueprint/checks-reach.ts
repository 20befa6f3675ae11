/** States that no path from the start leads to. */
import type { Definition } from "./definition.ts";
import type { Graph } from "./graph.ts";
import { textOfState } from "./checks-states.ts";
import { type Problem, problem } from "./problem.ts";

export function reachProblems(definition: Definition, graph: Graph, start: string | undefined): readonly Problem[] {
  if (start === undefined) return [];
  const reached = reachedFrom(start, graph);
  // A target that cannot be known may be any state: then nothing can be said.
  if (graph.handlers.some(({ state, facts }) => reached.has(state.name) && leadsAnywhere(facts))) return [];
  return [...definition.states.values()]
    .filter((state) => !reached.has(state.name))
    .map((state) => {
      const message = `Nothing leads to state "${state.name}": lead to it or take it out.`;
      return problem("warning", "unreachable-state", message, textOfState(state));
    });
}

function leadsAnywhere(facts: Graph["handlers"][number]["facts"]): boolean {
  return facts.escapes.length > 0 || facts.calls.some((call) => call.unknown.length > 0);
}

function reachedFrom(start: string, graph: Graph): ReadonlySet<string> {
  const targets = new Map<string, string[]>();
  for (const { from, to } of graph.edges) {
    const known = targets.get(from);
    if (known) known.push(to);
    else targets.set(from, [to]);
  }
  const reached = new Set([start]);
  // A set is walked in the order of insertion, what is added meanwhile included.
  for (const state of reached) for (const target of targets.get(state) ?? []) reached.add(target);
  return reached;
}
