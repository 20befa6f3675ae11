/** What is told to the address that a client gave with its job, once the job is over. */
import { assert } from "../system/errors.ts";
import type { Job, JobStatus } from "./model.ts";
import { resultText } from "./result-text.ts";

export type WebhookEvent = "job_finished" | "job_failed" | "job_quarantined" | "job_cancelled";

export interface Webhook {
  /** As it was given. */
  readonly url: string;
  /** JSON text, still without the id of the event. */
  readonly payload: string;
}

/** The host alone: what is slow or down is a host, and its jobs wait for it together. */
export function webhookDestination(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "unreadable";
}

/** The address in a line of its own: a payload is never read here, so that it goes out to the letter. */
export function webhookBody(job: Job, url: string, atMs: number): string {
  const facts = JSON.stringify({
    event: eventOf(job.status),
    job_id: job.id,
    blueprint_name: job.blueprint,
    status: job.status,
    current_state: job.state,
    error: job.error ?? null,
    timestamp: new Date(atMs).toISOString(),
  });
  const { security = "null", metadata = "null" } = job;
  const rest = `"result":${resultText(job.stateHistory)},"security":${security},"metadata":${metadata}`;
  return `${url}\n${facts.slice(0, -1)},${rest}}`;
}

/** What a worker told while it ran a task of the job. */
export function workerEventBody(
  job: Job,
  url: string,
  event: { readonly name: string; readonly payload: string; readonly workerId: string },
  atMs: number,
): string {
  const facts = JSON.stringify({
    event: `worker_event:${event.name}`,
    job_id: job.id,
    blueprint_name: job.blueprint,
    status: job.status,
    current_state: job.state,
    worker_id: event.workerId,
    error: null,
    timestamp: new Date(atMs).toISOString(),
  });
  const { security = "null", metadata = "null" } = job;
  return `${url}\n${facts.slice(0, -1)},"payload":${event.payload},"security":${security},"metadata":${metadata}}`;
}

export function readWebhook(body: string): Webhook {
  const end = body.indexOf("\n");
  assert(end > 0, "a webhook without an address");
  return { url: body.slice(0, end), payload: body.slice(end + 1) };
}

function eventOf(status: JobStatus): WebhookEvent {
  switch (status) {
    case "finished":
      return "job_finished";
    case "quarantined":
      return "job_quarantined";
    case "cancelled":
      return "job_cancelled";
    default:
      return "job_failed";
  }
}
