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
}

type Compare = (a: Candidate, b: Candidate, order: TaskNeeds) => number;

const byLoad: Compare = (a, b) => a.load - b.load;
const byTurn: Compare = (a, b) => a.lastTurn - b.lastTurn;
const byCost: Compare = (a, b, order) => distance(costOf(a.view, order.type), costOf(b.view, order.type));
const byHeat: Compare = (a, b, order) => Number(b.view.hot.has(order.type)) - Number(a.view.hot.has(order.type));
const byValue: Compare = (a, b, order) => distance(valueOf(a, order), valueOf(b, order));

const STRATEGIES: Record<Strategy, readonly Compare[]> = {
  default: [byHeat, byLoad, byTurn],
  round_robin: [byTurn],
  least_connections: [byLoad, byTurn],
  cheapest: [byCost, byLoad, byTurn],
  best_value: [byValue, byLoad, byTurn],
  overflow: [byCost, byLoad, byTurn],
};

/** The best of those that may have it; the first of equals. */
export function choose<One extends Candidate>(
  order: TaskNeeds,
  candidates: readonly One[],
  mayHave: (order: TaskNeeds, candidate: One) => boolean,
): One | undefined {
  const compares = STRATEGIES[order.strategy];
  let best: One | undefined;
  for (const candidate of candidates) {
    if (!mayHave(order, candidate)) continue;
    if (!best || isBetter(candidate, best, compares, order)) best = candidate;
  }
  return best;
}

function isBetter(a: Candidate, b: Candidate, compares: readonly Compare[], order: TaskNeeds): boolean {
  for (const compare of compares) {
    const difference = compare(a, b, order);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function valueOf(candidate: Candidate, order: TaskNeeds): number {
  const { reputation } = candidate.view;
  return reputation > 0 ? costOf(candidate.view, order.type) / reputation : Number.POSITIVE_INFINITY;
}

/** Two infinite costs are equal, not NaN apart. */
function distance(a: number, b: number): number {
  return a === b ? 0 : a - b;
}
