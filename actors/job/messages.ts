import type { TurnReply } from "../../src/handlers/port.ts";
import type { Migration, StateMap, TargetVersion } from "../../src/job/migration.ts";
import type { Job, JobError, JobStatus, TaskWait } from "../../src/job/model.ts";
import type { WorkerEvent, WorkerEventAnswer } from "../../src/protocol/worker-event.ts";
import type { ResultAnswer, WorkerResult } from "../../src/protocol/worker.ts";
import type { Reply } from "../../src/runtime/types.ts";
import type { IdempotencyWrite, StoredBranch } from "../../src/storage/port.ts";
import type { JointCreation } from "./joint.ts";

/** A hand-out as the worker's actor knows it. */
export interface HandOut {
  readonly visit: number;
  readonly slot: number;
  readonly attempt: number;
  readonly taskId: string;
  readonly workerId: string;
  readonly atMs: number;
}

/** A claim that holds: the hand-out, and the task that it is for. */
export interface Claim {
  readonly handOut: HandOut;
  readonly wait: TaskWait;
}

export type LossReason = "timeout" | "worker_lost" | "handed_back";

/** User lane: what a job waits for. Many may be taken in one unit. */
export type JobMessage =
  | {
      readonly type: "create";
      readonly job: Job;
      readonly idempotency?: IdempotencyWrite | undefined;
      /** Where it is made together with others: it is on disk when they are. */
      readonly joint?: JointCreation | undefined;
      readonly reply: Reply<string>;
    }
  /** The job is on disk and something of it may have to be set going again: after its creation, a restart, a repair. */
  | { readonly type: "recover"; readonly reply?: Reply<void> | undefined }
  | {
      readonly type: "result";
      readonly result: WorkerResult;
      readonly handOut?: HandOut | undefined;
      readonly reply: Reply<ResultAnswer>;
    }
  /** A hand-out that was made and is not on disk yet. */
  | { readonly type: "handed-out"; readonly handOut: HandOut }
  /** A hand-out that may replace another: on disk first, sent then. */
  | { readonly type: "hand-out"; readonly handOut: HandOut; readonly reply: Reply<boolean> }
  /** A worker that came back says that it runs this: true if it still may. */
  | {
      readonly type: "claim";
      readonly taskId: string;
      readonly workerId: string;
      readonly reply: Reply<Claim | undefined>;
    }
  /** The worker is gone, took too long, or gave the task back. */
  | { readonly type: "lost"; readonly handOut: HandOut; readonly reason: LossReason }
  /** A queued task was taken back, because the job asked for it. */
  | { readonly type: "withdrawn"; readonly visit: number; readonly slot: number; readonly attempt: number }
  /** No otherwise suitable live worker is cheap enough. */
  | {
      readonly type: "too-expensive";
      readonly visit: number;
      readonly slot: number;
      readonly attempt: number;
      readonly message: string;
    }
  | {
      readonly type: "progress";
      readonly taskId: string;
      readonly workerId: string;
      readonly progress: number;
      readonly message?: string | undefined;
    }
  | { readonly type: "checkpoint"; readonly taskId: string; readonly workerId: string; readonly value: string }
  /** Of a worker, about the task that it runs. */
  | {
      readonly type: "worker-event";
      readonly workerId: string;
      readonly event: WorkerEvent;
      /** As it is remembered; undefined: the task is in nobody's hand here. */
      readonly handOut?: HandOut | undefined;
      readonly reply: Reply<WorkerEventAnswer>;
    }
  /** From outside, for a job that waits for it now or later. */
  | {
      readonly type: "event";
      readonly event: string;
      /** JSON text. */
      readonly data: string;
      readonly key?: string | undefined;
      readonly reply: Reply<void>;
    }
  | {
      readonly type: "decision";
      readonly decision: string;
      readonly comment?: string | undefined;
      readonly by: string;
      readonly through: string;
      /** Of the wait that was asked about; left out: whichever there is. */
      readonly visit?: number | undefined;
      readonly key?: string | undefined;
      readonly reply: Reply<void>;
    }
  /** A job that it runs inside its own is over. */
  | {
      readonly type: "child-ended";
      readonly childId: string;
      readonly status: JobStatus;
      readonly state: string;
      readonly error?: JobError | undefined;
      /** JSON text: what the child set as its result; its whole history. */
      readonly result?: string | undefined;
      readonly history: string;
    }
  /** A job that stopped for a failure goes on at the step that failed. */
  | { readonly type: "retry"; readonly key?: string | undefined; readonly reply: Reply<void> }
  /** It goes on with another version of its blueprint. `isDryRun`: only whether it could. */
  | {
      readonly type: "migrate";
      readonly target: TargetVersion;
      readonly states: StateMap;
      readonly isDryRun: boolean;
      readonly reply: Reply<Migration>;
    }
  /** The gate of its blueprint lets in the one that came there in this visit. */
  | { readonly type: "admitted"; readonly visit: number | undefined }
  | { readonly type: "wake" }
  /** To itself: progress that was noted is to be written. */
  | { readonly type: "flush-progress" }
  | JobSystemMessage;

/** System lane: what comes back to the actor, and what may not wait. */
export type JobSystemMessage =
  | { readonly type: "loaded"; readonly job: Job | undefined; readonly branches: readonly StoredBranch[] }
  | { readonly type: "not-loaded"; readonly error: unknown }
  | { readonly type: "turn-done"; readonly number: number; readonly reply: TurnReply }
  | { readonly type: "turn-lost"; readonly number: number; readonly error: unknown }
  | { readonly type: "committed" }
  | { readonly type: "not-committed"; readonly error: unknown }
  /** The first handler takes long: commit the creation without it. */
  | { readonly type: "impatient"; readonly number: number }
  /** `isParents`: of the job that it ran inside of, which does not wait for it any more. */
  | { readonly type: "cancel"; readonly isParents?: true; readonly reply: Reply<void> };
