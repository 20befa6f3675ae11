/** Progress in the three spellings that workers of different generations use (wire contract, 5.6 and 6.2). */
import type { JsonMap } from "../system/errors.ts";
import { isObject } from "./json.ts";

export interface ProgressUpdate {
  readonly jobId: string;
  readonly taskId: string;
  readonly progress: number;
  readonly message?: string;
}

/** The newest hundred are kept with each job, and all of them are written with each of its units. */
export const PROGRESS_MESSAGE_MAX = 500;

/** Cut where it would not be kept, and made text that every store takes. */
export function progressMessage(text: string): string {
  return text.length <= PROGRESS_MESSAGE_MAX ? text : `${text.slice(0, PROGRESS_MESSAGE_MAX - 1).toWellFormed()}…`;
}

/** Undefined: the message is no report of progress, or lacks what one needs. */
export function readProgress(message: JsonMap): ProgressUpdate | undefined {
  if (message["type"] === "progress_update" || message["event"] === "progress_update") {
    return update(message["job_id"], message["task_id"], message["progress"], message["message"]);
  }
  if (message["event_type"] !== "progress" || !isObject(message["payload"])) return undefined;
  const { payload } = message;
  const jobId = message["target_job_id"] ?? payload["job_id"];
  const taskId = message["target_task_id"] ?? message["origin_task_id"] ?? payload["task_id"];
  return update(jobId, taskId, payload["progress"], payload["message"]);
}

export interface CheckpointUpdate {
  readonly jobId: string;
  readonly taskId: string;
  /** JSON text. */
  readonly value: string;
}

/** A worker without our stream keeps its checkpoints by an event. */
export function readCheckpoint(message: JsonMap): CheckpointUpdate | undefined {
  const { payload, target_job_id: jobId, target_task_id: taskId } = message;
  if (message["event_type"] !== "checkpoint" || !isObject(payload) || payload["value"] === undefined) return undefined;
  if (typeof jobId !== "string" || typeof taskId !== "string") return undefined;
  return { jobId, taskId, value: JSON.stringify(payload["value"]) };
}

function update(jobId: unknown, taskId: unknown, progress: unknown, message: unknown): ProgressUpdate | undefined {
  if (typeof jobId !== "string" || typeof taskId !== "string") return undefined;
  if (typeof progress !== "number" || !Number.isFinite(progress)) return undefined;
  return { jobId, taskId, progress, ...(typeof message === "string" && { message: progressMessage(message) }) };
}
