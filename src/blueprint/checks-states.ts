/** What is wrong with how states were declared. */
import type { DeclaredState, Definition } from "./definition.ts";
import { handlersOf } from "./graph.ts";
import { type Problem, problem } from "./problem.ts";

/** Names that start a job where no state is flagged. */
const START_NAMES = ["start", "init"];

export function startOf(definition: Definition): string | undefined {
  const flagged = flaggedOf(definition)[0]?.name;
  return flagged ?? START_NAMES.find((name) => definition.states.has(name));
}

export function declarationProblems(definition: Definition): readonly Problem[] {
  const states = [...definition.states.values()];
  return [
    ...definition.unknownOptions.map((message) => problem("error", "unknown-option", message)),
    ...startProblems(definition),
    ...states.flatMap((state) => duplicateProblems(state)),
    ...states.flatMap((state) => conditionProblems(state)),
  ];
}

/** Where a state is declared, as near as its code tells. */
export function textOfState(state: DeclaredState | undefined): string | undefined {
  const [first] = state ? handlersOf(state) : [];
  return first && String(first.handler);
}

function startProblems(definition: Definition): readonly Problem[] {
  const flagged = flaggedOf(definition);
  if (startOf(definition) === undefined) {
    const message = `Blueprint "${definition.name}" has no start: flag one state with { isStart: true } or name it "start".`;
    return [problem("error", "no-start", message)];
  }
  return flagged.slice(1).map((state) => {
    const message = `State "${state.name}" is a start and so is "${flagged[0]?.name}": keep isStart on one of them.`;
    return problem("error", "two-starts", message, textOfState(state));
  });
}

function flaggedOf(definition: Definition): readonly DeclaredState[] {
  return [...definition.states.values()].filter((state) => state.isStart);
}

function duplicateProblems(state: DeclaredState): readonly Problem[] {
  return state.duplicates.map((duplicate) => {
    const message = `State "${state.name}" is declared twice without a condition: rename one, or tell them apart with .when(…).`;
    return problem("error", "duplicate-state", message, String(duplicate.handler));
  });
}

function conditionProblems(state: DeclaredState): readonly Problem[] {
  return state.conditional.flatMap(({ condition, handler }) => {
    if (condition?.kind !== "broken") return [];
    const message = `State "${state.name}": ${condition.refusal.message}`;
    return [problem("error", "condition-syntax", message, String(handler))];
  });
}
