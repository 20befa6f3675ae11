/** A job as `context.storage.getJobState` shows it to handlers: JSON text of the SDK's `JobState`. */
import { isTerminal, type Job } from "./model.ts";
import { resultText } from "./result-text.ts";

export function jobStateText(job: Job): string {
  const { id, blueprint, status, state, error, initialData, stateHistory } = job;
  const facts = JSON.stringify({ id, blueprint, status, currentState: state, error });
  const result = isTerminal(status) ? `,"result":${resultText(stateHistory)}` : "";
  return `${facts.slice(0, -1)},"initialData":${initialData},"stateHistory":${stateHistory}${result}}`;
}
