/** The public module `orchestrator/worker`. */
export type {
  ErrorCode,
  Json,
  JsonObject,
  Logger,
  ProgressUpdate,
  TaskContext,
  TaskResult,
  WorkerFiles,
  WorkerOptions,
} from "./contract.ts";
export { InvalidInputError, PermanentError, TransientError } from "./errors.ts";
export { type TaskHandler, Worker } from "./sdk.ts";
