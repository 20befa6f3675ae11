/**
 * A unit as values that SQLite can bind: made where the engine runs, written where the database
 * is. Strings, numbers and bytes alone, since they cross to another thread.
 */
import type { SQLQueryBindings } from "bun:sqlite";
import type { StoreChange } from "../../job/data-store.ts";
import type { JobStatus } from "../../job/model.ts";
import type { BranchWrite, JobWrite, OutboxChange, Removal, Unit } from "../port.ts";
import { outboxValues } from "./outbox-row.ts";
import { type EncodedMarks, marksOf } from "./job-marks.ts";
import { insertValues, isLongInput, updateValues } from "./job-row.ts";
import { type StoredText, toStored } from "./text.ts";

export interface EncodedUnit {
  readonly jobs: readonly EncodedWrite[];
  readonly idempotency: EncodedAnswer | undefined;
  readonly outbox: readonly OutboxChange[];
  readonly dataStores: readonly StoreChange[];
  readonly remove: Removal | undefined;
}

export interface EncodedWrite {
  readonly id: string;
  readonly expectedVersion: number;
  readonly version: number;
  readonly client: string;
  readonly status: JobStatus;
  /** Of the row: all of it for a new job, what changes for one that is there (without its number). */
  readonly values: SQLQueryBindings[];
  /** A long input, for a new job. */
  readonly input: StoredText | undefined;
  /** JSON text; undefined: the unit tells of nothing. */
  readonly events: string | undefined;
  readonly dropBranches: boolean;
  readonly branches: readonly EncodedBranch[];
  /** Of rows of the outbox. */
  readonly outbox: readonly SQLQueryBindings[][];
  /** Most jobs have none. */
  readonly marks: EncodedMarks | undefined;
}

export interface EncodedBranch {
  readonly slot: number;
  readonly wait: string | undefined;
  readonly task: StoredText | null;
  readonly result: StoredText | null;
}

export interface EncodedAnswer {
  readonly client: string;
  readonly key: string;
  readonly values: SQLQueryBindings[];
}

/** Most units send nothing. */
const NOTHING: readonly never[] = [];

export function encodeUnit(unit: Unit): EncodedUnit {
  const { idempotency } = unit;
  return {
    jobs: unit.jobs.map(encodeWrite),
    outbox: unit.outbox ?? NOTHING,
    dataStores: unit.dataStores ?? NOTHING,
    remove: unit.remove,
    idempotency: idempotency && {
      client: idempotency.client,
      key: idempotency.key,
      values: [
        toStored(idempotency.client),
        toStored(idempotency.key),
        toStored(idempotency.bodyHash),
        toStored(idempotency.answer),
        idempotency.expiresAtMs,
      ],
    },
  };
}

function encodeBranch({ slot, wait, result }: BranchWrite): EncodedBranch {
  return {
    slot,
    wait: wait && JSON.stringify(wait),
    task: result ? toStored(result.taskId) : null,
    result: result ? toStored(result.json) : null,
  };
}

function encodeWrite(write: JobWrite): EncodedWrite {
  const { job, expectedVersion, events } = write;
  const isNew = expectedVersion === 0;
  return {
    id: job.id,
    expectedVersion,
    version: job.version,
    client: job.client.id,
    status: job.status,
    values: isNew ? insertValues(write) : updateValues(write),
    input: isNew && isLongInput(job) ? toStored(job.initialData) : undefined,
    events: events.length > 0 ? JSON.stringify(events) : undefined,
    dropBranches: write.dropBranches === true,
    branches: write.branches?.map(encodeBranch) ?? NOTHING,
    outbox: write.outbox?.map((row) => outboxValues(job.id, row)) ?? NOTHING,
    marks: marksOf(job, isNew),
  };
}
