/** Branches of a job for people: by their place in the list of tasks, from 1. */
import type { JsonMap } from "../system/errors.ts";
import type { Parallel } from "./model.ts";

/** More numbers make a line that nobody reads. */
const NAMED_MAX = 50;

/** Where a task stands among its siblings, for its event. */
export function branchFacts(parallel: Parallel | undefined, slot: number): { branch?: number; branches?: number } {
  return parallel === undefined ? {} : { branch: slot + 1, branches: parallel.total };
}

/** What is told of branches that are taken back: one event, however many they are. */
export function withdrawnFacts({ total }: Parallel, slots: readonly number[]): JsonMap {
  const branches = slots.map((slot) => slot + 1).toSorted((one, other) => one - other);
  return { count: slots.length, branches: branches.slice(0, NAMED_MAX), of: total };
}
