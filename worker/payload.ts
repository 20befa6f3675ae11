/** Reads a task from the wire. Servers of other generations leave out all but the first three fields. */
import type { TaskPayload } from "../src/protocol/worker.ts";

export function readTask(value: unknown): TaskPayload | undefined {
  if (!isRecord(value)) return undefined;
  const {
    job_id,
    task_id,
    type,
    params,
    tracing_context,
    priority,
    params_metadata,
    deadline,
    attempt,
    timeout_seconds,
  } = value;
  if (typeof job_id !== "string" || typeof task_id !== "string" || typeof type !== "string") return undefined;
  const task: TaskPayload = {
    job_id,
    task_id,
    type,
    params: isRecord(params) ? params : {},
    tracing_context: isRecord(tracing_context) ? (tracing_context as Record<string, string>) : {},
    priority: numberOr(priority, 0),
    params_metadata: isRecord(params_metadata) ? params_metadata : null,
    deadline: numberOr(deadline, null),
    attempt: numberOr(attempt, 1),
    timeout_seconds: numberOr(timeout_seconds, null),
  };
  return "last_checkpoint" in value ? { ...task, last_checkpoint: value["last_checkpoint"] } : task;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function numberOr<Other>(value: unknown, other: Other): number | Other {
  return typeof value === "number" ? value : other;
}
