/** Outcomes of a request that lead nowhere, and transitions that nothing follows. */
import type { DeclaredState } from "./definition.ts";
import type { ActionCall, HandlerFacts } from "./handler-facts.ts";
import { type Problem, problem } from "./problem.ts";
import { PARTLY_UNKNOWN } from "./request-facts.ts";

export function outcomeProblems(state: DeclaredState, call: ActionCall, facts: HandlerFacts): readonly Problem[] {
  const missing = new Set(call.outcomes.flatMap((outcomes) => missingOutcomes(call, outcomes)));
  const unused = new Map(
    call.outcomes.flatMap((outcomes) => unusedOutcomes(call, outcomes).map((found) => [found.outcome, found])),
  );
  return [
    ...[...missing].map((outcome) => missingTransition(state, call, outcome, facts)),
    ...[...unused.values()].map((found) => unusedTransition(state, call, found, facts)),
    ...singleDecisions(state, call, facts),
  ];
}

function missingTransition(state: DeclaredState, call: ActionCall, outcome: string, facts: HandlerFacts): Problem {
  // A job that is cancelled stops there as what it is; every other end without a transition is a failure.
  const end = outcome === "cancelled" ? "is cancelled where it stands" : "ends as failed there";
  const message = `${call.action} of state "${state.name}" has no transition for "${outcome}": add one, or the job ${end}.`;
  return problem("warning", "missing-transition", message, facts.code, call.offset);
}

function unusedTransition(state: DeclaredState, call: ActionCall, unused: Unused, facts: HandlerFacts): Problem {
  const message = `${call.action} of state "${state.name}" has a transition for "${unused.outcome}", which is never followed, ${unused.why}.`;
  const arrow = call.arrows.find(({ label }) => label === unused.outcome);
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
      // The good ones lead to the aggregator; where each is awaited to its end, the bad ones do as well.
      return lacking(outcomes, call.join?.rule === "settled" ? ["cancelled"] : ["failure", "cancelled"]);
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

interface Unused {
  readonly outcome: string;
  /** And what to do about it. */
  readonly why: string;
}

function unusedOutcomes(call: ActionCall, outcomes: ReadonlySet<string>): readonly Unused[] {
  switch (call.action) {
    case "awaitHumanApproval":
      return unusedTimeout(call, outcomes);
    case "waitForEvent":
      return [...unusedTimeout(call, outcomes), ...foreignOutcomes(outcomes)];
    case "dispatchParallel":
      return call.join?.rule === "settled" && outcomes.has("failure")
        ? [
            {
              outcome: "failure",
              why: 'for its join is "settled": take it out, and look at the results in the aggregator',
            },
          ]
        : [];
    default:
      return [];
  }
}

function unusedTimeout({ fields }: ActionCall, outcomes: ReadonlySet<string>): readonly Unused[] {
  const isTimed = fields.has("timeoutSeconds") || fields.has(PARTLY_UNKNOWN);
  if (!outcomes.has("timeout") || isTimed) return [];
  return [{ outcome: "timeout", why: "for there is no timeoutSeconds: set it or take the transition out" }];
}

function foreignOutcomes(outcomes: ReadonlySet<string>): readonly Unused[] {
  const foreign = [...outcomes].filter((outcome) => outcome !== "received" && outcome !== "timeout");
  return foreign.map((outcome) => ({ outcome, why: "for an event has received and timeout alone: take it out" }));
}

function lacking(outcomes: ReadonlySet<string>, wanted: readonly string[]): readonly string[] {
  return wanted.filter((outcome) => !outcomes.has(outcome));
}
