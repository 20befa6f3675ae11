/** What dispatchParallel asks of its branches together. */
import type { Join, TaskOrder } from "../job/model.ts";
import { Refusal } from "../system/errors.ts";
import type { ParallelRequest } from "./sdk.ts";

/** Undefined: all of them, the default. */
export function joinOf(join: ParallelRequest["join"], branches: number): Join | undefined {
  if (join === undefined || join === "all") return undefined;
  if (join === "settled") return "settled";
  if (join === "any") return branches === 0 ? undefined : { atLeast: 1 };
  const { atLeast } = checked(join);
  if (atLeast > branches) {
    throw invalid(`join wants at least ${atLeast} good results of ${branches} tasks, which can never be: lower it.`);
  }
  return { atLeast };
}

function checked(join: unknown): { atLeast: number } {
  if (typeof join === "object" && join !== null && "atLeast" in join) {
    const { atLeast } = join;
    if (typeof atLeast === "number" && Number.isInteger(atLeast) && atLeast >= 1) return { atLeast };
    throw invalid(`join.atLeast is ${String(atLeast)}, give a whole number from 1.`);
  }
  throw invalid(`join ${JSON.stringify(join)} is not known: choose "all", "settled", "any" or { atLeast: n }.`);
}

export function leadingInto(into: string, order: TaskOrder): TaskOrder {
  const success = order.transitions["success"];
  if (success === undefined) return { ...order, transitions: { ...order.transitions, success: into } };
  if (success === into) return order;
  throw invalid(`Task "${order.type}" leads to "${success}" and not to "${into}": leave its success transition out.`);
}

function invalid(message: string): Refusal {
  return new Refusal("INVALID_OUTCOME", 422, message);
}
