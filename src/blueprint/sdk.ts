/**
 * The words of a blueprint file: every type that it may import from "orchestrator".
 * Types alone; what stands behind them lies beside this file.
 */
import type { TAny, TSchema } from "@sinclair/typebox";
import type { TaskFiles } from "../files/port.ts";

export type { TaskFiles } from "../files/port.ts";

/** `undefined` is left out, as JSON.stringify does, so that optional fields can be returned as they are. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json | undefined };

export interface BlueprintOptions<S extends TSchema = TAny> {
  name: string;
  /** Path under /api/{apiVersion}/. Left out: started only by another blueprint, a schedule or the CLI. */
  apiEndpoint?: string;
  /** Default "v1". Empty: a path without a version. */
  apiVersion?: string;
  /** Checked when a job is created; shown in the OpenAPI document and the dashboard's form. */
  input?: S;
  dataStores?: Record<string, JsonObject>;
  /** Longest time from creation to the end; past it the job fails. */
  deadlineSeconds?: number;
  /**
   * At most `max` jobs of this blueprint run at once, for each value of `key` ("initial_data.customer") if one is given.
   * The others wait their turn, by priority and age. A job that waits for time, a person or an event still counts; jobs
   * that it runs inside its own in the same group run in its place. The newest version's limit holds for all.
   */
  concurrency?: { max: number; key?: string };
}

export interface HandlerOptions {
  isStart?: boolean;
  isEnd?: boolean;
  /** Longest time that one run of this handler may take. Past it the run counts as a transient failure. */
  timeoutSeconds?: number;
}

/** The condition of one handler among several of a state. */
export type When<I = any> = string | ((context: Context<I>) => boolean);

export interface ConditionalHandler<B, I> {
  /** A text such as "context.initial_data.language == 'en'", parsed when the file loads, or a function. */
  when(condition: When<I>, handler: Handler<I>): B;
}

export type Handler<I = any> = (context: Context<I>, actions: Actions) => void | Promise<void>;

/** All that a handler knows. A handler destructures what it needs. */
export interface Context<I = any> {
  readonly jobId: string;
  readonly blueprint: string;
  readonly currentState: string;
  /** `any` without an input schema, the schema's type with one. */
  readonly initialData: I;
  /** Kept with the job from state to state: what a handler writes into it is part of its commit. */
  readonly stateHistory: Record<string, any>;
  /** In an aggregator: task id to the worker's result. */
  readonly aggregationResults: Record<string, TaskResult>;
  readonly client: { id: string; plan?: string; config: Record<string, any> };
  readonly dataStores: Record<string, DataStore>;
  /** Undefined where no S3 is configured. */
  readonly taskFiles?: TaskFiles | undefined;
  readonly storage: { getJobState(jobId: string): Promise<JobState | undefined> };
  /** Why the job came here, where the step before it failed or was cancelled. */
  readonly error?: { code: string; message: string };
  /** 1 on the first run of this handler in this state; more after a crash or a retry. */
  readonly attempt: number;
  /** Aborts on cancel, on the handler's timeout and on shutdown. */
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** A handler records exactly one outcome; an end handler none. */
export interface Actions {
  transitionTo(state: string, options?: { errorMessage?: string }): void;
  /** Several calls in one handler run in parallel when they lead to one aggregator state. */
  dispatchTask(task: TaskRequest): void;
  dispatchParallel(request: ParallelRequest): void;
  awaitHumanApproval(request: ApprovalRequest): void;
  runBlueprint(request: { blueprintName: string; initialData?: JsonObject; transitions: Transitions }): void;
  /** A timer that survives a restart. */
  waitFor(request: { seconds: number; then: string } | { until: string; then: string }): void;
  /** An event sent to the job from outside, with its payload in stateHistory under the event's name. */
  waitForEvent(request: {
    event: string;
    timeoutSeconds?: number;
    transitions: { received: string; timeout?: string };
  }): void;
}

export type Transitions = { [status: string]: string };

export interface ParallelRequest {
  tasks: TaskRequest[];
  aggregateInto: string;
  /** all (the default: one failure ends it), settled, any, or at least n good ones. */
  join?: "all" | "settled" | "any" | { atLeast: number };
}

export interface TaskRequest {
  taskType: string;
  params?: JsonObject;
  /** success, failure, cancelled, or any status that the worker returns. A status with no transition fails the job. */
  transitions?: Transitions;
  dispatchStrategy?: "default" | "round_robin" | "least_connections" | "cheapest" | "best_value" | "overflow";
  /** Higher first; first come, first served within one priority. */
  priority?: number;
  /** Per second. */
  maxCost?: number;
  resourceRequirements?: {
    gpu?: { model?: string; vramGb?: number };
    installedModels?: string[];
    cpuCores?: number;
    ramGb?: number;
    [key: string]: unknown;
  };
  /** How long it may wait for a worker. */
  dispatchTimeoutSeconds?: number;
  /** How long a worker may take. */
  timeoutSeconds?: number;
  /** maxAttempts counts runs; 4 where nothing is set. */
  retry?: { maxAttempts?: number; backoffSeconds?: number; backoffFactor?: number; maxBackoffSeconds?: number };
  /** Checked on what the worker returns; a violation counts as a permanent error of that worker. */
  outputSchema?: TSchema;
  /** Worker events (by name) that move the job on while the task runs. */
  eventTransitions?: Transitions;
}

export interface ApprovalRequest {
  integration: "telegram" | "slack" | "webhook" | "dashboard";
  message: string;
  /** approved and rejected, or any decision that a person may take: each becomes a button. */
  transitions: Transitions;
  timeoutSeconds?: number;
}

/** Shared by all jobs of a blueprint, and kept. Every call is atomic. */
export interface DataStore {
  get<T extends Json = Json>(key: string): Promise<T | undefined>;
  set(key: string, value: Json): Promise<void>;
  delete(key: string): Promise<boolean>;
  increment(key: string, by?: number): Promise<number>;
  compareAndSet(key: string, expected: Json | undefined, value: Json): Promise<boolean>;
  keys(prefix?: string): Promise<string[]>;
}

/** What a worker returned. `error` is an object, or a text beside `error_type`. */
export interface TaskResult {
  status: "success" | "failure" | "cancelled" | (string & {});
  data?: Record<string, any>;
  error?: { code: ErrorCode | (string & {}); message: string; details?: Json } | string;
  error_type?: ErrorCode | (string & {});
}

export type ErrorCode = "TRANSIENT_ERROR" | "PERMANENT_ERROR" | "INVALID_INPUT_ERROR";

export interface JobState {
  id: string;
  blueprint: string;
  status:
    | "pending"
    | "running"
    | "awaiting_retry"
    | "waiting_for_worker"
    | "waiting_for_parallel"
    | "waiting_for_sub_job"
    | "waiting_for_human"
    | "waiting_for_event"
    | "waiting_for_timer"
    | "finished"
    | "failed"
    | "cancelled"
    | "quarantined"
    | "error";
  currentState: string;
  initialData: Record<string, any>;
  stateHistory: Record<string, any>;
  error?: { code: string; message: string };
  /** The task whose failure or cancel led to where the job is, until it goes on from there. */
  failedTask?: FailedTask;
  result?: Json;
}

export interface FailedTask {
  type: string;
  params: Record<string, any>;
  taskId?: string;
  /** Left out: no worker ever ran it. */
  workerId?: string;
  /** Runs that it had. */
  attempts: number;
  error: { code: string; message: string };
  /** What its worker said last, in any attempt. */
  progress?: number;
  progressMessage?: string;
}

export interface Logger {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}
