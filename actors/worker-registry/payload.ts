/** A task as it goes over the wire: its JSON parts are passed on as the text that they came in. */
import type { QueuedTask } from "../dispatcher/task.ts";

const EMPTY_TRACE = "{}";

/** JSON text of a `TaskPayload`. */
export function payloadOf(task: QueuedTask, taskId: string): string {
  const { order } = task;
  const trace = task.trace ? JSON.stringify(task.trace) : EMPTY_TRACE;
  const seconds = order.timeoutMs === undefined ? "null" : String(order.timeoutMs / 1000);
  const checkpoint = task.checkpoint === undefined ? "" : `,"last_checkpoint":${task.checkpoint}`;
  return (
    `{"job_id":"${task.jobId}","task_id":"${taskId}","type":${JSON.stringify(order.type)},"params":${order.params},` +
    `"tracing_context":${trace},"priority":${order.priority},"params_metadata":${order.paramsMetadata ?? "null"},"deadline":null,` +
    `"attempt":${task.attempt},"timeout_seconds":${seconds}${checkpoint}}`
  );
}
