/** Outcomes of a request that lead nowhere, and transitions that nothing follows. */
import type { DeclaredState } from "./definition.ts";
import type { ActionCall, HandlerFacts } from "./handler-facts.ts";
import { type Problem, problem } from "./problem.ts";
import { PARTLY_UNKNOWN } from "./request-facts.ts";

export function outcomeProblems(state: DeclaredState, call: ActionCall, facts: HandlerFacts): readonly Problem[] {
  const missing = new Set(call.outcomes.flatMap((outcomes) => missingOutcomes(call, outcomes)));
  const unused = new Set(call.outcomes.flatMap((outcomes) => unusedOutcomes(call, outcomes)));
  return [
    ...[...missing].map((outcome) => missingTransition(state, call, outcome, facts)),
    ...[...unused].map((outcome) => unusedTransition(state, call, outcome, facts)),
    ...singleDecisions(state, call, facts),
  ];
}

function missingTransition(state: DeclaredState, call: ActionCall, outcome: string, facts: HandlerFacts): Problem {
  // A job that is cancelled stops there as what it is; every other end without a transition is a failure.
  const end = outcome === "cancelled" ? "is cancelled where it stands" : "ends as failed there";
  const message = `${call.action} of state "${state.name}" has no transition for "${outcome}": add one, or the job ${end}.`;
  return problem("warning", "missing-transition", message, facts.code, call.offset);
}

function unusedTransition(state: DeclaredState, call: ActionCall, outcome: string, facts: HandlerFacts): Problem {
  const message = `${call.action} of state "${state.name}" has a transition for "${outcome}" and no timeoutSeconds, so it is never followed: set timeoutSeconds or take it out.`;
  const arrow = call.arrows.find(({ label }) => label === outcome);
  return problem("warning", "unused-transition", message, facts.code, arrow?.offset ?? call.offset);
}

/** Who may only say one thing is not asked anything. */
function singleDecisions(state: DeclaredState, call: ActionCall, facts: HandlerFacts): readonly Problem[] {
  if (call.action !== "awaitHumanApproval") return [];
  return call.outcomes.flatMap((outcomes) => {
    const [only, other] = decisionsOf(outcomes);
    if (only === undefined || other !== undefined || isHalf(only)) return [];
    const message = `The person asked by state "${state.name}" can only decide "${only}": add the other decisions to its transitions.`;
    return [problem("warning", "missing-transition", message, facts.code, call.offset)];
  });
}

function missingOutcomes(call: ActionCall, outcomes: ReadonlySet<string>): readonly string[] {
  const timeout = call.fields.has("timeoutSeconds") ? ["timeout"] : [];
  switch (call.action) {
    case "dispatchTask":
      return lacking(outcomes, ["success", "failure", "cancelled"]);
    case "dispatchParallel":
      // The good ones lead to the aggregator; where all are awaited, the others do as well.
      return call.join?.rule === "settled" ? [] : lacking(outcomes, ["failure", "cancelled"]);
    case "runBlueprint":
      return lacking(outcomes, ["success", "failure"]);
    case "awaitHumanApproval":
      return lacking(outcomes, [...missingDecisions(outcomes), ...timeout]);
    case "waitForEvent":
      return lacking(outcomes, ["received", ...timeout]);
    case "transitionTo":
    case "waitFor":
      return [];
    default:
      return call.action satisfies never;
  }
}

/** A person may be given any decisions; one half of the usual pair asks for the other. */
function missingDecisions(outcomes: ReadonlySet<string>): readonly string[] {
  const decisions = decisionsOf(outcomes);
  return decisions.length === 0 || (decisions.length === 1 && decisions.every(isHalf)) ? ["approved", "rejected"] : [];
}

function isHalf(decision: string): boolean {
  return decision === "approved" || decision === "rejected";
}

function decisionsOf(outcomes: ReadonlySet<string>): readonly string[] {
  return [...outcomes].filter((outcome) => outcome !== "timeout");
}

function unusedOutcomes(call: ActionCall, outcomes: ReadonlySet<string>): readonly string[] {
  if (call.action !== "awaitHumanApproval" && call.action !== "waitForEvent") return [];
  const isTimed = call.fields.has("timeoutSeconds") || call.fields.has(PARTLY_UNKNOWN);
  return outcomes.has("timeout") && !isTimed ? ["timeout"] : [];
}

function lacking(outcomes: ReadonlySet<string>, wanted: readonly string[]): readonly string[] {
  return wanted.filter((outcome) => !outcomes.has(outcome));
}
