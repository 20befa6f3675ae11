/**
 * A unit as values that SQLite can bind, and how it travels from where the engine runs to where it
 * is written. What is put into a frame is taken out of it in the same order: the two lie side by side.
 */
import type { SQLQueryBindings } from "bun:sqlite";
import { JOB_STATUSES, type JobStatus } from "../../job/model.ts";
import { messageOf } from "../../system/errors.ts";
import type { GroupOutcome } from "../group-commit.ts";
import type { BranchWrite, JobWrite, Unit } from "../port.ts";
import { eventsText } from "./event-text.ts";
import { type BesideJobs, FramePacker, FrameReader, type GroupFrame } from "./group-frame.ts";
import { type EncodedMarks, putMarks, takeMarks } from "./job-marks.ts";
import { isLongInput, putNewRow, putRow, takeNewRow, takeRow } from "./job-row.ts";
import { putOutboxRow, takeOutboxRow } from "./outbox-row.ts";
import type { StoredText } from "./text.ts";

export interface EncodedUnit {
  readonly jobs: readonly EncodedWrite[];
  /** Most units have nothing but jobs. */
  readonly beside: BesideJobs | undefined;
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
  readonly input: StoredText | null;
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

const NOTHING: readonly never[] = [];

const packer = new FramePacker();

/** A unit that has no form in the store is named; the others are tried without it. */
export function packGroup(units: readonly Unit[]): GroupFrame | Extract<GroupOutcome, { type: "invalid" }> {
  let index = 0;
  try {
    for (; index < units.length; index++) putUnit(packer, units[index] as Unit);
  } catch (error) {
    packer.clear();
    return { type: "invalid", index, reason: messageOf(error) };
  }
  return packer.take();
}

export function unpackGroup(frame: GroupFrame): EncodedUnit[] {
  const reader = new FrameReader(frame);
  const units: EncodedUnit[] = [];
  while (reader.hasMore) units.push(takeUnit(reader));
  return units;
}

function putUnit(packer: FramePacker, unit: Unit): void {
  const { jobs, idempotency, outbox, dataStores, remove } = unit;
  const hasMore = Boolean(idempotency ?? outbox ?? dataStores ?? remove);
  packer.yes(hasMore);
  if (hasMore) packer.other({ idempotency, outbox, dataStores, remove });
  packer.number(jobs.length);
  for (const write of jobs) putWrite(packer, write);
}

function takeUnit(reader: FrameReader): EncodedUnit {
  const beside = reader.yes() ? reader.other() : undefined;
  return { beside, jobs: reader.list(takeWrite) };
}

function putWrite(packer: FramePacker, write: JobWrite): void {
  const { job, expectedVersion, events, branches = NOTHING, outbox = NOTHING } = write;
  const isNew = expectedVersion === 0;
  packer.number(expectedVersion);
  packer.text(job.id);
  packer.text(job.client.id);
  packer.number(job.version);
  packer.number(JOB_STATUSES.indexOf(job.status));
  if (isNew) putNewRow(packer, job);
  putRow(packer, write);
  packer.textIfAny(isNew && isLongInput(job) ? job.initialData : undefined);
  packer.textIfAny(events.length > 0 ? eventsText(events) : undefined);
  packer.yes(write.dropBranches === true);
  packer.number(branches.length);
  for (const branch of branches) putBranch(packer, branch);
  packer.number(outbox.length);
  for (const row of outbox) putOutboxRow(packer, job.id, row);
  putMarks(packer, job, isNew);
}

function takeWrite(reader: FrameReader): EncodedWrite {
  const expectedVersion = reader.number();
  const id = reader.text();
  const client = reader.text();
  const version = reader.number();
  const status = JOB_STATUSES[reader.number()] as JobStatus;
  const head = { id, client, version, status };
  return {
    id,
    expectedVersion,
    version,
    client,
    status,
    values: expectedVersion === 0 ? takeNewRow(reader, head) : takeRow(reader, head),
    input: reader.storedIfAny(),
    events: reader.textIfAny(),
    dropBranches: reader.yes(),
    branches: reader.list(takeBranch),
    outbox: reader.list(takeOutboxRow),
    marks: takeMarks(reader),
  };
}

function putBranch(packer: FramePacker, { slot, wait, result }: BranchWrite): void {
  packer.number(slot);
  packer.textIfAny(wait && JSON.stringify(wait));
  packer.textIfAny(result?.taskId);
  packer.textIfAny(result?.json);
}

function takeBranch(reader: FrameReader): EncodedBranch {
  return {
    slot: reader.number(),
    wait: reader.textIfAny(),
    task: reader.storedIfAny(),
    result: reader.storedIfAny(),
  };
}
