/** What is wrong with how states were declared. */
import type { Refusal } from "../system/errors.ts";
import type { DeclarationPlaces } from "./declaration-places.ts";
import { codeOf, type DeclaredHandler, type DeclaredState, type Definition, type StrangeOption } from "./definition.ts";
import { handlersOf } from "./graph.ts";
import { type Code, type Problem, problem } from "./problem.ts";

/** Names that start a job where no state is flagged. */
const START_NAMES = ["start", "init"];

export function startOf(definition: Definition): string | undefined {
  const flagged = flaggedOf(definition)[0]?.name;
  return flagged ?? START_NAMES.find((name) => definition.states.has(name));
}

export function declarationProblems(definition: Definition, places: DeclarationPlaces): readonly Problem[] {
  const states = [...definition.states.values()];
  return [
    ...definition.unknownOptions.map((option) => optionProblem(definition, option, places)),
    ...startProblems(definition, places),
    ...states.flatMap((state) => duplicateProblems(state)),
    ...states.flatMap((state) => conditionProblems(state)),
    ...states.flatMap((state) => hiddenProblems(state)),
    ...states.flatMap((state) => defaultProblems(state)),
  ];
}

/** Where a state is declared, as near as its code tells. */
export function codeOfState(state: DeclaredState | undefined): Code | undefined {
  const [first] = state ? handlersOf(state) : [];
  return first && codeOf(first);
}

function optionProblem({ name }: Definition, option: StrangeOption, places: DeclarationPlaces): Problem {
  const { state, handler, message } = option;
  const found = problem("error", "unknown-option", message, handler && codeOf(handler));
  const inFile =
    state !== undefined && handler
      ? places.ofState(state, option.name, codeOf(handler).text)
      : places.ofBlueprint(name, option.name);
  return inFile === undefined ? found : { ...found, inFile };
}

function startProblems(definition: Definition, places: DeclarationPlaces): readonly Problem[] {
  const flagged = flaggedOf(definition);
  if (startOf(definition) === undefined) {
    const message = `Blueprint "${definition.name}" has no start: flag one state with { isStart: true } or name it "start".`;
    const inFile = places.ofBlueprint(definition.name);
    return [{ ...problem("error", "no-start", message), ...(inFile !== undefined && { inFile }) }];
  }
  return flagged.slice(1).map((state) => {
    const message = `State "${state.name}" is a start and so is "${flagged[0]?.name}": keep isStart on one of them.`;
    return problem("error", "two-starts", message, codeOfState(state));
  });
}

function flaggedOf(definition: Definition): readonly DeclaredState[] {
  return [...definition.states.values()].filter((state) => state.isStart);
}

function duplicateProblems(state: DeclaredState): readonly Problem[] {
  return state.duplicates.map((duplicate) => {
    const message = `State "${state.name}" is declared twice without a condition: rename one, or tell them apart with .when(…).`;
    return problem("error", "duplicate-state", message, codeOf(duplicate));
  });
}

function conditionProblems(state: DeclaredState): readonly Problem[] {
  return state.conditional.flatMap((declared) => {
    const { condition } = declared;
    if (condition?.kind !== "broken") return [];
    const message = `State "${state.name}": ${condition.refusal.message}`;
    const found = problem("error", "condition-syntax", message, codeOf(declared));
    const spot = { text: condition.text, offset: columnOf(condition.refusal) - 1 };
    return [{ ...found, ...(found.at && { at: { ...found.at, condition: spot } }) }];
  });
}

function columnOf({ details }: Refusal): number {
  const column = typeof details === "object" && details !== null && "column" in details ? details["column"] : undefined;
  return typeof column === "number" ? column : 1;
}

/** The first whose condition holds runs: another one with the same text never does. */
function hiddenProblems({ name, conditional }: DeclaredState): readonly Problem[] {
  const textOf = ({ condition }: DeclaredHandler) => (condition?.kind === "text" ? condition.text.trim() : undefined);
  return conditional
    .filter((declared, index) => {
      const text = textOf(declared);
      return text !== undefined && conditional.slice(0, index).some((earlier) => textOf(earlier) === text);
    })
    .map((declared) => {
      const message = `State "${name}" has two handlers for ${textOf(declared)}, and the second never runs: change its condition or take it out.`;
      return problem("warning", "duplicate-condition", message, codeOf(declared));
    });
}

function defaultProblems(state: DeclaredState): readonly Problem[] {
  if (state.fallback || state.conditional.length === 0) return [];
  const message = `State "${state.name}" has no handler for when none of its conditions holds: add handlerFor("${state.name}", …) without one, or the job fails there.`;
  return [problem("warning", "no-default", message, codeOfState(state))];
}
