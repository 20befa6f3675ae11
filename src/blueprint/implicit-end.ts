/** An end that no handler declares: the history takes in what led to it, and nothing runs. */
import type { Step, TurnReply } from "../handlers/port.ts";
import { HistoryDraft } from "./history-draft.ts";

/** What a turn knows when it comes to such an end. */
export interface AtImplicitEnd {
  readonly state: string;
  /** JSON texts of objects. */
  readonly stateHistory: string;
  readonly merge?: string | undefined;
}

export function implicitEnd({ state, stateHistory, merge }: AtImplicitEnd, atMs: number): { text: string; step: Step } {
  const { text, patch } = new HistoryDraft(stateHistory, merge).finish();
  return { text, step: { state, startedAtMs: atMs, durationMs: 0, ...(patch !== undefined && { patch }) } };
}

/** The whole turn of a job that such an end is all there is to. */
export function replyOfImplicitEnd(end: AtImplicitEnd, atMs: number): TurnReply {
  const { text, step } = implicitEnd(end, atMs);
  const ending = { kind: "ended", state: end.state } as const;
  return text === end.stateHistory ? { steps: [step], ending } : { steps: [step], stateHistory: text, ending };
}
