/** A job that stopped for a failure goes on, the same job, at the step that failed. */
import { isTerminal, type Job } from "../../src/job/model.ts";
import { Refusal } from "../../src/system/errors.ts";
import type { Draft } from "./draft.ts";
import type { JobMessage } from "./messages.ts";
import { isAnswered, refuse, remember } from "./pauses.ts";
import { comesToGate, comesToStart } from "./start.ts";

export function takeRetry(draft: Draft, message: Extract<JobMessage, { type: "retry" }>): void {
  const { key, reply } = message;
  const { job } = draft;
  if (isAnswered(job, key)) return void draft.after.push({ type: "answer-done", reply });
  if (!isTerminal(job.status)) {
    return refuse(
      draft,
      reply,
      refusal(`The job is ${job.status} and goes on by itself; a retry is for jobs that failed.`),
    );
  }
  if (job.status === "finished") {
    return refuse(draft, reply, refusal("The job has finished; to do it once more, rerun it as a new job."));
  }
  const state = job.failedIn ?? job.state;
  draft.event({ type: "job_retried", state: job.state, next: state });
  draft.event({ type: "state_started", state, previous: job.state });
  draft.set({
    state,
    visit: job.visit + 1,
    enteredAtMs: draft.atMs,
    status: "running",
    handler: { failures: 0 },
    steps: 0,
    error: undefined,
    aggregation: job.failedAggregation,
    failedIn: undefined,
    failedAggregation: undefined,
    failedTask: undefined,
    ...earlierFailure(job),
    cancelRequestedAtMs: undefined,
    // It was for the run that failed.
    deadlineAtMs: undefined,
    // Nobody waits for it any more: it takes its turn like a new one.
    gate: undefined,
    within: undefined,
    isAlone: job.parentId === undefined ? undefined : true,
  });
  if (!comesToStart(draft) && !comesToGate(draft)) draft.needsTurn = true;
  remember(draft, key);
  draft.after.push({ type: "answer-done", reply });
}

/** What failed now was to follow a failure: with it mended, that failure is where it was. */
function earlierFailure({ cameFrom, failedTask }: Job): Partial<Job> {
  if (!cameFrom?.failed) return {};
  const { state, aggregation, failed } = cameFrom;
  return { ...failed, failedIn: state, failedAggregation: aggregation, failedTask, cameFrom: undefined };
}

function refusal(message: string): Refusal {
  return new Refusal("NOT_RETRYABLE", 409, message);
}
