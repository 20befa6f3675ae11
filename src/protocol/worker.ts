/**
 * What workers and the server say to each other: the HTTP exchange of the wire contract and the
 * frames of our own stream. Bodies are checked here once; everything behind sees these types.
 */
import { type Static, Type } from "@sinclair/typebox";
import type { JsonMap } from "../system/errors.ts";
import type { WorkerEventAnswer } from "./worker-event.ts";

const Text = Type.String();
const Names = Type.Array(Type.String());
const Loose = { additionalProperties: true };

/** Section 5.1: the union of what real workers send. */
export const RegistrationBody = Type.Object(
  {
    worker_id: Type.String({ minLength: 1, maxLength: 200 }),
    worker_type: Type.Optional(Text),
    supported_tasks: Type.Optional(Type.Union([Names, Type.Null()])),
    supported_skills: Type.Optional(Type.Union([Type.Array(Type.Any()), Type.Null()])),
    max_concurrent_tasks: Type.Optional(Type.Number()),
    cost_per_second: Type.Optional(Type.Number()),
  },
  Loose,
);
export type RegistrationBody = Static<typeof RegistrationBody>;

/** Section 5.2. Any registered field may come alone. */
export const HeartbeatBody = Type.Object(
  {
    load: Type.Optional(Type.Number()),
    status: Type.Optional(Type.Union([Text, Type.Null()])),
    supported_tasks: Type.Optional(Type.Union([Names, Type.Null()])),
    hot_cache: Type.Optional(Type.Union([Names, Type.Null()])),
    current_tasks: Type.Optional(Type.Union([Names, Type.Null()])),
  },
  Loose,
);
export type HeartbeatBody = Static<typeof HeartbeatBody>;

/** A result once both layouts and all failure forms of section 5.4 have been read: what the engine works with. */
export interface WorkerResult {
  readonly jobId: string;
  readonly taskId: string;
  readonly workerId: string;
  /** success, failure, cancelled, or a word of the blueprint's. */
  readonly status: string;
  /** JSON text of an object; absent, null and `{}` all become undefined. */
  readonly data?: string;
  readonly error?: { readonly code: string; readonly message: string; readonly details?: unknown };
  /** What it tells of the files in its data: JSON text of an object. */
  readonly metadata?: string;
  /** JSON text: the result object as aggregators see it. */
  readonly raw: string;
}

/** Section 5.3, and what ours has beside it. */
export interface TaskPayload {
  readonly job_id: string;
  readonly task_id: string;
  readonly type: string;
  readonly params: Record<string, unknown>;
  readonly tracing_context: Record<string, string>;
  readonly priority: number;
  /** What is known of files that the params name, by the params' names. */
  readonly params_metadata: Record<string, unknown> | null;
  /** Unix seconds, or null. */
  readonly deadline: number | null;
  readonly attempt: number;
  readonly timeout_seconds: number | null;
  readonly last_checkpoint?: unknown;
}

export type ResultStatus =
  | "result_accepted_success"
  | "result_accepted_failure"
  | "result_accepted_cancelled"
  | "parallel_branch_result_accepted";

export const UNHANDLED_STATUS = "unhandled_status_failure";

export type IgnoredReason =
  | "deadline_exceeded"
  | "job_cancelled"
  | "job_not_found"
  | "worker_mismatch"
  | "stale_task"
  | "job_already_terminated";

/** The answer to a result, by HTTP or in the stream: both end the matter for the worker. */
export type ResultAnswer =
  | { readonly status: ResultStatus }
  /** No transition of the task takes the status: the job failed, and its sender has to know. */
  | {
      readonly status: "result_accepted_failure";
      readonly transition: typeof UNHANDLED_STATUS;
      readonly message: string;
    }
  | { readonly status: "ignored"; readonly reason: IgnoredReason; readonly message: string };

/**
 * Our stream, `/_worker/stream`. Each WebSocket message is a JSON array of frames.
 * `seq` is the worker's own number for a result; the `ack` with it comes after the commit.
 */
export type WorkerFrame =
  /** First frame of every connection. `session` is made once per worker process; `running` are the tasks it has in hand. */
  | {
      readonly type: "hello";
      readonly session: string;
      readonly registration: RegistrationBody;
      readonly running: readonly { readonly job_id: string; readonly task_id: string }[];
    }
  | ({ readonly type: "heartbeat" } & HeartbeatBody)
  | {
      readonly type: "result";
      readonly seq: number;
      readonly job_id: string;
      readonly task_id: string;
      readonly status: string;
      readonly data?: Record<string, unknown> | null;
      readonly error?: unknown;
      readonly [key: string]: unknown;
    }
  | {
      readonly type: "progress";
      readonly job_id: string;
      readonly task_id: string;
      readonly progress: number;
      readonly message?: string;
    }
  | {
      readonly type: "checkpoint";
      readonly job_id: string;
      readonly task_id: string;
      readonly value: unknown;
    }
  /** Of the worker's own making; answered by an `event_ack` once it is on disk. */
  | {
      readonly type: "event";
      readonly event_id: string;
      readonly job_id: string;
      readonly task_id: string;
      readonly name: string;
      readonly payload: JsonMap;
    }
  /** No new tasks from now on. */
  | { readonly type: "drain" }
  /** Handed back unfinished: queued again at once, no attempt burned. */
  | { readonly type: "release"; readonly task_ids: readonly string[] };

export type ServerFrame =
  | {
      readonly type: "welcome";
      readonly protocol: 1;
      readonly worker_id: string;
      readonly heartbeat_seconds: number;
      /** Of `running`: to be ended, they belong to somebody else or are over. The others go on. */
      readonly cancelled: readonly string[];
    }
  /** Nested: a payload has a `type` of its own, the task's name. */
  | { readonly type: "task"; readonly task: TaskPayload }
  | ({ readonly type: "ack"; readonly seq: number } & (
      | ResultAnswer
      | { readonly status: "retry"; readonly message: string }
    ))
  | ({ readonly type: "event_ack"; readonly event_id: string } & (
      | WorkerEventAnswer
      | { readonly status: "retry"; readonly message: string }
    ))
  | { readonly type: "cancel"; readonly job_id: string; readonly task_id: string }
  | { readonly type: "error"; readonly code: string; readonly message: string };

/** What is pushed over the socket of the original, `/_worker/ws`: both spellings of the key, for all generations. */
export function legacyCancel(jobId: string, taskId: string): string {
  return JSON.stringify({
    command: "cancel_task",
    type: "cancel_task",
    task_id: taskId,
    job_id: jobId,
  });
}
