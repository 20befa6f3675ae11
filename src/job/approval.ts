/**
 * What goes out to people when a job begins to wait for one of them, and when it does so no longer.
 * Bodies of the outbox's rows `approval` and `approval_closed`, as JSON text.
 */
import type { Job } from "./model.ts";
import { type ApprovalPause, decisionsOf } from "./pause.ts";

export interface ApprovalAsked {
  readonly blueprint: string;
  readonly state: string;
  /** Of the state: an answer to another one no longer counts. */
  readonly visit: number;
  readonly integration: string;
  readonly message: string;
  /** In the order of the blueprint; each becomes a button. */
  readonly decisions: readonly string[];
  /** When the wait is over at the latest, by people's clocks. */
  readonly untilMs?: number | undefined;
}

export interface ApprovalClosed {
  readonly blueprint: string;
  readonly state: string;
  readonly visit: number;
  readonly integration: string;
  readonly message: string;
  readonly end: ApprovalEnd;
}

export type ApprovalEnd =
  | {
      readonly type: "decided";
      readonly decision: string;
      readonly by: string;
      readonly through: string;
      readonly comment?: string | undefined;
    }
  | { readonly type: "timeout" }
  /** The job is over, or somewhere else: it was cancelled, or ran out of time. */
  | { readonly type: "withdrawn" };

export function approvalAsked(
  { blueprint, state, visit }: Job,
  { integration, message, transitions }: ApprovalPause,
  untilMs: number | undefined,
): ApprovalAsked {
  return { blueprint, state, visit, integration, message, decisions: decisionsOf(transitions), untilMs };
}

export function approvalClosed(
  { blueprint, state, visit }: Job,
  { integration, message }: ApprovalPause,
  end: ApprovalEnd,
): ApprovalClosed {
  return { blueprint, state, visit, integration, message, end };
}
