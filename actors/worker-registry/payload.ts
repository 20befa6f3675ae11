/** A task as it goes over the wire: its JSON parts are passed on as the text that they came in. */
import type { QueuedTask } from "../dispatcher/task.ts";

const EMPTY_TRACE = "{}";
/** Names of tasks come from blueprints: a few, most of the time. */
const TYPES_KEPT = 1_000;

/**
 * JSON text of a `TaskPayload`. Of few parts: most tasks have all but their ids and parameters in common
 * with the one before, and a text of many parts is put together from a text for each two of them.
 */
export function payloadOf(task: QueuedTask, taskId: string): string {
  const { type, params } = task.order;
  return `{"job_id":"${task.jobId}","task_id":"${taskId}${typePart(type)}${params}${isPlain(task) ? plainRest(task) : restOf(task)}`;
}

const typeParts = new Map<string, string>();

function typePart(type: string): string {
  const known = typeParts.get(type);
  if (known !== undefined) return known;
  const part = `","type":${JSON.stringify(type)},"params":`;
  if (typeParts.size >= TYPES_KEPT) typeParts.clear();
  typeParts.set(type, part);
  return part;
}

function isPlain({ order, trace, checkpoint }: QueuedTask): boolean {
  return trace === undefined && checkpoint === undefined && order.paramsMetadata === undefined;
}

/** As it was written last, and for what. */
const last = { priority: Number.NaN, attempt: 0, timeoutMs: undefined as number | undefined, text: "" };

function plainRest(task: QueuedTask): string {
  const { attempt } = task;
  const { priority, timeoutMs } = task.order;
  if (last.priority !== priority || last.attempt !== attempt || last.timeoutMs !== timeoutMs) {
    Object.assign(last, { priority, attempt, timeoutMs, text: restOf(task) });
  }
  return last.text;
}

function restOf({ order, trace, checkpoint, attempt }: QueuedTask): string {
  const tracing = trace ? JSON.stringify(trace) : EMPTY_TRACE;
  const seconds = order.timeoutMs === undefined ? "null" : String(order.timeoutMs / 1000);
  const saved = checkpoint === undefined ? "" : `,"last_checkpoint":${checkpoint}`;
  return (
    `,"tracing_context":${tracing},"priority":${order.priority},"params_metadata":${order.paramsMetadata ?? "null"},` +
    `"deadline":null,"attempt":${attempt},"timeout_seconds":${seconds}${saved}}`
  );
}
