/** Actions that do not exist, and names in their requests that nobody knows: refused when they run, so said before. */
import { suggestion } from "../system/nearest.ts";
import { unknownOption } from "../system/options.ts";
import type { DeclaredState } from "./definition.ts";
import type { HandlerFacts } from "./handler-facts.ts";
import { type Problem, problem } from "./problem.ts";
import { ACTION_NAMES } from "./request-facts.ts";

export function nameProblems(state: DeclaredState, facts: HandlerFacts): readonly Problem[] {
  return [...actionProblems(state, facts), ...fieldProblems(facts)];
}

function actionProblems(state: DeclaredState, { strange, code }: HandlerFacts): readonly Problem[] {
  return strange.map(({ name, offset }) => {
    const meant = suggestion(name, ACTION_NAMES);
    const all = meant === "." ? `: there are ${ACTION_NAMES.join(", ")}.` : meant;
    const message = `State "${state.name}" calls the action ${name}, which does not exist${all}`;
    return problem("error", "unknown-action", message, code, offset);
  });
}

function fieldProblems({ calls, code }: HandlerFacts): readonly Problem[] {
  return calls.flatMap(({ strangeFields }) =>
    strangeFields.map(({ owner, name, known, isGuess, offset }) =>
      problem(isGuess ? "warning" : "error", "unknown-option", unknownOption(owner, name, known), code, offset),
    ),
  );
}
