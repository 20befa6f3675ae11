/**
 * The unit of work that a decision builds: the job as it will be, what is written beside it, and
 * what is done once all of it is durable. The job's durable state is never touched.
 */
import type { ChildOrder } from "../../src/handlers/port.ts";
import { withdrawnFacts } from "../../src/job/branch-name.ts";
import type { StoreChange } from "../../src/job/data-store.ts";
import type { GatePlace } from "../../src/job/gate.ts";
import type { Migration } from "../../src/job/migration.ts";
import {
  type BranchWait,
  type ChildWait,
  isChildWait,
  type Job,
  type JobError,
  type JobEvent,
  type JobStatus,
  type Parallel,
  type TaskWait,
} from "../../src/job/model.ts";
import { webhookBody, webhookDestination } from "../../src/job/webhook.ts";
import { approvalClosed, type ApprovalEnd } from "../../src/job/approval.ts";
import type { IgnoredReason, ResultAnswer } from "../../src/protocol/worker.ts";
import type { WorkerEventAnswer } from "../../src/protocol/worker-event.ts";
import type { Reply } from "../../src/runtime/types.ts";
import type { BranchWrite, IdempotencyWrite, OutboxKind, OutboxWrite } from "../../src/storage/port.ts";
import type { Refusal } from "../../src/system/errors.ts";
import { readTaskId, type TaskIdParts } from "../../src/job/task-id.ts";
import type { Deed } from "../worker-registry/reputation.ts";
import type { Claim, HandOut } from "./messages.ts";

export interface Branch {
  readonly wait: BranchWait;
  readonly result?: { readonly taskId: string; readonly json: string } | undefined;
}

/** What is on disk, as the actor holds it. */
export interface JobState {
  readonly job: Job;
  readonly branches: ReadonlyMap<number, Branch>;
  /** Slots of the open branches that have a time of their own. */
  readonly timed: ReadonlySet<number>;
}

export function isTimed(wait: BranchWait): boolean {
  if (isChildWait(wait)) return false;
  return wait.notBeforeMs !== undefined || (wait.order.dispatchTimeoutMs !== undefined && !wait.delivery);
}

/** Shared, and never changed. */
const NO_BRANCHES: ReadonlyMap<number, Branch> = new Map();
const NO_SLOTS: ReadonlySet<number> = new Set();
const NO_WRITES: ReadonlyMap<number, BranchWrite> = new Map();
const NONE: readonly never[] = [];
const WITHDRAWN: ApprovalEnd = { type: "withdrawn" };

/** The state after the draft has become durable. Its maps are taken over and changed: nobody else has them. */
export function stateAfter(draft: Draft): JobState {
  const { state, job } = draft;
  const keeps = state && !draft.dropsBranches;
  if (draft.branchWrites.size === 0) {
    return keeps
      ? { job, branches: state.branches, timed: state.timed }
      : { job, branches: NO_BRANCHES, timed: NO_SLOTS };
  }
  const written = [...draft.branchWrites.keys()].flatMap((slot) => {
    const branch = draft.branch(slot);
    return branch ? [[slot, branch] as const] : [];
  });
  const isOwn = keeps && state.branches !== NO_BRANCHES;
  const branches = (isOwn ? state.branches : new Map()) as Map<number, Branch>;
  const timed = (isOwn ? state.timed : new Set()) as Set<number>;
  for (const [slot, branch] of written) {
    branches.set(slot, branch);
    if (!branch.result && isTimed(branch.wait)) timed.add(slot);
    else timed.delete(slot);
  }
  return { job, branches, timed };
}

/** A job as it was read from the store, or is about to be made. */
export function stateOf(job: Job, stored: readonly (Branch & { readonly slot: number })[] = []): JobState {
  if (stored.length === 0) return { job, branches: NO_BRANCHES, timed: NO_SLOTS };
  const branches = new Map(stored.map(({ slot, wait, result }) => [slot, { wait, result }]));
  const timed = new Set(stored.flatMap(({ slot, wait, result }) => (!result && isTimed(wait) ? slot : [])));
  return { job, branches, timed };
}

/** Most drafts have none of a kind, and share the list that is empty; a list of its own is added to. */
function added<Item>(list: readonly Item[], item: Item): readonly Item[] {
  if (list === NONE) return [item];
  (list as Item[]).push(item);
  return list;
}

/** A retry would go on where it stopped, with the events that it was sent: a job that has finished after all needs none of that. */
function forgetFailures(job: OwnJob): void {
  job.early = undefined;
  job.failedIn = undefined;
  job.failedAggregation = undefined;
  job.cameFrom = undefined;
  job.failedTask = undefined;
}

/** Slots of tasks and ids of children that have ended in this unit, and may lead away from the others. */
function endedIn(events: readonly JobEvent[], failedTaskId: string | undefined): ReadonlySet<number | string> {
  const tasks = events.flatMap(({ type, taskId }) => (type === "task_finished" && taskId !== undefined ? taskId : []));
  const slots = [...tasks, ...(failedTaskId === undefined ? [] : [failedTaskId])].flatMap(
    (taskId) => readTaskId(taskId)?.parts.slot ?? [],
  );
  const children = events.flatMap(({ type, extra }) => {
    const child = type === "sub_blueprint_finished" ? extra?.["child"] : undefined;
    return typeof child === "object" && child !== null && "job_id" in child ? String(child.job_id) : [];
  });
  return new Set([...slots, ...children]);
}

export interface JobRules {
  /** Runs of a handler that throws, hangs or blocks before its job is quarantined. */
  readonly handlerRuns: number;
  readonly handlerBackoffMs: number;
  readonly cancelGraceMs: number;
  /** At its end a job's files go. */
  readonly cleansFiles?: boolean | undefined;
  /** 0 to 1. */
  chance(): number;
  /** Of what is sent out: a UUID v7. */
  eventId(): string;
  /** Whether the task id was made for this job and worker, and for which wait. */
  verify(taskId: string, jobId: string, workerId: string): TaskIdParts | undefined;
  /** A job for a blueprint that a handler runs inside its own; or why there cannot be one. */
  child(parent: Job, order: ChildOrder): Job | JobError;
  /** The gate that a job has to pass before it begins; undefined: none. */
  gate(job: Job, atMs: number): GatePlace | undefined;
}

/** Done after the commit, in order. */
export type After =
  | { readonly type: "answer-result"; readonly reply: Reply<ResultAnswer>; readonly answer: ResultAnswer }
  | { readonly type: "answer-event"; readonly reply: Reply<WorkerEventAnswer>; readonly answer: WorkerEventAnswer }
  | { readonly type: "answer-creation"; readonly reply: Reply<string> }
  | { readonly type: "answer-hand-out"; readonly reply: Reply<boolean>; readonly accepted: boolean }
  | { readonly type: "answer-claim"; readonly reply: Reply<Claim | undefined>; readonly claim: Claim | undefined }
  | { readonly type: "answer-done"; readonly reply: Reply<void> }
  /** Refused for what the job is, which may be what this very unit makes of it. */
  | { readonly type: "refuse"; readonly reply: Pick<Reply<void>, "fail">; readonly error: Refusal }
  | { readonly type: "answer-migration"; readonly reply: Reply<Migration>; readonly migration: Migration }
  /** `again`: an earlier hand-out of it may exist, so the next one is written before it is sent. */
  | { readonly type: "queue"; readonly wait: TaskWait; readonly visit: number; readonly again: boolean }
  /** Adopt a hand-out that was made before the server was started. */
  | { readonly type: "adopt"; readonly wait: TaskWait; readonly handOut: HandOut }
  /** The wait is closed: take the task from the queue, or from the worker that runs it. */
  | { readonly type: "drop-task"; readonly visit: number; readonly slot: number }
  /** A result of it counted: what that says of the worker. */
  | { readonly type: "judge-worker"; readonly workerId: string; readonly deed: Deed }
  /** Ask for the task back, or tell its worker to cancel; the answer comes as `withdrawn` or as a result. */
  | { readonly type: "cancel-task"; readonly visit: number; readonly slot: number; readonly attempt: number }
  /** A child was made in this unit. */
  | { readonly type: "start-child"; readonly child: Job }
  /** It may have ended without its parent having heard of it. */
  | { readonly type: "look-at-child"; readonly childId: string }
  | { readonly type: "cancel-child"; readonly childId: string }
  /** The parent may have stopped waiting without having been able to say so. */
  | { readonly type: "look-at-parent"; readonly parentId: string }
  /** The job is over, and another one waits for that. */
  | { readonly type: "tell-parent"; readonly parentId: string }
  /** It waits before the gate; it is in; it needs no place there any more. */
  | { readonly type: "arrive-at-gate" | "enter-gate" | "leave-gate" }
  | { readonly type: "continue" };

export interface Moment {
  /** For what is due: knows no jumps of the wall clock. */
  readonly nowMs: number;
  /** As people's clocks show it: for what is told. */
  readonly atMs: number;
}

/** A handler has ended in a wait: what led to it, and how it had failed before, is over. */
export const GONE_ON = {
  handler: undefined,
  endsAs: undefined,
  failedIn: undefined,
  failedAggregation: undefined,
  cameFrom: undefined,
  failedTask: undefined,
  steps: 0,
} as const;

type OwnJob = { -readonly [Name in keyof Job]: Job[Name] };

export class Draft {
  job: Job;
  nowMs: number;
  atMs: number;
  readonly events: JobEvent[] = [];
  readonly after: After[] = [];
  /** Answered as soon as the draft is taken on, whatever comes of it. */
  atOnce: readonly Reply<void>[] = NONE;
  branchWrites: ReadonlyMap<number, BranchWrite> = NO_WRITES;
  outbox: readonly OutboxWrite[] = NONE;
  /** Made in the same unit. */
  children: readonly Job[] = NONE;
  /** What the turn did with data stores. */
  dataStores: readonly StoreChange[] | undefined;
  dropsBranches = false;
  idempotency: IdempotencyWrite | undefined;
  /** A handler of the job's state has to run before the unit can be committed. */
  needsTurn = false;
  changed = false;
  #isOwn = false;

  constructor(
    readonly state: JobState | undefined,
    job: Job,
    moment: Moment,
    readonly rules: JobRules,
  ) {
    this.job = job;
    this.nowMs = moment.nowMs;
    this.atMs = moment.atMs;
  }

  /** A turn took its time: what follows it follows now. */
  moveTo(moment: Moment): void {
    this.nowMs = moment.nowMs;
    this.atMs = moment.atMs;
  }

  set(change: Partial<Job>): void {
    Object.assign(this.own(), change);
  }

  /** The job, to be changed in place. The durable one is copied once, at the first change; from then on the draft has one of its own. */
  own(): OwnJob {
    this.changed = true;
    if (!this.#isOwn) {
      this.job = { ...this.job };
      this.#isOwn = true;
    }
    return this.job;
  }

  /** At the moment of the draft, if the event does not say another. Takes the object over. */
  event(event: Omit<JobEvent, "atMs"> & { atMs?: number }): void {
    event.atMs ??= this.atMs;
    this.events.push(event as JobEvent);
    this.changed = true;
  }

  /** Before progress that the unit has already, where that did not come earlier: its task had to be handed out first. */
  eventBeforeProgress(event: JobEvent): void {
    const { events } = this;
    let index = events.length;
    const isLater = (other: JobEvent | undefined) => other?.type === "progress" && other.atMs >= event.atMs;
    while (isLater(events[index - 1])) index--;
    events.splice(index, 0, event);
    this.changed = true;
  }

  /** Leaves the process once the unit is durable. Rows of one job and destination go out in order. */
  send(kind: OutboxKind, body: string, destination?: string): void {
    this.outbox = added(this.outbox, { id: this.rules.eventId(), kind, destination, body, dueAtMs: this.nowMs });
    this.changed = true;
  }

  branch(slot: number): Branch | undefined {
    // Once dropped, only branches written after the drop are there.
    const before = this.dropsBranches ? undefined : this.state?.branches.get(slot);
    const write = this.branchWrites.get(slot);
    if (!write) return before;
    const wait = write.wait ?? before?.wait;
    return wait && { wait, result: write.result ?? before?.result };
  }

  /** All branches, written and unwritten. */
  allBranches(): Branch[] {
    const before = this.dropsBranches ? [] : (this.state?.branches.keys() ?? []);
    const slots = new Set([...before, ...this.branchWrites.keys()]);
    return [...slots].flatMap((slot) => this.branch(slot) ?? []);
  }

  writeBranch(write: BranchWrite): void {
    const earlier = this.branchWrites.get(write.slot);
    this.#ownWrites().set(write.slot, {
      slot: write.slot,
      wait: write.wait ?? earlier?.wait,
      result: write.result ?? earlier?.result,
    });
    this.changed = true;
  }

  /** A job that comes to be with this unit. */
  make(child: Job): void {
    this.children = added(this.children, child);
  }

  answerAtOnce(reply: Reply<void>): void {
    this.atOnce = added(this.atOnce, reply);
  }

  #ownWrites(): Map<number, BranchWrite> {
    if (this.branchWrites === NO_WRITES) this.branchWrites = new Map();
    return this.branchWrites as Map<number, BranchWrite>;
  }

  /** The tasks that the job waits for. */
  openWaits(): readonly TaskWait[] {
    if (this.job.task) return [this.job.task];
    if (!this.job.parallel) return NONE;
    return this.openBranches().flatMap((wait) => (isChildWait(wait) ? [] : [wait]));
  }

  /** The jobs of other blueprints that it waits for. */
  openChildren(): readonly ChildWait[] {
    if (this.job.child) return [this.job.child];
    if (!this.job.parallel) return NONE;
    return this.openBranches().filter((wait) => isChildWait(wait));
  }

  openBranches(): BranchWait[] {
    if (!this.job.parallel) return [];
    return this.allBranches().flatMap((branch) => (branch.result ? [] : [branch.wait]));
  }

  /** Those of them that time alone can move: most branches have no time of their own, and are many. */
  timedWaits(): readonly TaskWait[] {
    if (this.job.task) return [this.job.task];
    if (!this.job.parallel) return NONE;
    const before = this.dropsBranches ? [] : (this.state?.timed ?? []);
    return [...new Set([...before, ...this.branchWrites.keys()])].flatMap((slot) => {
      const wait = this.openWait(slot);
      return wait && isTimed(wait) ? wait : [];
    });
  }

  openWait(slot: number): TaskWait | undefined {
    if (this.job.task) return this.job.task.slot === slot ? this.job.task : undefined;
    if (!this.job.parallel) return undefined;
    const branch = this.branch(slot);
    return branch && !branch.result && !isChildWait(branch.wait) ? branch.wait : undefined;
  }

  writeWait(wait: TaskWait): void {
    if (this.job.task) this.set({ task: wait });
    else this.writeBranch({ slot: wait.slot, wait });
  }

  /** What the branches have brought so far: JSON text. */
  #aggregation(): string {
    const bySlot = this.allBranches().toSorted((a, b) => a.wait.slot - b.wait.slot);
    const results = bySlot.flatMap((branch) => branch.result ?? []);
    return `{${results.map(({ taskId, json }) => `${JSON.stringify(taskId)}:${json}`).join(",")}}`;
  }

  /** Leaves the current state for another one, whose handler has to run. An aggregator is given all results that there are, whatever led to it. */
  enter(state: string, change: Partial<Job>, approval?: ApprovalEnd): void {
    const aggregation = this.job.parallel?.into === state ? this.#aggregation() : undefined;
    const { state: before, aggregation: given } = this.job;
    this.closeWaits(approval);
    this.event({
      type: "state_finished",
      state: this.job.state,
      next: state,
      durationMs: Math.max(0, this.atMs - this.job.enteredAtMs),
    });
    this.event({ type: "state_started", state, previous: this.job.state });
    const job = this.own();
    job.state = state;
    job.visit += 1;
    job.enteredAtMs = this.atMs;
    job.status = "running";
    job.handler = { failures: 0 };
    job.steps = 0;
    job.cancelRequestedAtMs = undefined;
    job.aggregation = aggregation;
    if (change.failedIn !== undefined) job.failedAggregation = given;
    job.cameFrom = change.failedIn === undefined ? { state: before, aggregation: given } : undefined;
    Object.assign(job, change);
    this.needsTurn = true;
  }

  /** The job is over, in the state where it is. */
  finish(status: JobStatus, error?: JobError, approval?: ApprovalEnd): void {
    this.closeWaits(approval);
    this.needsTurn = false;
    const job = this.own();
    if (status === "finished") forgetFailures(job);
    else {
      job.failedAggregation = this.#failedAggregation();
      job.failedIn ??= job.state;
    }
    job.status = status;
    job.error = error ?? job.error;
    // What the handler at hand was given and never used is kept: a retry runs it again.
    job.handler = undefined;
    job.aggregation = undefined;
    job.endsAs = undefined;
    this.event({
      type: status === "finished" ? "job_completed" : "job_failed",
      state: this.job.state,
      status,
      extra: error && { error_message: error.message },
    });
    if (this.job.gate) this.after.push({ type: "leave-gate" });
    if (this.job.parentId !== undefined) this.after.push({ type: "tell-parent", parentId: this.job.parentId });
    // A quarantined job is for people to look at and to retry: it keeps what it worked with.
    if (this.rules.cleansFiles === true && status !== "quarantined") this.send("files_cleanup", "{}");
    const { webhookUrl } = this.job;
    if (webhookUrl === undefined) return;
    this.send("webhook", webhookBody(this.job, webhookUrl, this.atMs), webhookDestination(webhookUrl));
  }

  #failedAggregation(): string | undefined {
    const { failedIn, failedAggregation, aggregation } = this.job;
    return failedIn === undefined ? aggregation : failedAggregation;
  }

  /** Every wait of this visit ends: what is queued or runs for it is taken back. */
  closeWaits(approval: ApprovalEnd = WITHDRAWN): void {
    this.#leaveUnset();
    for (const wait of this.openWaits()) {
      this.after.push({ type: "drop-task", visit: this.job.visit, slot: wait.slot });
    }
    for (const { childId } of this.openChildren()) this.#letGo(childId);
    const { task, parallel, child, pause } = this.job;
    if (parallel) {
      this.#tellWithdrawn(parallel);
      this.branchWrites = NO_WRITES;
      this.dropsBranches = true;
    }
    if (pause?.kind === "approval") {
      this.send("approval_closed", JSON.stringify(approvalClosed(this.job, pause, approval)), pause.integration);
    }
    if (task || parallel || child || pause) {
      const job = this.own();
      job.task = undefined;
      job.parallel = undefined;
      job.child = undefined;
      job.pause = undefined;
    }
  }

  #tellWithdrawn(parallel: Parallel): void {
    const ended = endedIn(this.events, this.job.failedTask?.taskId);
    const open = this.openBranches().filter((wait) => !ended.has(isChildWait(wait) ? wait.childId : wait.slot));
    if (open.length === 0) return;
    const slots = open.map(({ slot }) => slot);
    const extra = { withdrawn: withdrawnFacts(parallel, slots) };
    this.event({ type: "tasks_withdrawn", state: this.job.state, extra });
  }

  /** What this very unit would set going for the waits that it closes: it must not come after their end. */
  #leaveUnset(): void {
    for (let index = this.after.length - 1; index >= 0; index--) {
      const type = this.after[index]?.type;
      if (type === "queue" || type === "adopt" || type === "look-at-child") this.after.splice(index, 1);
    }
  }

  /** One that would be made in this very unit is not made at all. */
  #letGo(childId: string): void {
    const index = this.children.findIndex((child) => child.id === childId);
    if (index >= 0) (this.children as Job[]).splice(index, 1);
    else this.after.push({ type: "cancel-child", childId });
  }

  ignore(reply: Reply<ResultAnswer>, reason: IgnoredReason, message: string): void {
    this.after.push({ type: "answer-result", reply, answer: { status: "ignored", reason, message } });
  }
}
