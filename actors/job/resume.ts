/** What sets a stored wait going again: after a restart, and for a job whose task nobody has. */
import { type BranchWait, isChildWait, type TaskWait } from "../../src/job/model.ts";
import type { After } from "./draft.ts";

export type Resumption = Extract<After, { type: "queue" | "adopt" | "look-at-child" | "look-at-parent" }>;

/** Undefined: its time has not come, and its wake-up is stored. */
export function resumptionOf(wait: BranchWait, visit: number, nowMs: number): Resumption | undefined {
  return isChildWait(wait) ? { type: "look-at-child", childId: wait.childId } : ofTask(wait, visit, nowMs);
}

function ofTask(wait: TaskWait, visit: number, nowMs: number): Resumption | undefined {
  if ((wait.notBeforeMs ?? 0) > nowMs) return undefined;
  if (!wait.delivery) return { type: "queue", wait, visit, again: true };
  const { slot, attempt } = wait;
  return { type: "adopt", wait, handOut: { visit, slot, attempt, ...wait.delivery } };
}
