/**
 * What a job does with each message: a change of the draft, never of the world. A draft that
 * needs a turn takes no further message until the turn is over.
 */
import { branchFacts } from "../../src/job/branch-name.ts";
import { type HandlerWait, isTerminal, type JobError, type TaskWait } from "../../src/job/model.ts";
import { isSameWait } from "../../src/job/task-id.ts";
import { assertNever, Refusal } from "../../src/system/errors.ts";
import { takeChildEnded } from "./children.ts";
import { type After, Draft, type JobRules, type JobState, type Moment } from "./draft.ts";
import type { HandOut, JobMessage, JobSystemMessage, LossReason } from "./messages.ts";
import { takeMigrate } from "./migrate.ts";
import { attemptFailed, cancelled, evidenceOf, failed, ranBy, settle, targetOf } from "./outcomes.ts";
import { takeDecision, takeEvent, wakePause } from "./pauses.ts";
import { resumptionOf } from "./resume.ts";
import { takeRetry } from "./retry.ts";
import { beginning, isEntering, start, takeAdmitted } from "./start.ts";
import { takeWorkerEvent } from "./worker-events.ts";

export type UserMessage = Exclude<
  JobMessage,
  JobSystemMessage | { type: "progress" | "checkpoint" | "flush-progress" }
>;

/** Takes messages until all are taken or a handler has to run; says how many were taken. */
export function decide(draft: Draft, messages: readonly UserMessage[]): number {
  let taken = 0;
  while (taken < messages.length && !draft.needsTurn) {
    const message = messages[taken];
    if (message) take(draft, message);
    taken += 1;
  }
  if (taken > 1) leaveOutStaleAdoptions(draft);
  return taken;
}

/**
 * What was to be taken up again may have changed hands by a later message of the same unit. That
 * message has said who goes on with it: a worker that was told of the old hand-out would drop the new one.
 */
function leaveOutStaleAdoptions(draft: Draft): void {
  const isStale = (after: After): boolean =>
    after.type === "adopt" && draft.openWait(after.handOut.slot)?.delivery?.taskId !== after.handOut.taskId;
  if (!draft.after.some(isStale)) return;
  draft.after.splice(0, draft.after.length, ...draft.after.filter((after) => !isStale(after)));
}

function take(draft: Draft, message: UserMessage): void {
  switch (message.type) {
    case "create":
      // The id is in use: an id made by us never is, so somebody chose it.
      return message.reply.fail(
        new Refusal("JOB_EXISTS", 409, "A job with this id exists already; create one without naming an id."),
      );
    case "recover":
      // Not after the turn: one slow handler would hold up the recovery of all other jobs.
      if (message.reply) draft.answerAtOnce(message.reply);
      return recover(draft, message.reply !== undefined);
    case "result":
      return takeResult(draft, message);
    case "handed-out":
      recordHandOut(draft, message.handOut);
      return;
    case "hand-out":
      return takeHandOut(draft, message);
    case "claim":
      return takeClaim(draft, message);
    case "lost":
      return takeLoss(draft, message.handOut, message.reason);
    case "withdrawn":
      return takeWithdrawn(draft, message);
    case "too-expensive":
      return takeTooExpensive(draft, message);
    case "event":
      return takeEvent(draft, message);
    case "worker-event": {
      const { workerId, event, handOut } = message;
      const wait = event.taskId === undefined ? undefined : waitOfTask(draft, event.taskId, workerId);
      // Told of a hand-out that is not on disk, the job would hand the task out again after a crash, and be told it all twice.
      if (wait && !wait.delivery && handOut) recordHandOut(draft, handOut);
      return takeWorkerEvent(draft, message, wait && draft.openWait(wait.slot));
    }
    case "decision":
      return takeDecision(draft, message);
    case "child-ended":
      return takeChildEnded(draft, message);
    case "retry":
      return takeRetry(draft, message);
    case "migrate":
      return takeMigrate(draft, message);
    case "admitted":
      return takeAdmitted(draft, message.visit);
    case "wake":
      return takeWake(draft);
    default:
      return assertNever(message);
  }
}

/** A new job: its start state is entered, and its first handler has to run unless something holds it back. */
export function begin(state: JobState, rules: JobRules, moment: Moment): Draft {
  const draft = new Draft(undefined, state.job, moment, rules);
  for (const event of beginning(state.job, moment.atMs)) draft.event(event);
  start(draft);
  return draft;
}

/** Sets going again what is on disk: after the creation, after a restart, after a repair. Changes nothing. */
function recover(draft: Draft, isSwept: boolean): void {
  const { job } = draft;
  if (isTerminal(job.status)) {
    // The word of its end may have been lost with its actor.
    if (job.gate) draft.after.push({ type: "leave-gate" });
    return;
  }
  if (isSwept && job.parentId !== undefined && !job.isAlone)
    draft.after.push({ type: "look-at-parent", parentId: job.parentId });
  if (job.cancelRequestedAtMs !== undefined) return cancelWaits(draft);
  if (job.status === "pending") return start(draft);
  if (job.gate) draft.after.push({ type: "enter-gate" });
  if (job.handler) return runDue(draft, job.handler);
  for (const wait of [...draft.openWaits(), ...draft.openChildren()]) {
    const resumption = resumptionOf(wait, job.visit, draft.nowMs);
    if (resumption) draft.after.push(resumption);
  }
}

interface WaitParts {
  readonly visit: number;
  readonly slot: number;
  readonly attempt: number;
}

/** The wait that a hand-out was made for, if it is still open and not replaced. */
function waitOf(draft: Draft, handOut: WaitParts): TaskWait | undefined {
  if (isTerminal(draft.job.status) || handOut.visit !== draft.job.visit) return undefined;
  const wait = draft.openWait(handOut.slot);
  return wait && wait.attempt === handOut.attempt ? wait : undefined;
}

/**
 * The wait that a task id names, if it is still open and no later hand-out is on disk. An id holds
 * the last bits of the counters: they are compared as far as it goes.
 */
export function waitOfTask(draft: Draft, taskId: string, workerId: string): TaskWait | undefined {
  const { job } = draft;
  const parts = draft.rules.verify(taskId, job.id, workerId);
  if (!parts || isTerminal(job.status)) return undefined;
  const wait = draft.openWait(parts.slot);
  if (!wait || !isSameWait(parts, wait.slot, job.visit, wait.attempt)) return undefined;
  return notReplaced(wait, taskId);
}

function notReplaced(wait: TaskWait | undefined, taskId: string): TaskWait | undefined {
  return wait?.delivery === undefined || wait.delivery.taskId === taskId ? wait : undefined;
}

/** False: the wait is over or replaced, and the task must not be sent. */
function recordHandOut(draft: Draft, handOut: HandOut): boolean {
  const wait = waitOf(draft, handOut);
  if (!wait || draft.job.cancelRequestedAtMs !== undefined) return false;
  const { taskId, workerId, atMs } = handOut;
  if (wait.delivery?.taskId === taskId) return true;
  draft.writeWait({ ...wait, notBeforeMs: undefined, delivery: { taskId, workerId, atMs } });
  draft.eventBeforeProgress(dispatched(draft, wait, handOut));
  return true;
}

function takeHandOut(draft: Draft, message: Extract<JobMessage, { type: "hand-out" }>): void {
  const { handOut, reply } = message;
  draft.after.push({ type: "answer-hand-out", reply, accepted: recordHandOut(draft, handOut) });
  // It was on its way when the cancel came, and goes to nobody now: nobody else will answer.
  const wait = waitOf(draft, handOut);
  if (wait && draft.job.cancelRequestedAtMs !== undefined) cancelled(draft, wait);
}

/** The hand-out was made by an earlier start of the server, or its connection broke: it stands unless it was replaced. */
function takeClaim(draft: Draft, message: Extract<JobMessage, { type: "claim" }>): void {
  const { taskId, workerId, reply } = message;
  const wait = waitOfTask(draft, taskId, workerId);
  if (!wait || draft.job.cancelRequestedAtMs !== undefined) {
    draft.after.push({ type: "answer-claim", reply, claim: undefined });
    return;
  }
  const atMs = wait.delivery?.atMs ?? draft.atMs;
  const handOut = { visit: draft.job.visit, slot: wait.slot, attempt: wait.attempt, taskId, workerId, atMs };
  if (!wait.delivery) recordHandOut(draft, handOut);
  draft.after.push({ type: "answer-claim", reply, claim: { handOut, wait } });
}

function dispatched(draft: Draft, wait: TaskWait, handOut: HandOut) {
  return {
    type: "task_dispatched" as const,
    atMs: handOut.atMs,
    state: draft.job.state,
    worker: handOut.workerId,
    taskId: handOut.taskId,
    attempt: wait.attempt,
    extra: {
      task_info: {
        type: wait.order.type,
        priority: wait.order.priority,
        ...branchFacts(draft.job.parallel, wait.slot),
      },
    },
  };
}

function takeResult(draft: Draft, message: Extract<JobMessage, { type: "result" }>): void {
  const { result, reply } = message;
  const { job } = draft;
  if (isTerminal(job.status)) {
    const reason = job.status === "cancelled" ? "job_cancelled" : "job_already_terminated";
    return draft.ignore(reply, reason, `The job has ended as ${job.status}; drop the result.`);
  }
  const { handOut } = message;
  // A hand-out that is remembered needs no proof: its id is the one that was sent.
  if (!handOut && !draft.rules.verify(result.taskId, job.id, result.workerId)) return refuseForeign(draft, message);
  const wait = handOut
    ? notReplaced(waitOf(draft, handOut), result.taskId)
    : waitOfTask(draft, result.taskId, result.workerId);
  if (!wait) {
    return draft.ignore(reply, "stale_task", "This attempt was replaced or its step is over; drop the result.");
  }
  if (!wait.delivery && message.handOut) draft.eventBeforeProgress(dispatched(draft, wait, message.handOut));
  const answer = settle(draft, wait, result);
  draft.after.push({ type: "answer-result", reply, answer });
}

function refuseForeign(draft: Draft, message: Extract<JobMessage, { type: "result" }>): void {
  const { result, reply } = message;
  const holders = draft.openWaits().map((wait) => wait.delivery);
  if (holders.some((delivery) => delivery?.taskId === result.taskId)) {
    return draft.ignore(reply, "worker_mismatch", "The task was given to another worker; drop the result.");
  }
  draft.ignore(reply, "stale_task", "No task of this job and worker has this id; drop the result.");
}

function takeLoss(draft: Draft, handOut: HandOut, reason: LossReason): void {
  const wait = waitOf(draft, handOut);
  if (!wait || (wait.delivery && wait.delivery.taskId !== handOut.taskId)) return;
  const ran = ranBy(wait, handOut.workerId, handOut.taskId, handOut.atMs);
  if (draft.job.cancelRequestedAtMs !== undefined) return cancelled(draft, ran);
  if (reason === "handed_back") {
    const back: TaskWait = { ...wait, delivery: undefined };
    draft.after.push({ type: "queue", wait: back, visit: draft.job.visit, again: true });
    // It keeps its place in the queue, but the time that it ran was not spent waiting for a worker.
    const isTimed = wait.order.dispatchTimeoutMs !== undefined;
    if (wait.delivery || isTimed) draft.writeWait({ ...back, queuedAtMs: isTimed ? draft.nowMs : wait.queuedAtMs });
    return;
  }
  draft.event({
    type: "task_finished",
    state: draft.job.state,
    worker: handOut.workerId,
    taskId: handOut.taskId,
    attempt: wait.attempt,
    extra: { result: { status: "failure", error: lossError(reason, handOut) } },
  });
  attemptFailed(draft, ran, lossError(reason, handOut));
}

function lossError(reason: Exclude<LossReason, "handed_back">, handOut: HandOut): JobError {
  if (reason === "timeout")
    return { code: "TIMEOUT_ERROR", message: `Worker ${handOut.workerId} did not answer within the task's time.` };
  return { code: "WORKER_LOST", message: `Worker ${handOut.workerId} was lost while it ran the task.` };
}

function takeWithdrawn(draft: Draft, message: { visit: number; slot: number; attempt: number }): void {
  const wait = waitOf(draft, message);
  if (wait && draft.job.cancelRequestedAtMs !== undefined) cancelled(draft, wait);
}

function takeTooExpensive(
  draft: Draft,
  message: { visit: number; slot: number; attempt: number; message: string },
): void {
  const wait = waitOf(draft, message);
  if (!wait || wait.delivery) return;
  if (draft.job.cancelRequestedAtMs !== undefined) return cancelled(draft, wait);
  failed(draft, wait, "failed", { code: "TOO_EXPENSIVE", message: message.message });
}

function runDue(draft: Draft, { notBeforeMs = 0 }: HandlerWait): void {
  // That it was let in is on disk first: its own message to go on comes after the commit.
  if (!isEntering(draft)) draft.needsTurn = notBeforeMs <= draft.nowMs;
}

/** Time has come for something: what it is shows in the job. */
function takeWake(draft: Draft): void {
  const { job, nowMs } = draft;
  if (isTerminal(job.status)) return;
  const isPastDeadline = job.deadlineAtMs !== undefined && job.deadlineAtMs <= nowMs;
  if (job.cancelRequestedAtMs !== undefined) {
    // Whatever comes of this visit now counts as cancelled, its deadline too.
    if (isPastDeadline || job.cancelRequestedAtMs + draft.rules.cancelGraceMs <= nowMs) graceOver(draft);
    return;
  }
  if (isPastDeadline) return pastDeadline(draft);
  if (job.status === "pending") return start(draft);
  if (job.handler) return runDue(draft, job.handler);
  if (job.pause) return wakePause(draft, job.pause);
  for (const wait of draft.openWaits()) {
    if (isPastDispatchTime(wait, nowMs)) return dispatchTimedOut(draft, wait);
    if (wait.notBeforeMs !== undefined && wait.notBeforeMs <= nowMs && !wait.delivery) queueRetry(draft, wait);
  }
}

/** Written down, though the job stays where it is: the stored wake-up is spent, and the next one takes its place. */
function queueRetry(draft: Draft, wait: TaskWait): void {
  const due: TaskWait = { ...wait, notBeforeMs: undefined };
  draft.writeWait(due);
  if (draft.job.task) draft.set({ status: "waiting_for_worker" });
  draft.after.push({ type: "queue", wait: due, visit: draft.job.visit, again: wait.attempt > 1 });
}

function isPastDispatchTime(wait: TaskWait, nowMs: number): boolean {
  const { dispatchTimeoutMs } = wait.order;
  return dispatchTimeoutMs !== undefined && !wait.delivery && wait.queuedAtMs + dispatchTimeoutMs <= nowMs;
}

function dispatchTimedOut(draft: Draft, wait: TaskWait): void {
  const seconds = (wait.order.dispatchTimeoutMs ?? 0) / 1000;
  const message = `No worker took the task ${wait.order.type} within ${seconds} s. Start a worker that supports it, or raise the dispatch timeout.`;
  failed(draft, wait, "failed", { code: "DISPATCH_TIMEOUT", message });
}

function pastDeadline(draft: Draft): void {
  const error = { code: "DEADLINE_EXCEEDED", message: "The job did not end within its deadline." };
  const [wait] = [...draft.openWaits(), ...draft.openChildren()];
  const target = wait && targetOf(wait, "failure");
  draft.set({ deadlineAtMs: undefined });
  // Its cancel was acknowledged and only the handler of that outcome has not run yet.
  if (draft.job.endsAs === "cancelled") return draft.finish("cancelled", draft.job.error);
  if (wait) draft.set({ failedTask: evidenceOf(wait, error) });
  if (target === undefined) return draft.finish("failed", error);
  draft.enter(target, { error, endsAs: "failed", failedIn: draft.job.state });
}

/**
 * Cancel overtakes: the flag goes to disk first, alone. A second one, or one with nothing to
 * wait for, ends the job without a handler.
 */
export function decideCancel(draft: Draft): void {
  const { job } = draft;
  draft.event({ type: "cancel_requested", state: job.state });
  const isWaiting = draft.openWaits().length > 0 || draft.openChildren().length > 0;
  if (!isWaiting || job.cancelRequestedAtMs !== undefined) {
    const error = { code: "CANCELLED", message: "The job was cancelled." };
    const [wait] = draft.openWaits();
    if (wait) draft.set({ failedTask: evidenceOf(wait, error) });
    return draft.finish("cancelled", error);
  }
  draft.set({ cancelRequestedAtMs: draft.nowMs });
  cancelWaits(draft);
}

function cancelWaits(draft: Draft): void {
  for (const wait of draft.openWaits()) {
    draft.after.push({ type: "cancel-task", visit: draft.job.visit, slot: wait.slot, attempt: wait.attempt });
  }
  for (const { childId } of draft.openChildren()) draft.after.push({ type: "cancel-child", childId });
}

/** The worker, or the child, has not answered the cancel: it does not hold the job. */
function graceOver(draft: Draft): void {
  const [wait] = [...draft.openWaits(), ...draft.openChildren()];
  if (wait) return cancelled(draft, wait);
  draft.finish("cancelled", { code: "CANCELLED", message: "The job was cancelled." });
}
