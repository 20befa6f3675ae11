/** What became of messages that were to leave the process, as jobs and operators' lists show it. */
import { isTerminal, type Job } from "../job/model.ts";
import type { OutboxRow } from "../storage/port.ts";

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
