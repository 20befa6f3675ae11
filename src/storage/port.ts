/**
 * What the engine asks of a store. A unit of work is all or nothing, and its promise resolves
 * only once it is durable. Reads answer durable state.
 */
import type { Job, JobEvent, JobStatus, TaskWait } from "../job/model.ts";

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
}

export interface BranchWrite {
  readonly slot: number;
  /** Undefined: unchanged (only the result comes). */
  readonly wait?: TaskWait | undefined;
  /** JSON text of the result, once the branch has ended. */
  readonly result?: { readonly taskId: string; readonly json: string } | undefined;
}

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
}

/**
 * Rejects with a Refusal:
 * - `STORE_CONFLICT`: a version did not fit; nothing of this unit was written.
 * - `STORE_INVALID`: the unit itself cannot be written; nothing of it was; the rest of its group was.
 * - `STORE_FULL`: no space left; nothing was written.
 * - `STORE_CLOSED`: the store is stopping; nothing was written.
 * - `OUTCOME_UNKNOWN`: it may or may not be durable; the process must end.
 */
export interface Journal {
  commit(unit: Unit): Promise<void>;
}

export interface StoredBranch {
  readonly slot: number;
  readonly wait: TaskWait;
  readonly result?: { readonly taskId: string; readonly json: string } | undefined;
}

export interface JobQuery {
  /** Only this client's; left out: everybody's. */
  readonly client?: string;
  readonly status?: JobStatus;
  readonly blueprint?: string;
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
  /** Jobs to be woken later than `fromMs` and not later than `toMs`, soonest first, after the given one. */
  wakes(fromMs: number, toMs: number, limit: number, after?: OpenJob): Promise<readonly OpenJob[]>;
  idempotent(client: string, key: string, nowMs: number): Promise<IdempotencyWrite | undefined>;
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
  readonly registers: Registers;
  /** Resolves when everything that was accepted for writing is durable and the files are closed. */
  close(): Promise<void>;
}
