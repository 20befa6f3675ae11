/** Which of the eligible workers gets the task. Each strategy is a way to compare two of them. */
import type { Strategy } from "../../src/job/model.ts";
import { costOf, type WorkerView } from "../../src/job/worker.ts";
import type { TaskNeeds } from "./task.ts";

export interface Candidate {
  readonly view: WorkerView;
  /** Tasks that it has in hand. */
  readonly load: number;
  /** When it last got a task, counted in hand-outs; 0: never. */
  readonly lastTurn: number;
  /** Tasks whose models it has in memory; undefined: none. */
  readonly hot: ReadonlySet<string> | undefined;
}

/** Negative: `a` is the better one. */
type Compare = (a: Candidate, b: Candidate, order: TaskNeeds) => number;

const byLoad: Compare = (a, b) => a.load - b.load;
const byTurn: Compare = (a, b) => a.lastTurn - b.lastTurn;
const byCost: Compare = (a, b, order) => distance(costOf(a.view, order.type), costOf(b.view, order.type));
const byHeat: Compare = (a, b, order) => heatOf(b, order) - heatOf(a, order);
const byValue: Compare = (a, b, order) => distance(valueOf(a, order), valueOf(b, order));

const byLoadAndTurn: Compare = (a, b, order) => byLoad(a, b, order) || byTurn(a, b, order);
const byCostAndLoad: Compare = (a, b, order) => byCost(a, b, order) || byLoadAndTurn(a, b, order);

const STRATEGIES: Record<Strategy, Compare> = {
  default: (a, b, order) => byHeat(a, b, order) || byLoadAndTurn(a, b, order),
  round_robin: byTurn,
  least_connections: byLoadAndTurn,
  cheapest: byCostAndLoad,
  best_value: (a, b, order) => byValue(a, b, order) || byLoadAndTurn(a, b, order),
  overflow: byCostAndLoad,
};

/** The best of those that may have it; the first of equals. */
export function choose<One extends Candidate>(
  order: TaskNeeds,
  candidates: readonly One[],
  mayHave: (order: TaskNeeds, candidate: One) => boolean,
): One | undefined {
  const compare = STRATEGIES[order.strategy];
  let best: One | undefined;
  for (const candidate of candidates) {
    if (!mayHave(order, candidate)) continue;
    if (!best || compare(candidate, best, order) < 0) best = candidate;
  }
  return best;
}

function heatOf({ hot }: Candidate, order: TaskNeeds): number {
  return hot?.has(order.type) === true ? 1 : 0;
}

function valueOf(candidate: Candidate, order: TaskNeeds): number {
  const { reputation } = candidate.view;
  return reputation > 0 ? costOf(candidate.view, order.type) / reputation : Number.POSITIVE_INFINITY;
}

/** Two infinite costs are equal, not NaN apart. */
function distance(a: number, b: number): number {
  return a === b ? 0 : a - b;
}
