/** Where each state leads: read from the handlers' own code. The checks and the pictures use the same. */
import type { Edge } from "../catalog/port.ts";
import type { DeclaredHandler, DeclaredState, Definition } from "./definition.ts";
import { factsOf, type HandlerFacts } from "./handler-facts.ts";

export interface HandlerNode {
  readonly state: DeclaredState;
  readonly declared: DeclaredHandler;
  readonly facts: HandlerFacts;
}

export interface Graph {
  readonly handlers: readonly HandlerNode[];
  readonly edges: readonly Edge[];
}

export function graphOf(definition: Definition): Graph {
  const handlers = [...definition.states.values()].flatMap((state) =>
    handlersOf(state).map((declared): HandlerNode => ({ state, declared, facts: factsOf(declared) })),
  );
  return { handlers, edges: distinct(handlers.flatMap(edgesOf)) };
}

export function handlersOf(state: DeclaredState): readonly DeclaredHandler[] {
  return state.fallback ? [...state.conditional, state.fallback] : state.conditional;
}

function edgesOf({ state, declared, facts }: HandlerNode): readonly Edge[] {
  const condition = declared.condition?.text;
  return facts.calls.flatMap((call) =>
    call.arrows.map(({ label, to }) => ({ from: state.name, to, label, ...(condition && { condition }) })),
  );
}

function distinct(edges: readonly Edge[]): readonly Edge[] {
  const byContent = new Map(edges.map((edge) => [JSON.stringify(edge), edge]));
  return [...byContent.values()];
}
