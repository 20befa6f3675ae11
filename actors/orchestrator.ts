/**
 * What the doors may ask of the engine. HTTP and the CLI know this and no actor behind it.
 * Every refusal is a `Refusal` with the code and status that the caller gets.
 */
import type { Catalog, Manifest } from "../src/catalog/port.ts";
import type { ClientFacts, Job, JobStatus, TaskWait } from "../src/job/model.ts";
import type { HistoryEvent } from "../src/job/history.ts";
import type { Migration, StateMap } from "../src/job/migration.ts";
import type { Standing } from "../src/job/waiting.ts";
import type { Caller, TaskReference, WorkerProcess } from "../src/protocol/process.ts";
import type { HeartbeatBody, RegistrationBody, ResultAnswer, WorkerResult } from "../src/protocol/worker.ts";
import type { WorkerEvent, WorkerEventAnswer } from "../src/protocol/worker-event.ts";
import type { JobQuery, OutboxRow } from "../src/storage/port.ts";
import type { JsonMap } from "../src/system/errors.ts";
import type { DataStoreViews } from "./stores/views.ts";

export interface NewJob {
  readonly blueprint: string;
  /** JSON text of an object, checked against the blueprint's schema by the door. */
  readonly initialData: string;
  readonly priority?: number;
  readonly deadlineSeconds?: number;
  readonly dispatchTimeoutSeconds?: number;
  readonly resultTimeoutSeconds?: number;
  readonly webhookUrl?: string;
  readonly security?: string;
  readonly metadata?: string;
  readonly tags?: readonly string[];
  /** By the wall clock. */
  readonly startAtMs?: number;
  readonly uniqueKey?: string;
  readonly trace?: Readonly<Record<string, string>>;
  /** Begins here and not in the start state. */
  readonly state?: string;
  readonly rerunOf?: string;
}

export interface Idempotency {
  readonly key: string;
  readonly bodyHash: string;
  /** Left out: as long as clients are promised. */
  readonly keptMs?: number;
}

/** A task of a job, as reading a job shows it. */
export interface TaskView {
  readonly wait: TaskWait;
  readonly status: "queued" | "running";
  readonly taskId?: string;
  readonly workerId?: string;
}

export interface JobView {
  readonly job: Job;
  /** At the gate of its blueprint, where it stands there. */
  readonly standing?: Standing | undefined;
  /** For what is due: as far as it is from the wall clock. */
  readonly clockOffsetMs: number;
  readonly tasks: readonly TaskView[];
  /** Messages about the job that did not go out yet, or could not. Left out: it was not looked. */
  readonly outbox?: readonly OutboxRow[];
}

/** Who may see what: `undefined` sees all (an operator). */
export type Viewer = string | undefined;

export interface JobEventCall {
  readonly event: string;
  /** JSON text. */
  readonly data: string;
}

export interface Decision {
  readonly decision: string;
  readonly comment?: string;
  /** Who decided, as far as the channel knows it. */
  readonly by: string;
  /** The channel: telegram, slack, link, api … */
  readonly through: string;
  /** The visit of the state that was asked about: a decision about an earlier one is refused. Left out: the one at hand. */
  readonly visit?: number;
}

export interface Rerun {
  readonly fromState?: string;
  /** JSON text of an object, checked by the door. */
  readonly initialData?: string;
}

export interface MigrationCall {
  readonly to: string;
  readonly states: StateMap;
  /** Only whether it could be done. */
  readonly isDryRun: boolean;
}

/** A job that was made; or, where it has a unique key, the open one that has it already. */
export interface Created {
  readonly id: string;
  readonly existing?: true;
}

export interface Jobs {
  /**
   * All or none. Resolves with the ids once they are durable. A known key resolves with the first answer's ids;
   * otherwise `admit` is called before anything is made, with how many will be, and may refuse by throwing.
   */
  submit(
    client: ClientFacts,
    jobs: readonly NewJob[],
    idempotency?: Idempotency,
    admit?: (made: number) => void,
  ): Promise<readonly Created[]>;
  /** The same, for those who set no unique keys. */
  create(
    client: ClientFacts,
    jobs: readonly NewJob[],
    idempotency?: Idempotency,
    admit?: (made: number) => void,
  ): Promise<readonly string[]>;
  read(viewer: Viewer, id: string): Promise<JobView>;
  list(query: JobQuery): Promise<readonly Job[]>;
  cancel(viewer: Viewer, id: string): Promise<"cancellation_request_sent" | "cancellation_request_accepted">;
  /** Resolves once it is durable. `key`: the same request, sent again, changes nothing. */
  event(viewer: Viewer, id: string, event: JobEventCall, key?: string): Promise<void>;
  decide(viewer: Viewer, id: string, decision: Decision, key?: string): Promise<void>;
  /** The same job goes on at the step that failed. */
  retry(viewer: Viewer, id: string, key?: string): Promise<void>;
  /** A new job of the same blueprint with the same input, or as said. Resolves with its id. */
  rerun(viewer: Viewer, id: string, changes: Rerun, key?: string, admit?: (made: number) => void): Promise<string>;
  /** Takes the job to another version of its blueprint: "current", or a hash. For operators. */
  migrate(id: string, wanted: MigrationCall): Promise<Migration>;
  /** Events after the one with this sequence number (0: all), oldest first. */
  history(viewer: Viewer, id: string, afterSequence: number, limit: number): Promise<readonly HistoryEvent[]>;
  counts(viewer: Viewer): Promise<ReadonlyMap<JobStatus, number>>;
  /**
   * Called after each durable change of the job with its newest sequence number, and on live progress.
   * The listener reads what it wants; nothing is queued for it.
   */
  watch(id: string, changed: (change: JobChange) => void): () => void;
}

export type JobChange =
  | { readonly type: "committed"; readonly version: number; readonly status: JobStatus }
  | {
      readonly type: "progress";
      readonly taskId: string;
      readonly progress: number;
      readonly message?: string | undefined;
      readonly atMs: number;
    };

/** A worker's own stream or socket, as the engine writes to it. */
export interface WorkerLink {
  readonly kind: "stream" | "socket";
  /** JSON text of a TaskPayload. False when the link is gone: the task was not sent. */
  task(payload: string): boolean;
  cancel(jobId: string, taskId: string): boolean;
  close(code: number, reason: string): void;
}

export interface Hello {
  readonly session: string;
  readonly registration: RegistrationBody;
  readonly running: readonly TaskReference[];
}

/** What a registration is answered with, where it says which process it is of. */
export interface Registered {
  /** Of what it has in hand: what it is to end. */
  readonly cancelled: readonly string[];
  /** How often it is to say what it runs: by that it is known from a process that is gone. */
  readonly heartbeatMs: number;
}

export interface Workers {
  register(body: RegistrationBody, process?: WorkerProcess): Promise<Registered>;
  /** The merged record, with `cancel_task_ids` where there are some. Undefined body: only the time to live. */
  heartbeat(workerId: string, body: HeartbeatBody | undefined, link?: WorkerLink, caller?: Caller): Promise<JsonMap>;
  /** Resolves with a task (JSON text of a TaskPayload), or undefined when the time is over or the signal aborts. A task that cannot be answered any more must be given back by `undelivered`. */
  poll(workerId: string, waitMs: number, signal: AbortSignal, from?: Caller): Promise<string | undefined>;
  undelivered(workerId: string, taskId: string): void;
  /** It has said which tasks it takes, or registered. One that only polls has not. */
  isRegistered(workerId: string): boolean;
  result(result: WorkerResult): Promise<ResultAnswer>;
  progress(workerId: string, update: { jobId: string; taskId: string; progress: number; message?: string }): void;
  checkpoint(workerId: string, update: { jobId: string; taskId: string; value: string }): void;
  /** Resolves once it is durable. */
  event(workerId: string, event: WorkerEvent): Promise<WorkerEventAnswer>;
  release(workerId: string, taskIds: readonly string[]): void;
  /** Of the worker, or of whichever has the task. */
  isCancelled(workerId: string | undefined, taskId: string): boolean;
  /** A second link of the kind for the same id and session replaces the first. */
  connect(workerId: string, link: WorkerLink, hello?: Hello): Promise<{ readonly cancelled: readonly string[] }>;
  disconnect(workerId: string, link: WorkerLink): void;
  /** All of the worker, until `resume`. */
  drain(workerId: string): Promise<void>;
  /** Only the process behind this link, for as long as it is connected. */
  drainLink(workerId: string, link: WorkerLink): void;
  /** One that was shut out for its reputation has all of it back. */
  resume(workerId: string): Promise<void>;
  /** The records as `GET /workers` shows them. */
  list(): readonly JsonMap[];
}

/** A schedule as operators see it. */
export interface ScheduleView {
  readonly name: string;
  readonly blueprint: string;
  /** In words: "every day at 06:30". */
  readonly timing: string;
  readonly timezone: string;
  readonly missed: string;
  readonly overlap: string;
  readonly jitterMs: number;
  /** As its file says. */
  readonly isEnabled: boolean;
  readonly isPaused: boolean;
  readonly nextDueMs?: number | undefined;
  /** The newest due time that has a job. */
  readonly lastDueMs?: number | undefined;
  /** The newest due time that was left out, and why. */
  readonly leftOut?: { readonly dueMs: number; readonly reason: "missed" | "overlap" } | undefined;
  /** The newest job, whoever asked for it. */
  readonly lastJobId?: string | undefined;
  /** Undefined: there is none, or it is not kept any more. */
  readonly lastJobStatus?: JobStatus | undefined;
  readonly error?: string | undefined;
}

export interface ScheduleList {
  readonly file: string;
  /** Why the file as it is now does not serve, but what it held before. */
  readonly problem?: string | undefined;
  readonly schedules: readonly ScheduleView[];
}

export interface Schedules {
  list(): Promise<ScheduleList>;
  /** A job now, beside those that are due. Resolves with its id; a known key with the first answer's. */
  trigger(name: string, idempotencyKey?: string): Promise<string>;
  /** Durable when it resolves, and kept over restarts. */
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  /** Reads the file now; false: there is none. Rejects with what is wrong with it, and all goes on as it was. */
  reload(): Promise<boolean>;
}

/** What leaves the process: for operators. */
export interface Outbox {
  count(): Promise<{ readonly waiting: number; readonly failed: number }>;
  /** Given up ones, the newest first. */
  failed(limit: number, after?: string): Promise<readonly OutboxRow[]>;
  /** Given up rows are sent again; `id` left out: all of them. Resolves with how many. */
  retry(id?: string): Promise<number>;
  /** Given up rows are thrown away. */
  discard(id?: string): Promise<number>;
}

export interface BlueprintView {
  readonly manifest: Manifest;
  /** Its new jobs wait. */
  readonly pausedSinceMs?: number | undefined;
  /** Of jobs that had to ask at its gate: how many are in, and how many wait. */
  readonly crowd: { readonly inside: number; readonly waiting: number };
}

export interface Blueprints {
  list(): readonly BlueprintView[];
  read(name: string): BlueprintView;
  /** New jobs are taken and wait; those that have begun go on. Durable when it resolves. */
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
}

export interface Orchestrator {
  readonly jobs: Jobs;
  readonly blueprints: Blueprints;
  readonly outbox: Outbox;
  readonly workers: Workers;
  readonly dataStores: DataStoreViews;
  readonly catalog: Catalog;
  /** Blueprints are loaded and the first sweep over open jobs has ended. */
  readonly ready: boolean;
}
