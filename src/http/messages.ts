/** What became of messages that were to leave the process, as jobs and operators' lists show it. */
import type { ApprovalAsked } from "../job/approval.ts";
import { isTerminal, type Job } from "../job/model.ts";
import type { OutboxRow } from "../storage/port.ts";
import type { JsonMap } from "../system/errors.ts";

export interface WebhookView {
  /** waiting: the job is not over; pending: it is being delivered. */
  readonly status: "waiting" | "pending" | "delivered" | "failed";
  readonly event_id?: string;
  readonly attempts?: number;
  readonly last_error?: string | null;
  readonly next_attempt_at?: string;
}

/** Undefined: nobody wants to be told of this job. */
export function webhookView(job: Job, outbox: readonly OutboxRow[]): WebhookView | undefined {
  if (job.webhookUrl === undefined) return undefined;
  const row = outbox.findLast(({ kind }) => kind === "webhook");
  if (!row) return { status: isTerminal(job.status) ? "delivered" : "waiting" };
  const tried = { event_id: row.id, attempts: row.attempts, last_error: row.error ?? null };
  if (row.dueAtMs === undefined) return { status: "failed", ...tried };
  return { status: "pending", ...tried, next_attempt_at: time(row.dueAtMs) };
}

/** Whether people were asked, and how the answer is given whatever became of that. */
export function approvalView(job: Job, outbox: readonly OutboxRow[] | undefined): JsonMap {
  const { pause, visit, id } = job;
  if (pause?.kind !== "approval" || outbox === undefined) return {};
  const decideWith = `orchestrator jobs decide ${id} DECISION`;
  if (pause.integration === "dashboard") return { decide_with: decideWith };
  const row = outbox.find((one) => one.kind === "approval" && (JSON.parse(one.body) as ApprovalAsked).visit === visit);
  if (!row) return { message_status: "sent", decide_with: decideWith };
  const status = row.dueAtMs === undefined ? "failed" : "pending";
  return { message_status: status, last_error: row.error ?? null, decide_with: decideWith };
}

/** Without the address, which may hold somebody's token, and without what was to be sent. */
export function messageView(row: OutboxRow) {
  return {
    event_id: row.id,
    job_id: row.jobId,
    kind: row.kind,
    destination: row.destination,
    attempts: row.attempts,
    error: row.error ?? null,
    since: time(row.sinceMs),
    failed_at: row.failedAtMs === undefined ? null : time(row.failedAtMs),
  };
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
