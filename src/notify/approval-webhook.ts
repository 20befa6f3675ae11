/** Asks a program of the operator's: a signed POST with the question and a link for each decision. */
import type { ApprovalLinks } from "./approval-links.ts";
import { type OutgoingParts, sendEvent } from "./outgoing.ts";
import type { Integration } from "./port.ts";

export interface ApprovalWebhookParts extends OutgoingParts {
  readonly url: URL;
  readonly links: ApprovalLinks;
}

export function createApprovalWebhook(parts: ApprovalWebhookParts): Integration {
  const { url, links, clock } = parts;
  const now = () => new Date(clock.nowMs()).toISOString();
  return {
    ask(row, { blueprint, state, visit, message, decisions, untilMs }, signal) {
      const { jobId } = row;
      const payload = JSON.stringify({
        event: "approval_requested",
        job_id: jobId,
        blueprint_name: blueprint,
        state,
        message,
        decisions: decisions.map((decision) => ({ decision, url: links.url({ jobId, visit, decision }, untilMs) })),
        url: links.url({ jobId, visit }, untilMs),
        expires_at: new Date(links.expiresAtMs(untilMs)).toISOString(),
        timestamp: now(),
      });
      return sendEvent(parts, { row, url, payload, signal });
    },
    close(row, { blueprint, state, message, end }, signal) {
      const { type: outcome, ...decision } = end;
      const payload = JSON.stringify({
        event: "approval_closed",
        job_id: row.jobId,
        blueprint_name: blueprint,
        state,
        message,
        outcome,
        ...decision,
        timestamp: now(),
      });
      return sendEvent(parts, { row, url, payload, signal });
    },
  };
}
