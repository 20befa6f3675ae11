/** What is wrong with one handler: each rule is a function. */
import { joinProblems } from "./checks-joins.ts";
import { storeProblems } from "./checks-stores.ts";
import { nameProblems } from "./checks-names.ts";
import { outcomeProblems } from "./checks-outcomes.ts";
import { type DeclaredState, type Definition, stateExists } from "./definition.ts";
import type { HandlerNode } from "./graph.ts";
import type { ActionCall, HandlerFacts } from "./handler-facts.ts";
import { type Problem, problem } from "./problem.ts";

export function handlerProblems(definition: Definition, { state, facts }: HandlerNode): readonly Problem[] {
  const stores = storeProblems(definition, facts);
  const names = nameProblems(state, facts);
  if (state.isEnd) return [...endProblems(state, facts), ...names, ...stores];
  return [
    ...stores,
    ...names,
    ...facts.calls.flatMap((call) => [
      ...targetProblems(definition, state, call, facts),
      ...childProblems(state, call, facts),
      ...outcomeProblems(state, call, facts),
    ]),
    ...joinProblems(definition, state, facts),
    ...escapeProblems(state, facts),
    ...silenceProblems(state, facts),
  ];
}

function endProblems(state: DeclaredState, facts: HandlerFacts): readonly Problem[] {
  return facts.calls.map(({ action, offset }) => {
    const message = `State "${state.name}" is an end and calls ${action}: take the call or isEnd away.`;
    return problem("error", "end-acts", message, facts.code, offset);
  });
}

function targetProblems(
  definition: Definition,
  state: DeclaredState,
  call: ActionCall,
  facts: HandlerFacts,
): readonly Problem[] {
  const missing = call.arrows
    .filter(({ to, isPassing }) => !isPassing && !stateExists(definition, to))
    .map(({ to, offset }) => {
      const message = `State "${state.name}" leads to "${to}", which does not exist: declare it or correct the name.`;
      return problem("error", "missing-target", message, facts.code, offset);
    });
  const unknown = call.unknown.map((offset) => {
    const message = `Where ${call.action} of state "${state.name}" leads cannot be known from its code: write the state's name as a text.`;
    return problem("warning", "unknown-target", message, facts.code, offset);
  });
  return [...missing, ...unknown];
}

function childProblems(state: DeclaredState, call: ActionCall, facts: HandlerFacts): readonly Problem[] {
  if (call.action !== "runBlueprint") return [];
  return call.unknownSubjects.map((offset) => {
    const message = `Which blueprint state "${state.name}" runs cannot be known from its code, nor whether it exists: write its name as a text.`;
    return problem("warning", "unknown-child", message, facts.code, offset);
  });
}

function escapeProblems(state: DeclaredState, facts: HandlerFacts): readonly Problem[] {
  return facts.escapes.map((offset) => {
    const message = `State "${state.name}" hands its actions to other code, so where it leads cannot be known: call them in the handler itself.`;
    return problem("warning", "unknown-target", message, facts.code, offset);
  });
}

function silenceProblems(state: DeclaredState, facts: HandlerFacts): readonly Problem[] {
  if (facts.escapes.includes(0)) return [];
  if (facts.calls.length + facts.strange.length + facts.escapes.length > 0) {
    return facts.undecided.map((offset) => {
      const message = `The handler of state "${state.name}" can end here without having decided: call one of its actions on every way through it.`;
      return problem("warning", "no-outcome", message, facts.code, offset);
    });
  }
  if (facts.throws) return [];
  const message = `The handler of state "${state.name}" decides nothing: call transitionTo or dispatchTask, or flag it with { isEnd: true }.`;
  return [problem("warning", "no-outcome", message, facts.code)];
}
