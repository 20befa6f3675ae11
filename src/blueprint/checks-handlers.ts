/** What is wrong with one handler: each rule is a function. */
import { type DeclaredState, type Definition, isAggregator, stateExists } from "./definition.ts";
import type { HandlerNode } from "./graph.ts";
import type { ActionCall, HandlerFacts } from "./handler-facts.ts";
import { type Problem, problem } from "./problem.ts";
import { alwaysTogether } from "./together.ts";

export function handlerProblems(definition: Definition, { state, facts }: HandlerNode): readonly Problem[] {
  if (state.isEnd) return endProblems(state, facts);
  return [
    ...facts.calls.flatMap((call) => [
      ...targetProblems(definition, state, call, facts),
      ...parallelProblems(definition, call, facts),
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
    return problem("error", "end-acts", message, facts.text, offset);
  });
}

function targetProblems(
  definition: Definition,
  state: DeclaredState,
  call: ActionCall,
  facts: HandlerFacts,
): readonly Problem[] {
  const missing = call.arrows
    .filter(({ to }) => !stateExists(definition, to))
    .map(({ to, offset }) => {
      const message = `State "${state.name}" leads to "${to}", which does not exist: declare it or correct the name.`;
      return problem("error", "missing-target", message, facts.text, offset);
    });
  const unknown = call.unknown.map((offset) => {
    const message = `Where ${call.action} of state "${state.name}" leads cannot be known from its code: write the state's name as a text.`;
    return problem("warning", "unknown-target", message, facts.text, offset);
  });
  return [...missing, ...unknown];
}

function parallelProblems(definition: Definition, call: ActionCall, facts: HandlerFacts): readonly Problem[] {
  if (call.action !== "dispatchParallel") return [];
  const into = call.arrows[0];
  if (!into || !stateExists(definition, into.to)) return [];
  if (!isAggregator(definition, into.to)) {
    const message = `aggregateInto "${into.to}" is no aggregator: declare it with aggregatorFor("${into.to}", …).`;
    return [problem("error", "join-cannot-complete", message, facts.text, into.offset)];
  }
  return call.arrows
    .filter(({ label, to }) => label === "success" && to !== into.to)
    .map(({ to, offset }) => {
      const message = `A branch leads to "${to}" and not to "${into.to}": leave its success transition out.`;
      return problem("error", "join-cannot-complete", message, facts.text, offset);
    });
}

/** Tasks of one run have to meet in one aggregator. */
function joinProblems(definition: Definition, state: DeclaredState, facts: HandlerFacts): readonly Problem[] {
  const tasks = facts.calls.filter((call) => call.action === "dispatchTask" && call.unknown.length === 0);
  const problems: Problem[] = [];
  for (const [index, task] of tasks.entries()) {
    const before = tasks.slice(0, index).find((earlier) => alwaysTogether(earlier.path, task.path));
    if (!before) continue;
    const reason = reasonAgainst(definition, joinsOf(before), joinsOf(task));
    if (!reason) continue;
    const message = `State "${state.name}" dispatches tasks that cannot be joined, ${reason}: point the success transition of each to one state and declare it with aggregatorFor.`;
    problems.push(problem("error", "join-cannot-complete", message, facts.text, task.offset));
  }
  return problems;
}

/** Where a success leads; several where the code chooses. */
function joinsOf(call: ActionCall): readonly (string | undefined)[] {
  const targets = call.arrows.filter(({ label }) => label === "success").map(({ to }) => to);
  return targets.length > 0 ? targets : [undefined];
}

function reasonAgainst(
  definition: Definition,
  left: readonly (string | undefined)[],
  right: readonly (string | undefined)[],
): string | undefined {
  const canMeet = left.some((into) => isAggregator(definition, into) && right.includes(into));
  if (canMeet) return undefined;
  return `one leads to ${quoted(left[0])} and one to ${quoted(right[0])}${left[0] === right[0] ? ", which is no aggregator" : ""}`;
}

function outcomeProblems(state: DeclaredState, call: ActionCall, facts: HandlerFacts): readonly Problem[] {
  const missing = new Set(call.outcomes.flatMap((outcomes) => missingOutcomes(call, outcomes)));
  return [...missing].map((outcome) => {
    const message = `${call.action} of state "${state.name}" has no transition for "${outcome}": add one, or the job ends as failed there.`;
    return problem("warning", "missing-transition", message, facts.text, call.offset);
  });
}

function missingOutcomes(call: ActionCall, outcomes: ReadonlySet<string>): readonly string[] {
  const timeout = call.fields.has("timeoutSeconds") ? ["timeout"] : [];
  switch (call.action) {
    case "dispatchTask":
      return [...(hasGoodEnd(outcomes) ? [] : ["success"]), ...lacking(outcomes, ["failure"])];
    case "runBlueprint":
      return lacking(outcomes, ["success", "failure"]);
    case "awaitHumanApproval":
      return lacking(outcomes, [...(outcomes.size > 0 ? [] : ["approved", "rejected"]), ...timeout]);
    case "waitForEvent":
      return lacking(outcomes, ["received", ...timeout]);
    case "transitionTo":
    case "dispatchParallel":
    case "waitFor":
      return [];
    default:
      return call.action satisfies never;
  }
}

/** Workers may answer with statuses of their own instead of "success". */
function hasGoodEnd(outcomes: ReadonlySet<string>): boolean {
  return [...outcomes].some((outcome) => outcome !== "failure" && outcome !== "cancelled");
}

function lacking(outcomes: ReadonlySet<string>, wanted: readonly string[]): readonly string[] {
  return wanted.filter((outcome) => !outcomes.has(outcome));
}

function escapeProblems(state: DeclaredState, facts: HandlerFacts): readonly Problem[] {
  return facts.escapes.map((offset) => {
    const message = `State "${state.name}" hands its actions to other code, so where it leads cannot be known: call them in the handler itself.`;
    return problem("warning", "unknown-target", message, facts.text, offset);
  });
}

function silenceProblems(state: DeclaredState, facts: HandlerFacts): readonly Problem[] {
  if (facts.calls.length > 0 || facts.escapes.length > 0 || facts.throws) return [];
  const message = `The handler of state "${state.name}" decides nothing: call transitionTo or dispatchTask, or flag it with { isEnd: true }.`;
  return [problem("warning", "no-outcome", message, facts.text)];
}

function quoted(state: string | undefined): string {
  return state === undefined ? "nothing" : `"${state}"`;
}
