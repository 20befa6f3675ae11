/** The public module `orchestrator/worker`. */
export { Type } from "@sinclair/typebox";
export type {
  ErrorCode,
  EventUpdate,
  Json,
  JsonObject,
  Logger,
  ProgressUpdate,
  TaskContext,
  TaskOptions,
  TaskResult,
  WorkerFiles,
  WorkerOptions,
} from "./contract.ts";
export { EventRefused, InvalidInputError, PermanentError, TransientError } from "./errors.ts";
export { type TaskHandler, Worker } from "./sdk.ts";
export { runTask, type RunTaskOptions, type Sent, type SentEvent, type TaskOutcome } from "./testing.ts";
