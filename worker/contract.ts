/** The words of the public surface that the parts of the worker share. */
import type { TSchema } from "@sinclair/typebox";
import type { JsonMap, JsonValue } from "../src/system/errors.ts";
import type { Log } from "../src/system/log.ts";

export type Json = JsonValue;
export type JsonObject = JsonMap;
export type Logger = Pick<Log, "debug" | "info" | "warn" | "error">;

export interface WorkerOptions {
  workerType?: string;
  /** Tasks at once, of all types together. 10 where neither this nor MAX_CONCURRENT_TASKS is set. */
  maxConcurrentTasks?: number;
  /** By the limit's name: a task names its limit with `{ type }`, or is limited under its own name. */
  taskTypeLimits?: Record<string, number>;
  costPerSecond?: number;
  /** `cpuCores`, `ramGb`, `gpu: { model, vramGb }`, and any property that a task may require. */
  resources?: JsonObject;
  installedModels?: Array<{ name: string; version?: string } | string>;
  /** Which models a task needs in memory: once all are in the hot cache, the task counts as hot on this worker. */
  skillDependencies?: Record<string, string[]>;
}

export interface TaskOptions<S extends TSchema = TSchema> {
  /** The name of its limit in `taskTypeLimits`, where it is not the task's own name. */
  type?: string;
  /** Checked before the handler runs: what does not fit is an INVALID_INPUT_ERROR that names the paths. */
  params?: S;
  /** Of the data of a success, checked before it is sent: what does not fit is a CONTRACT_VIOLATION_ERROR. */
  output?: TSchema;
  /** By the events' names: of what each carries. A task that has them sends no others. */
  events?: Record<string, TSchema>;
}

export interface ProgressUpdate {
  taskId: string;
  jobId: string;
  progress: number;
  message?: string;
}

export interface EventUpdate {
  taskId: string;
  jobId: string;
  name: string;
  payload?: JsonObject;
}

export interface TaskContext {
  readonly taskId: string;
  readonly jobId: string;
  readonly priority: number;
  /** 1 on the first run of the task, more on each further one. */
  readonly attempt: number;
  /** Aborts on cancel, timeout and shutdown; what the handler waits for of this task then rejects with its reason. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly files: WorkerFiles;
  /** Kept as sent: 0 to 1 or 0 to 100. Shown as a percentage of 100 once any update of the task was above 1. */
  sendProgress(progress: number, message?: string): Promise<void>;
  /**
   * Tells the job of something while the task runs: it stands in the history, goes to the webhook as `worker_event:NAME`,
   * and takes the job on where the blueprint has an `eventTransitions` for it. Resolves once it is on the orchestrator's
   * disk; rejects with `EventRefused` where it is not taken. Sent again after a break of the connection, it counts once.
   */
  sendEvent(name: string, payload?: JsonObject): Promise<void>;
  /** Kept with the task and given to its next attempt as `lastCheckpoint`. */
  checkpoint(value: Json): Promise<void>;
  readonly lastCheckpoint?: Json | undefined;
  isCancelled(): Promise<boolean>;
  addToHotCache(model: string): void;
  removeFromHotCache(model: string): void;
}

/** The task's own folder, removed when the task has ended. */
export interface WorkerFiles {
  pathTo(name: string): string;
  write(name: string, content: string | Uint8Array): Promise<string>;
  read(name: string): Promise<Uint8Array>;
}

export interface TaskResult {
  /** success, failure, cancelled, or a word that the blueprint has a transition for. */
  status: "success" | "failure" | "cancelled" | (string & {});
  data?: Record<string, any>;
  error?: { code: ErrorCode | (string & {}); message: string; details?: Json } | string;
  error_type?: ErrorCode | (string & {});
}
export type ErrorCode = "TRANSIENT_ERROR" | "PERMANENT_ERROR" | "INVALID_INPUT_ERROR";
