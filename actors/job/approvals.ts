/** Tells people, by way of the outbox, that the job waits for one of them, and that it does so no longer. */
import type { ApprovalAsked, ApprovalClosed, ApprovalEnd } from "../../src/job/approval.ts";
import type { Draft } from "./draft.ts";

/** People look into the dashboard by themselves. */
const TOLD_BY_NOBODY = "dashboard";

type Asked = Pick<ApprovalAsked, "integration" | "message" | "decisions" | "untilMs">;

/** In the unit in which the wait begins. */
export function sendApproval(draft: Draft, asked: Asked): void {
  if (asked.integration === TOLD_BY_NOBODY) return;
  const { blueprint, state, visit } = draft.job;
  const { integration, message, decisions, untilMs } = asked;
  const body: ApprovalAsked = { blueprint, state, visit, integration, message, decisions, untilMs };
  draft.send("approval", JSON.stringify(body), integration);
}

/** In the unit in which the wait ends, whatever ends it; before the job leaves the state. */
export function sendApprovalClosed(
  draft: Draft,
  asked: Pick<Asked, "integration" | "message">,
  end: ApprovalEnd,
): void {
  if (asked.integration === TOLD_BY_NOBODY) return;
  const { blueprint, state, visit } = draft.job;
  const { integration, message } = asked;
  const body: ApprovalClosed = { blueprint, state, visit, integration, message, end };
  draft.send("approval_closed", JSON.stringify(body), integration);
}
