/** What a turn's reply makes of the draft that asked for it. */
import type { Ending, Turn, TurnReply } from "../../src/handlers/port.ts";
import { factsForParams } from "../../src/job/file-facts.ts";
import { SLOT_LIMIT } from "../../src/job/task-id.ts";
import { isTerminal, type Job, type JobError, type TaskOrder, type TaskWait } from "../../src/job/model.ts";
import { assertNever } from "../../src/system/errors.ts";
import { backoffMs } from "../../src/job/outcome.ts";
import { beginChild, type Begun, prepareChild } from "./children.ts";
import { type Draft, GONE_ON } from "./draft.ts";
import { beginPause } from "./pauses.ts";

export interface TurnSettings {
  readonly maxSteps: number;
  readonly handlerTimeoutMs: number;
  readonly maxAttempts: number;
}

export function turnOf(job: Job, settings: TurnSettings): Turn {
  return {
    jobId: job.id,
    hash: job.hash,
    blueprint: job.blueprint,
    state: job.state,
    attempt: (job.handler?.failures ?? 0) + 1,
    steps: job.steps,
    maxSteps: settings.maxSteps,
    initialData: job.initialData,
    stateHistory: job.stateHistory,
    merge: job.merge,
    aggregation: job.aggregation,
    client: job.client,
    error: job.error,
    timeoutMs: settings.handlerTimeoutMs,
    defaults: {
      maxAttempts: settings.maxAttempts,
      priority: job.priority,
      dispatchTimeoutMs: job.dispatchTimeoutMs,
    },
  };
}

/** What the job was when the turn began, and the turn may have changed. */
type Entered = Pick<Job, "visit" | "handler" | "endsAs" | "aggregation">;

export function applyTurn(draft: Draft, reply: TurnReply): void {
  const { visit, handler, endsAs, aggregation } = draft.job;
  const entered: Entered = { visit, handler, endsAs, aggregation };
  draft.needsTurn = false;
  follow(draft, reply);
  conclude(draft, reply, entered);
}

/** The states that the turn went through. */
function follow(draft: Draft, reply: TurnReply): void {
  if (reply.steps.length === 0) return;
  let { state, visit, enteredAtMs, error, cameFrom } = draft.job;
  for (const step of reply.steps) {
    error = step.error ?? error;
    if (step.next === undefined) {
      if (step.patch) draft.event({ type: "state_updated", state, patch: step.patch });
      continue;
    }
    const endedAtMs = step.startedAtMs + step.durationMs;
    draft.event({
      type: "state_finished",
      atMs: endedAtMs,
      state,
      next: step.next,
      durationMs: step.durationMs,
      patch: step.patch,
    });
    draft.event({ type: "state_started", atMs: endedAtMs, state: step.next, previous: state });
    // The first of them was given what the turn began with.
    cameFrom = { state, aggregation: visit === draft.job.visit ? draft.job.aggregation : undefined };
    state = step.next;
    visit += 1;
    enteredAtMs = endedAtMs;
  }
  const job = draft.own();
  // A state that waits is still in hand: what failed in it can be retried.
  if (visit !== job.visit) job.aggregation = undefined;
  job.state = state;
  job.visit = visit;
  job.enteredAtMs = enteredAtMs;
  job.error = error;
  job.cameFrom = cameFrom;
  job.stateHistory = reply.stateHistory ?? job.stateHistory;
  job.merge = undefined;
  job.steps += reply.steps.length;
}

function conclude(draft: Draft, { ending, crashes }: TurnReply, entered: Entered): void {
  switch (ending.kind) {
    case "ended":
      return end(draft, ending, entered);
    case "tasks":
      return wait(draft, ending);
    case "pause":
      return beginPause(draft, ending.pause);
    case "paused":
      draft.set({
        status: "running",
        handler: { failures: 0 },
        error: ending.error ?? draft.job.error,
        endsAs: undefined,
      });
      draft.after.push({ type: "continue" });
      return;
    case "broke":
      return broke(draft, ending, entered, crashes ?? 0);
    case "invalid":
      draft.event({ type: "state_failed", state: ending.state, extra: { error_message: ending.error.message } });
      return stopAt(draft, ending.state, "failed", ending.error, entered);
    default:
      return assertNever(ending);
  }
}

/** A failure or cancelled outcome gives its status only to the end state that it leads to directly. */
function end(draft: Draft, ending: Extract<Ending, { kind: "ended" }>, entered: Entered): void {
  const direct = draft.job.visit === entered.visit;
  const named = ending.state === "failed" || ending.state === "error" ? "failed" : "finished";
  const status = (direct ? entered.endsAs : undefined) ?? named;
  draft.event({
    type: "state_finished",
    state: ending.state,
    durationMs: Math.max(0, draft.atMs - draft.job.enteredAtMs),
  });
  if (status !== "finished" && draft.job.failedIn === undefined) {
    const { state, aggregation } = draft.job.cameFrom ?? { state: ending.state, aggregation: entered.aggregation };
    draft.set({ failedIn: state, failedAggregation: aggregation, cameFrom: undefined });
  }
  draft.finish(status, ending.error);
}

/** Tasks and children, of which several are branches that lead to one aggregator. */
function wait(draft: Draft, ending: Extract<Ending, { kind: "tasks" }>): void {
  const { orders, children = [], into } = ending;
  const count = orders.length + children.length;
  if (count >= SLOT_LIMIT) {
    const message = `A state may start at most ${SLOT_LIMIT - 1} branches at once; this one started ${count}. Split the work over several states.`;
    return draft.finish("failed", { code: "TOO_MANY_TASKS", message });
  }
  const waits = orders.map((order, slot) => taskWait(draft, order, slot));
  const begun = children.map((order, index) => prepareChild(draft, order, orders.length + index));
  const { visit } = draft.job;
  draft.set(GONE_ON);
  if (into === undefined) waitForOne(draft, waits[0], begun[0]);
  else waitForBranches(draft, waits, begun, ending);
  // A child that cannot be made is a failure outcome already: what follows it runs in the next unit.
  if (draft.needsTurn) {
    draft.needsTurn = false;
    draft.after.push({ type: "continue" });
  }
  if (draft.job.visit !== visit || isTerminal(draft.job.status)) return;
  for (const queued of waits) draft.after.push({ type: "queue", wait: queued, visit, again: false });
  for (const child of draft.children) draft.after.push({ type: "start-child", child });
}

function taskWait(draft: Draft, order: TaskOrder, slot: number): TaskWait {
  const { resultTimeoutMs, files } = draft.job;
  const paramsMetadata = factsForParams(files, order.params);
  const isAsIs = resultTimeoutMs === undefined && paramsMetadata === undefined;
  return {
    slot,
    order: isAsIs
      ? order
      : {
          ...(resultTimeoutMs !== undefined && { timeoutMs: resultTimeoutMs }),
          ...order,
          ...(paramsMetadata !== undefined && { paramsMetadata }),
        },
    attempt: 1,
    queuedAtMs: draft.nowMs,
  };
}

function waitForOne(draft: Draft, task: TaskWait | undefined, child: Begun | undefined): void {
  if (task) {
    const job = draft.own();
    job.status = "waiting_for_worker";
    job.task = task;
    return;
  }
  if (!child) return;
  if ("id" in child.made) draft.set({ status: "waiting_for_sub_job", child: child.wait });
  beginChild(draft, child);
}

function waitForBranches(
  draft: Draft,
  tasks: readonly TaskWait[],
  children: readonly Begun[],
  { into = "", join }: Extract<Ending, { kind: "tasks" }>,
): void {
  const total = tasks.length + children.length;
  draft.set({ status: "waiting_for_parallel", parallel: { into, total, open: total, join } });
  for (const task of tasks) draft.writeBranch({ slot: task.slot, wait: task });
  for (const { wait } of children) draft.writeBranch({ slot: wait.slot, wait });
  const { visit } = draft.job;
  for (const child of children) {
    // One that could not be made may have ended the wait for all of them.
    if (draft.job.visit === visit && draft.job.parallel) beginChild(draft, child);
  }
}

/** Worth another run, until the runs are used up. An abort of ours is no run; one that killed the process is. */
function broke(draft: Draft, ending: Extract<Ending, { kind: "broke" }>, entered: Entered, crashes: number): void {
  const sameHandler = draft.job.visit === entered.visit;
  const before = sameHandler ? (entered.handler?.failures ?? 0) : 0;
  const failures = ending.error.code === "HANDLER_ABORTED" ? before : before + 1 + crashes;
  const { rules, nowMs } = draft;
  draft.event({
    type: "state_failed",
    state: ending.state,
    attempt: failures,
    extra: { error_message: ending.error.message },
  });
  if (failures >= rules.handlerRuns) {
    if (sameHandler && isCancelledForGood(entered, ending.error)) return cancelledAlone(draft, ending.error);
    const message = `The handler of state ${ending.state} failed ${failures} times: ${ending.error.message}`;
    return stopAt(draft, ending.state, "quarantined", { code: ending.error.code, message }, entered);
  }
  const retry = { maxAttempts: rules.handlerRuns, backoffMs: rules.handlerBackoffMs, factor: 2, maxBackoffMs: 60_000 };
  const delayMs = backoffMs(retry, Math.max(1, failures), rules.chance());
  draft.set({
    status: "awaiting_retry",
    handler: { failures, notBeforeMs: nowMs + delayMs, lastError: ending.error },
    endsAs: sameHandler ? entered.endsAs : undefined,
  });
}

/** No person could mend its handler: the blueprint is not there. */
function isCancelledForGood({ endsAs }: Entered, { code }: JobError): boolean {
  return endsAs === "cancelled" && code === "BUNDLE_UNAVAILABLE";
}

function cancelledAlone(draft: Draft, { message }: JobError): void {
  draft.finish("cancelled", {
    code: "CANCELLED",
    message: `The job was cancelled, and no handler ran for that: ${message}`,
  });
}

/** What had failed before, and led to the handler that fails now, comes after it once more. */
function stopAt(
  draft: Draft,
  state: string,
  status: "failed" | "quarantined",
  error: JobError,
  entered: Entered,
): void {
  const { failedIn, failedAggregation, aggregation, visit } = draft.job;
  if (failedIn !== undefined) {
    const failed = { endsAs: visit === entered.visit ? entered.endsAs : undefined, error: draft.job.error };
    draft.set({ cameFrom: { state: failedIn, aggregation: failedAggregation, failed } });
  }
  draft.set({ failedIn: state, failedAggregation: aggregation });
  draft.finish(status, error);
}
