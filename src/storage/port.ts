/**
 * What the engine asks of a store. A unit of work is all or nothing, and its promise resolves
 * only once it is durable. Reads answer durable state.
 */
import type { StoreChange } from "../job/data-store.ts";
import type { GatePlace } from "../job/gate.ts";
import type { BranchWait, Job, JobEvent, JobStatus, TaskWait } from "../job/model.ts";
import type { Reply } from "../runtime/types.ts";

export interface JobWrite {
  readonly job: Job;
  /** The version that the store must hold now; 0: the job must not exist yet. `job.version` is one more. */
  readonly expectedVersion: number;
  /** When the job has to be woken, if time alone can move it. */
  readonly wakeAtMs?: number | undefined;
  readonly events: readonly JobEvent[];
  /** Branches written anew in this unit. */
  readonly branches?: readonly BranchWrite[] | undefined;
  /** Branches of the job are over and their rows go. */
  readonly dropBranches?: boolean | undefined;
  /** What has to leave the process because of this unit. */
  readonly outbox?: readonly OutboxWrite[] | undefined;
}

export interface BranchWrite {
  readonly slot: number;
  /** Undefined: unchanged (only the result comes). */
  readonly wait?: BranchWait | undefined;
  /** JSON text of the result, once the branch has ended. */
  readonly result?: { readonly taskId: string; readonly json: string } | undefined;
}

export const OUTBOX_KINDS = ["webhook", "approval", "approval_closed", "files_cleanup"] as const;
export type OutboxKind = (typeof OUTBOX_KINDS)[number];

/** Something to send out of the process. */
export interface OutboxWrite {
  /** UUID v7: constant over all attempts, so that a receiver can tell a repetition. */
  readonly id: string;
  readonly kind: OutboxKind;
  /** Who is spoken to: a host, an integration. Left out: the kind. Rows of one job and destination go out in order. */
  readonly destination?: string | undefined;
  /** As its sender reads it: `src/job/webhook.ts`, `src/job/approval.ts`. */
  readonly body: string;
  readonly dueAtMs: number;
}

/** What became of a row. One that is not there any more is left alone. */
export type OutboxChange =
  /** Delivered, or not wanted any more: the row goes. */
  | { readonly type: "remove"; readonly id: string }
  /** To be tried again; later rows of its job and destination wait at least as long. */
  | {
      readonly type: "put-off";
      readonly id: string;
      readonly attempts: number;
      readonly dueAtMs: number;
      readonly error?: string | undefined;
      /** From when on it counts as waiting to be delivered; left out: as before. */
      readonly sinceMs?: number | undefined;
    }
  /** Given up: the row is kept, for people to see. It holds back no other. */
  | {
      readonly type: "fail";
      readonly id: string;
      readonly attempts: number;
      readonly atMs: number;
      readonly error: string;
    }
  /** Something about a job that a later row needs; undefined: forgotten. */
  | { readonly type: "refer"; readonly jobId: string; readonly name: string; readonly value: string | undefined };

export interface IdempotencyWrite {
  readonly client: string;
  readonly key: string;
  /** Of the request's body: a different body under the same key is refused. */
  readonly bodyHash: string;
  /** The first answer, JSON text. */
  readonly answer: string;
  readonly expiresAtMs: number;
}

export interface Unit {
  readonly jobs: readonly JobWrite[];
  readonly idempotency?: IdempotencyWrite | undefined;
  readonly outbox?: readonly OutboxChange[] | undefined;
  /** At most one of each data store. */
  readonly dataStores?: readonly StoreChange[] | undefined;
  readonly remove?: Removal | undefined;
}

/** What is old enough to go; each is left alone if that does not hold any more. */
export interface Removal {
  /** Jobs without a parent: each goes with all jobs below it, and with what lies beside them. */
  readonly roots: readonly string[];
  readonly endedBeforeMs: number;
  /** Of creations, expired. */
  readonly keys: readonly KeyPlace[];
}

export interface KeyPlace {
  readonly client: string;
  readonly key: string;
}

/**
 * Rejects with a Refusal:
 * - `STORE_CONFLICT`: a version did not fit; nothing of this unit was written.
 * - `UNIQUE_KEY_TAKEN`: another open job has the unique key (its id is in the details); nothing of this unit was written.
 * - `DATA_STORE_CONFLICT`: what it read of a data store does not hold any more; nothing of this unit was written.
 * - `STORE_INVALID`: the unit itself cannot be written; nothing of it was; the rest of its group was.
 * - `STORE_FULL`: no space left; nothing was written.
 * - `STORE_CLOSED`: the store is stopping; nothing was written.
 * - `OUTCOME_UNKNOWN`: it may or may not be durable; the process must end.
 */
export interface Journal {
  commit(unit: Unit): Promise<void>;
  /** The same for who writes very many: told by a call, which does not throw. */
  write(unit: Unit, told: Reply<void>): void;
}

export interface StoredBranch {
  readonly slot: number;
  readonly wait: BranchWait;
  readonly result?: { readonly taskId: string; readonly json: string } | undefined;
}

export interface JobQuery {
  /** Only this client's; left out: everybody's. */
  readonly client?: string;
  readonly status?: JobStatus;
  readonly blueprint?: string;
  /** All of them. */
  readonly tags?: readonly string[];
  /** Jobs that this one runs inside its own. */
  readonly parent?: string;
  readonly createdAfterMs?: number;
  readonly createdBeforeMs?: number;
  readonly limit: number;
  /** The id of the last job of the page before. */
  readonly after?: string;
  readonly offset?: number;
}

export interface StoredUnitEvents {
  /** The job's version that the unit made. */
  readonly version: number;
  readonly events: readonly JobEvent[];
}

/** A job that is not terminal, as the recovery sweep sees it. */
export interface OpenJob {
  readonly id: string;
  readonly status: JobStatus;
  readonly wakeAtMs?: number | undefined;
  /** Jobs that it runs inside its own are not over. */
  readonly hasOpenChild?: true | undefined;
  /** Of one that is pending: what it waits for. Left out: nothing, its first handler has to run. */
  readonly begins?: "by-gate" | "by-time" | undefined;
}

/** A job that is not terminal and stands at its blueprint's gate. */
export interface GatedJob {
  readonly id: string;
  readonly blueprint: string;
  readonly gate: GatePlace;
  readonly priority?: number | undefined;
}

/** What a job waits for, as far as its row says it. */
export type JobFacts = Pick<
  Job,
  | "visit"
  | "begun"
  | "trace"
  | "parentId"
  | "isAlone"
  | "task"
  | "parallel"
  | "child"
  | "pause"
  | "handler"
  | "gate"
  | "cancelRequestedAtMs"
>;

export interface WaitingJob extends OpenJob {
  /** Undefined: this row cannot be read, and must not keep the others from being read. */
  readonly facts: JobFacts | undefined;
}

export interface TaskPlace {
  readonly jobId: string;
  readonly slot: number;
}

/** An open task of a job, with what goes out with it. */
export interface StoredTask {
  readonly visit: number;
  readonly wait: TaskWait;
  readonly trace?: Readonly<Record<string, string>> | undefined;
}

export interface JobReader {
  load(id: string): Promise<Job | undefined>;
  branches(id: string): Promise<readonly StoredBranch[]>;
  /** Newest first. */
  list(query: JobQuery): Promise<readonly Job[]>;
  /** Units after `afterVersion`, oldest first. */
  events(jobId: string, afterVersion: number, limit: number): Promise<readonly StoredUnitEvents[]>;
  countByStatus(client?: string): Promise<ReadonlyMap<JobStatus, number>>;
  /** Jobs that are not terminal, by id, after `afterId` ("" to begin). */
  openJobs(afterId: string, limit: number): Promise<readonly OpenJob[]>;
  /** The same with what they wait for. */
  waitingJobs(afterId: string, limit: number): Promise<readonly WaitingJob[]>;
  /** In their places; undefined where the job has no such open task (any more). */
  tasks(places: readonly TaskPlace[]): Promise<readonly (StoredTask | undefined)[]>;
  /** Jobs to be woken later than `fromMs` and not later than `toMs`, soonest first, after the given one. */
  wakes(fromMs: number, toMs: number, limit: number, after?: OpenJob): Promise<readonly OpenJob[]>;
  idempotent(client: string, key: string, nowMs: number): Promise<IdempotencyWrite | undefined>;
  /** The open job that has the unique key. */
  holderOf(client: string, blueprint: string, uniqueKey: string): Promise<string | undefined>;
  gated(): Promise<readonly GatedJob[]>;
}

/** A job without a parent, and all below it: over for long enough, with nothing waiting to be sent. */
export interface EndedTree {
  readonly root: string;
  readonly jobs: number;
  /** About as many as would go. */
  readonly rows: number;
}

/** What may go. Each looks at so many rows from a place on, the oldest first; without `last` that was the end. */
export interface RetentionReader {
  endedTrees(
    after: string,
    endedBeforeMs: number,
    look: number,
  ): Promise<{ readonly trees: readonly EndedTree[]; readonly last?: string }>;
  expiredKeys(
    after: KeyPlace | undefined,
    nowMs: number,
    look: number,
  ): Promise<{ readonly keys: readonly KeyPlace[]; readonly last?: KeyPlace }>;
}

export interface OutboxRow {
  readonly id: string;
  readonly jobId: string;
  readonly kind: OutboxKind;
  readonly destination: string;
  readonly body: string;
  /** When it was to be sent at first. */
  readonly sinceMs: number;
  readonly attempts: number;
  /** Undefined: given up. */
  readonly dueAtMs: number | undefined;
  readonly failedAtMs: number | undefined;
  readonly error: string | undefined;
}

/** What is still to be sent, and what could not be. The rows of a job stay when the job goes. */
export interface OutboxReader {
  /** Those that something waits for, by name, after the given one ("" to begin), with the soonest time. */
  destinations(
    after: string,
    limit: number,
  ): Promise<readonly { readonly destination: string; readonly dueAtMs: number }[]>;
  /** Rows to be sent now: due, and with none of the same job and destination before them. Soonest first. */
  due(destination: string, nowMs: number, limit: number): Promise<readonly OutboxRow[]>;
  /** Given up ones, the newest first; `after`: the id of the last row of the page before. */
  failed(limit: number, after?: string): Promise<readonly OutboxRow[]>;
  row(id: string): Promise<OutboxRow | undefined>;
  /** In the order in which they were written. */
  ofJob(jobId: string): Promise<readonly OutboxRow[]>;
  count(): Promise<{ readonly waiting: number; readonly failed: number }>;
  reference(jobId: string, name: string): Promise<string | undefined>;
}

/** What is known of a data store beside its entries. */
export interface StoredStore {
  /** The newest version of anything in it. */
  readonly version: number;
  /** Version of its key set; 0: it never had a key. */
  readonly keySet: number;
  /** Keys whose initial value was looked after: it is never written again. */
  readonly seeded: readonly string[];
}

export interface StoredEntry {
  readonly key: string;
  readonly version: number;
  /** JSON text. */
  readonly json: string;
}

export interface EntryQuery {
  readonly prefix?: string;
  /** The last key of the page before. */
  readonly after?: string;
  readonly limit: number;
}

export interface DataStoreReader {
  /** Undefined: nothing was ever written to it. */
  store(blueprint: string, store: string): Promise<StoredStore | undefined>;
  /** By key. */
  entries(blueprint: string, store: string, query: EntryQuery): Promise<readonly StoredEntry[]>;
  /** Those of a blueprint that something was ever written to. */
  storesOf(blueprint: string): Promise<readonly string[]>;
}

/** What the program remembers about itself and its fleet: small, written rarely. */
export interface Registers {
  /** Raised by one durably at each start; part of every task id. */
  nextEpoch(): Promise<number>;
  /** A random secret, made once and kept with the store: it signs task ids. */
  secret(): Promise<Uint8Array>;
  saveWorker(id: string, record: string): Promise<void>;
  removeWorker(id: string): Promise<void>;
  workers(): Promise<ReadonlyMap<string, string>>;
  saveBundle(bundle: StoredBundle): Promise<void>;
  bundle(hash: string): Promise<StoredBundle | undefined>;
  /** Token hashes made at first start: audience to SHA-256 hex. */
  saveTokenHashes(hashes: ReadonlyMap<string, string>): Promise<void>;
  tokenHashes(): Promise<ReadonlyMap<string, string>>;
  /** How often clients with a quota have asked: each given one is replaced, the others stay. */
  saveAttempts(used: ReadonlyMap<string, UsedAttempts>): Promise<void>;
  attempts(): Promise<ReadonlyMap<string, UsedAttempts>>;
  /** How far workers are trusted, by their ids: each given one is replaced, `undefined` is forgotten, the others stay. */
  saveReputations(changes: ReadonlyMap<string, StoredReputation | undefined>): Promise<void>;
  reputations(): Promise<ReadonlyMap<string, StoredReputation>>;
  /** Blueprints whose new jobs wait, and since when. */
  pauses(): Promise<ReadonlyMap<string, number>>;
  /** `sinceMs` undefined: it is paused no longer. */
  savePause(blueprint: string, sinceMs: number | undefined): Promise<void>;
  /** What is remembered of each schedule, by name. */
  schedules(): Promise<ReadonlyMap<string, string>>;
  /** All in one transaction, which also drops keys of creations that need not be known any more. */
  saveSchedules(changes: readonly ScheduleWrite[]): Promise<void>;
}

export interface StoredReputation {
  readonly value: number;
  /** When it was that. */
  readonly atMs: number;
  /** Of the latest results, by their weights: the good ones, and all. */
  readonly good: number;
  readonly all: number;
}

export interface UsedAttempts {
  /** "2026-11" */
  readonly month: string;
  readonly count: number;
}

export interface ScheduleWrite {
  readonly name: string;
  readonly record: string;
  readonly dropKey?: { readonly client: string; readonly key: string } | undefined;
}

/** A blueprint file with its imports, as the jobs that began with it go on running it. */
export interface StoredBundle {
  readonly hash: string;
  readonly file: string;
  readonly code: string;
  /** JSON text of the manifests of the blueprints in it. */
  readonly manifests: string;
  readonly sdkVersion: string;
  readonly createdAtMs: number;
}

export interface Storage {
  readonly journal: Journal;
  readonly jobs: JobReader;
  readonly outbox: OutboxReader;
  readonly dataStores: DataStoreReader;
  readonly retention: RetentionReader;
  readonly registers: Registers;
  /** Resolves when everything that was accepted for writing is durable and the files are closed. */
  close(): Promise<void>;
}
