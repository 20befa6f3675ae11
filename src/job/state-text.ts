/** A job as `context.storage.getJobState` shows it to handlers: JSON text of the SDK's `JobState`. */
import { type FailedTask, isTerminal, type Job } from "./model.ts";
import { resultText } from "./result-text.ts";

export function jobStateText(job: Job): string {
  const { id, blueprint, status, state, error, initialData, stateHistory } = job;
  const facts = JSON.stringify({ id, blueprint, status, currentState: state, error });
  const result = isTerminal(status) ? `,"result":${resultText(stateHistory)}` : "";
  const failedTask = job.failedTask ? `,"failedTask":${failedTaskText(job.failedTask)}` : "";
  return `${facts.slice(0, -1)},"initialData":${initialData},"stateHistory":${stateHistory}${failedTask}${result}}`;
}

function failedTaskText({ type, params, taskId, workerId, attempts, error, progress }: FailedTask): string {
  const came = progress && { progress: progress.value, progressMessage: progress.message };
  const facts = JSON.stringify({ type, taskId, workerId, attempts, error, ...came });
  return `${facts.slice(0, -1)},"params":${params}}`;
}
