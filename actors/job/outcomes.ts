/** What the end of a task, or of a child, makes of the job that waits for it. */
import { keepFileFacts } from "../../src/job/file-facts.ts";
import {
  type BranchWait,
  type FailedTask,
  isChildWait,
  type JobError,
  type Parallel,
  type TaskWait,
} from "../../src/job/model.ts";
import { backoffMs, outcomeOf } from "../../src/job/outcome.ts";
import { outputProblem } from "../../src/job/output-check.ts";
import { type ResultAnswer, UNHANDLED_STATUS, type WorkerResult } from "../../src/protocol/worker.ts";
import { assertNever } from "../../src/system/errors.ts";
import { nearest } from "../../src/system/nearest.ts";
import { type Deed, deedOf } from "../worker-registry/reputation.ts";
import type { Draft } from "./draft.ts";

/** How a branch ended, as its aggregator will see it: under which key, and JSON text. */
export interface Ended {
  readonly taskId: string;
  readonly json: string;
}

const SUCCESS: ResultAnswer = { status: "result_accepted_success" };
const BRANCH: ResultAnswer = { status: "parallel_branch_result_accepted" };
const FAILURE: ResultAnswer = { status: "result_accepted_failure" };
const CANCELLED: ResultAnswer = { status: "result_accepted_cancelled" };

/** A result may come before the hand-out that it answers has been written down. */
export function ranBy(wait: TaskWait, workerId: string, taskId: string, atMs: number): TaskWait {
  return wait.delivery ? wait : { ...wait, delivery: { taskId, workerId, atMs } };
}

/** A result that counts. */
export function settle(draft: Draft, open: TaskWait, result: WorkerResult): ResultAnswer {
  draft.event({
    type: "task_finished",
    state: draft.job.state,
    worker: result.workerId,
    taskId: result.taskId,
    attempt: open.attempt,
    extra: { result: JSON.parse(result.raw) },
  });
  draft.own().begun = true;
  const ended: Ended = { taskId: result.taskId, json: result.raw };
  const outcome = draft.job.cancelRequestedAtMs === undefined ? outcomeOf(result) : ({ kind: "cancelled" } as const);
  const misfit = outcome.kind === "status" ? misfitOf(open, outcome.status, result) : undefined;
  judge(draft, open, result, misfit ? "violation" : deedOf(outcome));
  // Most go well, and nobody asks then who ran it.
  if (outcome.kind === "status" && !misfit && targetOf(open, outcome.status) !== undefined) {
    return succeeded(draft, open, outcome.status, result);
  }
  const wait = ranBy(open, result.workerId, result.taskId, draft.atMs);
  if (misfit) {
    failed(draft, wait, "quarantined", misfit, { ended: { taskId: result.taskId, json: failureText(misfit) } });
    return FAILURE;
  }
  switch (outcome.kind) {
    case "cancelled":
      cancelled(draft, wait, ended);
      return CANCELLED;
    case "transient":
      attemptFailed(draft, wait, outcome.error, ended);
      return FAILURE;
    case "final":
      failed(draft, wait, outcome.endsAs, outcome.error, { ended });
      return FAILURE;
    case "status":
      return succeeded(draft, wait, outcome.status, result);
    default:
      return assertNever(outcome);
  }
}

/** Nor is a word that nobody waits for a good result: whose mistake it is, is not known. */
function judge(draft: Draft, wait: TaskWait, { workerId, status }: WorkerResult, deed: Deed | undefined): void {
  if (deed === undefined || (deed === "success" && targetOf(wait, status) === undefined)) return;
  draft.after.push({ type: "judge-worker", workerId, deed });
}

/** What a worker calls a success has to have the form that the task declares. */
function misfitOf({ order }: TaskWait, status: string, result: WorkerResult): JobError | undefined {
  const problem = status === "success" ? outputProblem(order.outputSchema, result.data) : undefined;
  if (problem === undefined) return undefined;
  const message = `Worker ${result.workerId} returned what the outputSchema of ${order.type} does not take: ${problem}.`;
  return { code: "CONTRACT_VIOLATION_ERROR", message };
}

function succeeded(draft: Draft, wait: TaskWait, status: string, result: WorkerResult): ResultAnswer {
  const target = targetOf(wait, status);
  if (target === undefined) {
    const message = unhandledText(status, Object.keys(wait.order.transitions));
    const error = { code: "UNHANDLED_STATUS", message };
    draft.set({ failedTask: evidenceOf(wait, error) });
    draft.finish("failed", error);
    return { status: "result_accepted_failure", transition: UNHANDLED_STATUS, message };
  }
  if (target === draft.job.parallel?.into) {
    collect(draft, wait, { taskId: result.taskId, json: result.raw }, true);
    return BRANCH;
  }
  if (result.metadata !== undefined) draft.set({ files: keepFileFacts(draft.job.files, result.metadata) });
  draft.enter(target, { merge: result.data, error: undefined });
  return SUCCESS;
}

function unhandledText(status: string, known: readonly string[]): string {
  const near = nearest(status, known);
  const meant = near === undefined ? "" : `, did the worker mean ${near}?`;
  return `Worker returned unhandled status: ${status}${meant || "."} Add it to the transitions of the task (there are: ${known.join(", ")}).`;
}

/** A worker may send any word as its status, `constructor` too. */
export function targetOf(wait: BranchWait, status: string): string | undefined {
  const transitions = isChildWait(wait) ? wait.transitions : wait.order.transitions;
  return Object.hasOwn(transitions, status) ? transitions[status] : undefined;
}

/** One more branch has ended; the one that completes the join brings the aggregator. */
export function collect(draft: Draft, wait: BranchWait, ended: Ended, isGood: boolean): void {
  const { parallel } = draft.job;
  if (!parallel) return;
  draft.writeBranch({ slot: wait.slot, result: ended });
  const next = { ...parallel, open: parallel.open - 1, ...counted(parallel, isGood) };
  draft.set({ parallel: next });
  if (isComplete(next)) draft.enter(parallel.into, { error: undefined });
}

function counted({ join, good = 0 }: Parallel, isGood: boolean): { good?: number } {
  return typeof join === "object" ? { good: good + (isGood ? 1 : 0) } : {};
}

function isComplete({ join, open, good = 0 }: Parallel): boolean {
  return typeof join === "object" ? good >= join.atLeast : open === 0;
}

/** Whether a branch that did not end well ends for itself alone, and the others go on. */
function isBranchesOwn(draft: Draft, target: string | undefined): boolean {
  const { parallel } = draft.job;
  if (!parallel) return false;
  const { join, open, good = 0 } = parallel;
  if (join === "settled") return true;
  if (typeof join === "object") return good + open - 1 >= join.atLeast;
  return target === parallel.into;
}

/** A run of the task failed in a way that another run may mend. */
export function attemptFailed(draft: Draft, wait: TaskWait, error: JobError, ended?: Ended): void {
  const { retry } = wait.order;
  if (wait.attempt >= retry.maxAttempts) {
    const message = `Task failed after ${wait.attempt} attempt${wait.attempt === 1 ? "" : "s"}: ${error.message}`;
    return failed(draft, wait, "quarantined", { code: error.code, message }, { ended });
  }
  const delayMs = backoffMs(retry, wait.attempt, draft.rules.chance());
  const again: TaskWait = {
    ...wait,
    attempt: wait.attempt + 1,
    queuedAtMs: draft.nowMs + delayMs,
    notBeforeMs: delayMs > 0 ? draft.nowMs + delayMs : undefined,
    delivery: undefined,
    // Each attempt is a task of its own, and tells anew what it has to tell.
    events: undefined,
    eventIds: undefined,
    lastWorkerId: wait.delivery?.workerId ?? wait.lastWorkerId,
    lastError: error,
  };
  draft.after.push({ type: "drop-task", visit: draft.job.visit, slot: wait.slot });
  draft.writeWait(again);
  if (draft.job.task) draft.set({ status: delayMs > 0 ? "awaiting_retry" : "waiting_for_worker" });
  if (delayMs <= 0) draft.after.push({ type: "queue", wait: again, visit: draft.job.visit, again: true });
}

/** The failure outcome: the state that the blueprint names for it, else the job stops where it is. */
export function failed(
  draft: Draft,
  wait: BranchWait,
  endsAs: "failed" | "quarantined",
  error: JobError,
  { ended, merge }: { readonly ended?: Ended | undefined; readonly merge?: string | undefined } = {},
): void {
  const target = targetOf(wait, "failure");
  const brought = ended ?? failureOf(wait, error);
  if (isBranchesOwn(draft, target)) return leave(draft, wait, brought);
  bring(draft, wait, brought, target);
  draft.set({ failedTask: evidenceOf(wait, error) });
  if (target === undefined) return draft.finish(endsAs, error);
  draft.enter(target, { error, endsAs, merge, failedIn: draft.job.state });
}

/** The wait goes with the state that it belongs to: what the failure's handler may want of it is kept. A child is a job that can be read. */
export function evidenceOf(wait: BranchWait, error: JobError): FailedTask | undefined {
  if (isChildWait(wait)) return undefined;
  const { order, delivery, attempt, progress } = wait;
  return {
    type: order.type,
    params: order.params,
    taskId: delivery?.taskId,
    workerId: delivery?.workerId ?? wait.lastWorkerId,
    attempts: delivery ? attempt : attempt - 1,
    error,
    progress,
  };
}

export function cancelled(draft: Draft, wait: BranchWait, ended?: Ended): void {
  const error = { code: "CANCELLED", message: "The job was cancelled." };
  const target = targetOf(wait, "cancelled");
  const brought = ended ?? { taskId: keyOf(wait), json: '{"status":"cancelled"}' };
  const isAlone = draft.job.cancelRequestedAtMs === undefined && isBranchesOwn(draft, target);
  if (isAlone) return leave(draft, wait, brought);
  // A child that has not answered is open still, and is cancelled with the rest.
  if (ended || !isChildWait(wait)) bring(draft, wait, brought, target);
  draft.set({ failedTask: evidenceOf(wait, error) });
  if (target === undefined) return draft.finish("cancelled", error);
  draft.enter(target, { error, endsAs: "cancelled", failedIn: draft.job.state });
}

/** It is over for the branch. */
function leave(draft: Draft, wait: BranchWait, ended: Ended): void {
  dropTask(draft, wait);
  collect(draft, wait, ended, false);
}

/** It is over for all of them, and where it leads to their aggregator, that sees what ended it. */
function bring(draft: Draft, wait: BranchWait, ended: Ended, target: string | undefined): void {
  const { parallel } = draft.job;
  if (!parallel || target !== parallel.into) return;
  dropTask(draft, wait);
  draft.writeBranch({ slot: wait.slot, result: ended });
}

/** It may be with a worker or in the queue still. */
function dropTask(draft: Draft, wait: BranchWait): void {
  if (!isChildWait(wait)) draft.after.push({ type: "drop-task", visit: draft.job.visit, slot: wait.slot });
}

function failureOf(wait: BranchWait, error: JobError): Ended {
  return { taskId: keyOf(wait), json: failureText(error) };
}

function failureText(error: JobError): string {
  return JSON.stringify({ status: "failure", error });
}

/** A branch that no worker ever had has no task id. */
function keyOf(wait: BranchWait): string {
  return isChildWait(wait) ? wait.childId : (wait.delivery?.taskId ?? `branch-${wait.slot}`);
}
