/**
 * What a job is. Everything here is durable: it is the snapshot that a unit of work writes and
 * that a restart reads. JSON that only travels through (input, history, params) stays text, so
 * that it is encoded once, by whoever made it.
 */
import type { GatePlace } from "./gate.ts";
import type { EarlyEvent, Pause } from "./pause.ts";

export const JOB_STATUSES = [
  "pending",
  "running",
  "awaiting_retry",
  "waiting_for_worker",
  "waiting_for_parallel",
  "waiting_for_sub_job",
  "waiting_for_human",
  "waiting_for_event",
  "waiting_for_timer",
  "finished",
  "failed",
  "cancelled",
  "quarantined",
  "error",
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

const TERMINAL: ReadonlySet<string> = new Set<JobStatus>(["finished", "failed", "cancelled", "quarantined", "error"]);

export function isTerminal(status: JobStatus): boolean {
  return TERMINAL.has(status);
}

export function isJobStatus(text: string): text is JobStatus {
  return (JOB_STATUSES as readonly string[]).includes(text);
}

export const STRATEGIES = [
  "default",
  "round_robin",
  "least_connections",
  "cheapest",
  "best_value",
  "overflow",
] as const;
export type Strategy = (typeof STRATEGIES)[number];

export interface RetryPolicy {
  /** Runs, the first included. */
  readonly maxAttempts: number;
  readonly backoffMs: number;
  readonly factor: number;
  readonly maxBackoffMs: number;
}

/** What a worker must have. Keys that are not named here are compared with the worker's properties. */
export interface Requirements {
  readonly gpu?: { readonly model?: string; readonly vramGb?: number };
  readonly installedModels?: readonly string[];
  readonly cpuCores?: number;
  readonly ramGb?: number;
  readonly [property: string]: unknown;
}

/** A task as a handler asked for it, defaults filled in. */
export interface TaskOrder {
  readonly type: string;
  /** JSON text of an object. */
  readonly params: string;
  readonly transitions: Readonly<Record<string, string>>;
  /** Where an event of the worker's takes the job while the task runs. */
  readonly eventTransitions?: Readonly<Record<string, string>>;
  readonly strategy: Strategy;
  readonly priority: number;
  readonly maxCost?: number;
  readonly requirements?: Requirements;
  readonly dispatchTimeoutMs?: number;
  readonly timeoutMs?: number;
  readonly retry: RetryPolicy;
  /** What is known of the files that the params name: JSON text of an object. */
  readonly paramsMetadata?: string;
  /** JSON Schema. */
  readonly outputSchema?: object;
}

/** One hand-out of a task to a worker. */
export interface Delivery {
  readonly taskId: string;
  readonly workerId: string;
  readonly atMs: number;
}

/** A task that the job waits for. `slot` tells apart the branches of one visit of a state. */
export interface TaskWait {
  readonly slot: number;
  readonly order: TaskOrder;
  /** The run that is queued or under way, from 1. */
  readonly attempt: number;
  readonly queuedAtMs: number;
  /** Not handed out before: a retry that backs off. */
  readonly notBeforeMs?: number | undefined;
  /** The newest hand-out that is on disk. */
  readonly delivery?: Delivery | undefined;
  /** Who ran the attempt before this one. */
  readonly lastWorkerId?: string | undefined;
  readonly lastError?: JobError | undefined;
  /** JSON text, given to the next attempt. */
  readonly checkpoint?: string | undefined;
  /** That its workers have sent, beside progress. */
  readonly events?: number | undefined;
  /** The newest of them: sent again, they change nothing. */
  readonly eventIds?: readonly string[] | undefined;
  /** The newest of any attempt. */
  readonly progress?: TaskProgress | undefined;
}

/** How far a task has come, as its worker said. */
export interface TaskProgress {
  readonly value: number;
  readonly message?: string | undefined;
  readonly atMs: number;
}

export interface JobError {
  readonly code: string;
  readonly message: string;
}

/** What is known of a task that failed or was cancelled, for whoever has to make good of it. */
export interface FailedTask {
  readonly type: string;
  /** JSON text of an object. */
  readonly params: string;
  readonly taskId?: string | undefined;
  /** Left out: nobody ever ran it. */
  readonly workerId?: string | undefined;
  /** Runs that it had. */
  readonly attempts: number;
  readonly error: JobError;
  readonly progress?: TaskProgress | undefined;
}

/** A job of another blueprint that the job waits for. */
export interface ChildWait {
  readonly slot: number;
  readonly childId: string;
  readonly blueprint: string;
  readonly transitions: Readonly<Record<string, string>>;
  readonly sinceMs: number;
}

export type BranchWait = TaskWait | ChildWait;

export function isChildWait(wait: BranchWait): wait is ChildWait {
  return "childId" in wait;
}

/** When enough branches have ended: all well, all whatever came of them, or so many well. */
export type Join = "all" | "settled" | { readonly atLeast: number };

/** Branches that lead to one aggregator. They lie in rows of their own, so that a result costs one row. */
export interface Parallel {
  readonly into: string;
  readonly total: number;
  readonly open: number;
  /** Left out: all. */
  readonly join?: Join | undefined;
  /** Branches that ended well; counted where the join asks for it. */
  readonly good?: number | undefined;
}

/** A handler that has to run: at once, or again after it failed. */
export interface HandlerWait {
  readonly failures: number;
  readonly notBeforeMs?: number | undefined;
  readonly lastError?: JobError | undefined;
}

export interface ClientFacts {
  readonly id: string;
  readonly plan?: string | undefined;
  readonly config: Readonly<Record<string, unknown>>;
}

export interface Job {
  readonly id: string;
  /** Units of work committed so far; 0 before the first. */
  readonly version: number;
  readonly client: ClientFacts;
  readonly blueprint: string;
  /** Content hash of the blueprint that the job began with. */
  readonly hash: string;
  readonly status: JobStatus;
  readonly state: string;
  /** How many states the job has entered. Waits, results and timers carry it. */
  readonly visit: number;
  /** When the current state was entered. */
  readonly enteredAtMs: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** JSON text of an object. */
  readonly initialData: string;
  /** JSON text of an object. */
  readonly stateHistory: string;
  /** A task result's data that the next handler finds merged into its history: kept apart until that handler has ended well. */
  readonly merge?: string | undefined;
  readonly error?: JobError | undefined;
  readonly task?: TaskWait | undefined;
  readonly parallel?: Parallel | undefined;
  /** The one child that it waits for; several are branches. */
  readonly child?: ChildWait | undefined;
  /** It waits for a time, an event or a person. */
  readonly pause?: Pause | undefined;
  /** Events that came before it waited for them, oldest first. */
  readonly early?: readonly EarlyEvent[] | undefined;
  /** Requests with an Idempotency-Key that were carried out: sent again, they change nothing. */
  readonly answered?: readonly string[] | undefined;
  /** JSON text: task id to result, for the aggregator that the job is in. */
  readonly aggregation?: string | undefined;
  /** A handler of `state` has to run (again): how often it failed in this visit, and not before when. */
  readonly handler?: HandlerWait | undefined;
  /** The status that an end state reached now will have: set by a failure or cancelled outcome. */
  readonly endsAs?: "failed" | "quarantined" | "cancelled" | undefined;
  /** A worker has done something for it already: its tasks go before those of jobs not begun. */
  readonly begun?: boolean | undefined;
  /** Handlers run since the job last waited. */
  readonly steps: number;
  readonly cancelRequestedAtMs?: number | undefined;
  readonly progress?: number | undefined;
  readonly progressMessage?: string | undefined;
  readonly priority?: number | undefined;
  readonly deadlineAtMs?: number | undefined;
  /** By the wall clock: it does not begin before. */
  readonly startAtMs?: number | undefined;
  /** While it is not over, its client has no other job of its blueprint with this key. */
  readonly uniqueKey?: string | undefined;
  /** Its place at the gate of its blueprint. Left out: it begins without asking. */
  readonly gate?: GatePlace | undefined;
  /** Groups of gates that jobs above it are in: it runs in their place, since they wait for it. */
  readonly within?: readonly string[] | undefined;
  readonly dispatchTimeoutMs?: number | undefined;
  readonly resultTimeoutMs?: number | undefined;
  readonly webhookUrl?: string | undefined;
  /** JSON text, opaque: copied to tasks. */
  readonly security?: string | undefined;
  readonly metadata?: string | undefined;
  /** What workers told of files, by address: JSON text. */
  readonly files?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly rerunOf?: string | undefined;
  readonly parentId?: string | undefined;
  /** Parents above it. */
  readonly depth?: number | undefined;
  /** It was over for its parent and taken up again by itself: it goes on though nobody waits for it. */
  readonly isAlone?: true | undefined;
  /** The state whose task, child or handler failed and led to where the job is: a retry goes on there. */
  readonly failedIn?: string | undefined;
  /** What that state was given, if it is an aggregator: a retry gives it the same. */
  readonly failedAggregation?: string | undefined;
  /** The state before this one, until the job waits for something new: if it led to a bad end without failing itself, a retry goes on there. */
  readonly cameFrom?: CameFrom | undefined;
  /** The task whose end led to where the job is: kept until the job waits for something new, or has finished after all. */
  readonly failedTask?: FailedTask | undefined;
  /** W3C trace headers of the creating request. */
  readonly trace?: Readonly<Record<string, string>> | undefined;
}

/** A state that was left. */
export interface CameFrom {
  readonly state: string;
  /** What it was given, if it is an aggregator. */
  readonly aggregation?: string | undefined;
  /** It had failed, in this way, and what was to come of that failed too: a retry of that is about the same failure. */
  readonly failed?: Pick<Job, "endsAs" | "error"> | undefined;
}

/** What happened in a unit, as it is stored. `history.ts` turns it into the events that are served. */
export interface JobEvent {
  readonly type:
    | "job_created"
    | "job_waiting"
    | "job_admitted"
    | "job_migrated"
    | "state_started"
    | "state_finished"
    | "state_failed"
    | "state_updated"
    | "progress"
    | "task_dispatched"
    | "task_finished"
    /** Branches that are open when their job goes on without them. */
    | "tasks_withdrawn"
    | "cancel_requested"
    | "timer_started"
    | "timer_fired"
    | "event_awaited"
    | "event_received"
    | "approval_requested"
    | "approval_decided"
    | "wait_timed_out"
    | "sub_blueprint_started"
    | "sub_blueprint_finished"
    | "job_retried"
    | "job_completed"
    | "job_failed"
    | `worker_event:${string}`;
  readonly atMs: number;
  readonly state?: string | undefined;
  readonly previous?: string | undefined;
  readonly next?: string | undefined;
  readonly durationMs?: number | undefined;
  readonly worker?: string | undefined;
  readonly attempt?: number | undefined;
  readonly taskId?: string | undefined;
  readonly status?: JobStatus | undefined;
  /** Changed keys of the state history: JSON text of `{set?, unset?, append?}`; `append` adds to arrays. */
  readonly patch?: string | undefined;
  /** What else belongs into the snapshot of this event: task_info, result, error_message. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
}
