/** Branches that have to come together, and decisions that exclude each other. */
import { type DeclaredState, type Definition, isAggregator, stateExists } from "./definition.ts";
import type { ActionCall, HandlerFacts } from "./handler-facts.ts";
import { type Problem, problem } from "./problem.ts";
import { alwaysTogether } from "./together.ts";

const RULE = "join-cannot-complete";

export function joinProblems(definition: Definition, state: DeclaredState, facts: HandlerFacts): readonly Problem[] {
  return [
    ...facts.calls.flatMap((call) => parallelProblems(definition, state, call, facts)),
    ...meetingProblems(definition, state, facts),
  ];
}

function parallelProblems(
  definition: Definition,
  state: DeclaredState,
  call: ActionCall,
  facts: HandlerFacts,
): readonly Problem[] {
  if (call.action !== "dispatchParallel") return [];
  return [
    ...countProblems(state, call, facts),
    ...call.arrows.flatMap((arrow, index) => {
      if (arrow.kind === "join") return intoProblems(definition, arrow, facts);
      const into = call.arrows.slice(0, index).find(({ kind }) => kind === "join");
      if (arrow.label !== "success" || arrow.kind !== "status" || !into || arrow.to === into.to) return [];
      const message = `A branch leads to "${arrow.to}" and not to "${into.to}": leave its success transition out.`;
      return [problem("error", RULE, message, facts.code, arrow.offset)];
    }),
  ];
}

function intoProblems(
  definition: Definition,
  { to, offset }: ActionCall["arrows"][number],
  facts: HandlerFacts,
): readonly Problem[] {
  if (!stateExists(definition, to) || isAggregator(definition, to)) return [];
  const message = `aggregateInto "${to}" is no aggregator: declare it with aggregatorFor("${to}", …).`;
  return [problem("error", RULE, message, facts.code, offset)];
}

function countProblems(state: DeclaredState, { join, offset }: ActionCall, facts: HandlerFacts): readonly Problem[] {
  if (!join) return [];
  const { rule, tasks } = join;
  const error = (message: string) => [problem("error", RULE, message, facts.code, join.offset)];
  if (join.isWrong)
    return error(`join of state "${state.name}" is not known: write "all", "settled", "any" or { atLeast: 2 }.`);
  if (typeof rule === "number" && (!Number.isInteger(rule) || rule < 1)) {
    return error(`atLeast of state "${state.name}" is ${rule}: give a whole number from 1.`);
  }
  if (typeof rule === "number" && tasks !== undefined && rule > tasks) {
    return error(
      `State "${state.name}" waits for ${rule} good results of ${counted(tasks)}: lower atLeast or add tasks.`,
    );
  }
  if (tasks !== 0) return [];
  const message = `State "${state.name}" dispatches no task to its aggregator: add tasks, or use transitionTo.`;
  return [problem("warning", "empty-join", message, facts.code, offset)];
}

function counted(tasks: number): string {
  return tasks === 1 ? "1 task" : `${tasks} tasks`;
}

/** Tasks, and children, of one run have to meet in one aggregator; all else is decided once. */
function meetingProblems(definition: Definition, state: DeclaredState, facts: HandlerFacts): readonly Problem[] {
  const problems: Problem[] = [];
  for (const [index, call] of facts.calls.entries()) {
    const before = facts.calls.slice(0, index).find((earlier) => alwaysTogether(earlier.path, call.path));
    if (!before) continue;
    const found =
      isBranch(before) && isBranch(call) ? apart(definition, state, before, call) : twice(state, before, call);
    if (found) problems.push(problem(...found, facts.code, call.offset));
  }
  return problems;
}

function isBranch({ action }: ActionCall): boolean {
  return action === "dispatchTask" || action === "runBlueprint";
}

type Found = readonly [Problem["severity"], string, string];

function twice(state: DeclaredState, before: ActionCall, call: ActionCall): Found {
  const message = `State "${state.name}" decides twice, by ${before.action} and by ${call.action}: return after the first.`;
  return ["warning", "two-outcomes", message];
}

function apart(definition: Definition, state: DeclaredState, before: ActionCall, call: ActionCall): Found | undefined {
  if (before.unknown.length + call.unknown.length > 0) return undefined;
  const [left, right] = [successesOf(before), successesOf(call)];
  if (left.some((into) => isAggregator(definition, into) && right.includes(into))) return undefined;
  const why = left[0] === right[0] ? ", which is no aggregator" : "";
  const message = `State "${state.name}" dispatches ${branches(before, call)} that cannot be joined, one leads to ${quoted(left[0])} and one to ${quoted(right[0])}${why}: point the success transition of each to one state and declare it with aggregatorFor.`;
  return ["error", RULE, message];
}

function branches(before: ActionCall, call: ActionCall): string {
  if (before.action !== call.action) return "a task and a child";
  return call.action === "dispatchTask" ? "tasks" : "children";
}

/** Where a success leads; several where the code chooses. */
function successesOf(call: ActionCall): readonly (string | undefined)[] {
  const targets = call.arrows.filter(({ label }) => label === "success").map(({ to }) => to);
  return targets.length > 0 ? targets : [undefined];
}

function quoted(state: string | undefined): string {
  return state === undefined ? "nothing" : `"${state}"`;
}
