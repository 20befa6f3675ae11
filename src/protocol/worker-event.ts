/** What a worker tells of a task beside its progress (wire contract, 5.6): a name that its blueprint may wait for, and data. */
import type { JsonMap } from "../system/errors.ts";
import { isObject } from "./json.ts";

export interface WorkerEvent {
  readonly jobId: string;
  /** Left out: of the task that the worker runs for this job. */
  readonly taskId?: string;
  readonly name: string;
  /** JSON text of an object. */
  readonly payload: string;
  /** Sent again, it changes nothing. */
  readonly id?: string;
}

export type WorkerEventAnswer =
  | { readonly status: "event_accepted" }
  | { readonly status: "error"; readonly code: string; readonly message: string };

export const EVENT_NAME_MAX = 100;

/** Progress and checkpoints are told by messages of their own. */
export function isEventName(name: unknown): name is string {
  if (typeof name !== "string" || name === "" || name.length > EVENT_NAME_MAX) return false;
  return name !== "progress" && name !== "checkpoint";
}

/** Undefined: it is about no job, or has no name that could be one. */
export function readWorkerEvent(message: JsonMap): WorkerEvent | undefined {
  const { event_type: name, payload = {}, target_job_id: jobId, event_id: id } = message;
  const taskId = message["target_task_id"] ?? message["origin_task_id"];
  if (!isEventName(name) || typeof jobId !== "string" || !isObject(payload)) return undefined;
  return {
    jobId,
    name,
    payload: JSON.stringify(payload),
    ...(typeof taskId === "string" && { taskId }),
    ...(typeof id === "string" && id !== "" && id.length <= EVENT_NAME_MAX && { id }),
  };
}
