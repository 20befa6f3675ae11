/** A report of progress as it may be sent: it fails no task, and breaks no connection. */
import { progressMessage } from "../src/protocol/progress.ts";
import type { Log } from "../src/system/log.ts";
import type { ProgressUpdate } from "./contract.ts";

/** Undefined: it is none, and the log says so. */
export function readableProgress(update: ProgressUpdate, log: Log): ProgressUpdate | undefined {
  const { taskId, jobId, progress, message } = update;
  if (!Number.isFinite(progress)) {
    const fields = { task_id: taskId, job_id: jobId, progress: textOf(progress) };
    log.warn("progress is told as a number, from 0 to 1 or to 100: this was none, and is left out", fields);
    return undefined;
  }
  return message === undefined ? update : { ...update, message: progressMessage(textOf(message)) };
}

/** Some values have no text, and would throw. */
function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return "(a value that cannot be shown)";
  }
}
