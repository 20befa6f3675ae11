/** Where each state leads: read from the handlers' own code. The checks and the pictures use the same. */
import type { Edge, StateAct, StateFacts } from "../catalog/port.ts";
import { type DeclaredHandler, type DeclaredState, type Definition, stateExists } from "./definition.ts";
import { type ActionCall, factsOf, type HandlerFacts } from "./handler-facts.ts";
import type { Constants } from "./handler-source.ts";

export interface HandlerNode {
  readonly state: DeclaredState;
  readonly declared: DeclaredHandler;
  readonly facts: HandlerFacts;
}

export interface Graph {
  readonly handlers: readonly HandlerNode[];
  readonly edges: readonly Edge[];
}

/** `outer`: the constants of the file that the handlers lie in, where they are at hand. */
export function graphOf(definition: Definition, outer?: Constants): Graph {
  const handlers = [...definition.states.values()].flatMap((state) =>
    handlersOf(state).map((declared): HandlerNode => ({ state, declared, facts: factsOf(declared, outer) })),
  );
  return { handlers, edges: distinct(handlers.flatMap((node) => edgesOf(definition, node))) };
}

export function handlersOf(state: DeclaredState): readonly DeclaredHandler[] {
  return state.fallback ? [...state.conditional, state.fallback] : state.conditional;
}

/** States as pictures and the dashboard show them. */
export function stateFactsOf(definition: Definition, graph: Graph, start: string | undefined): readonly StateFacts[] {
  return [...definition.states.values()].map((state) => {
    const facts = graph.handlers.filter((node) => node.state === state).map((node) => node.facts);
    const acts = distinct(facts.flatMap(({ calls }) => calls.flatMap(actsOf)));
    const { name, isEnd, isAggregator } = state;
    const isOpen = facts.some(leadsAnywhere);
    const isHidden = facts.some(({ escapes }) => escapes.length > 0);
    return {
      name,
      isStart: name === start,
      isEnd,
      isAggregator,
      ...(acts.length > 0 && { acts }),
      ...(isOpen && { isOpen }),
      ...(isHidden && { isHidden }),
    };
  });
}

/** Where the code does not tell all of its targets, it may lead to any state. */
export function leadsAnywhere({ escapes, strange, calls }: HandlerFacts): boolean {
  return escapes.length + strange.length > 0 || calls.some(({ unknown }) => unknown.length > 0);
}

function actsOf({ action, subjects, unknownSubjects, join }: ActionCall): readonly StateAct[] {
  if (action === "transitionTo") return [];
  const rule = join?.rule === "all" ? undefined : join?.rule;
  const isOpen = unknownSubjects.length > 0;
  const act = { action, ...(rule !== undefined && { join: rule }), ...(isOpen && { isOpen }) };
  return subjects.length > 0 ? subjects.map(({ name }) => ({ ...act, subject: name })) : [act];
}

function edgesOf(definition: Definition, { state, declared, facts }: HandlerNode): readonly Edge[] {
  const condition = declared.condition?.text;
  return facts.calls.flatMap((call) =>
    call.arrows
      .filter(({ to, isPassing }) => !isPassing || stateExists(definition, to))
      .map(({ kind, label, to }) => ({ from: state.name, to, label, kind, ...(condition && { condition }) })),
  );
}

function distinct<Item>(items: readonly Item[]): readonly Item[] {
  const byContent = new Map(items.map((item) => [JSON.stringify(item), item]));
  return [...byContent.values()];
}
