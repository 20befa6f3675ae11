/** A job as a row, and back, exactly: the columns that are searched by, and the rest as JSON. */
import type { SQLQueryBindings } from "bun:sqlite";
import { isTerminal, type Job, type JobStatus } from "../../job/model.ts";
import type { JobFacts, JobWrite } from "../port.ts";
import type { FramePacker, FrameReader } from "./group-frame.ts";
import { PHASE } from "./migrations.ts";
import { storedTask, type StoredTaskWait, toTaskWait } from "./stored-task.ts";
import { fromStored, type StoredText } from "./text.ts";

/** A longer input lies in a table of its own: it never changes, and the job's row is rewritten by each unit. */
export const INPUT_IN_ROW_MAX = 4096;

export const JOB_COLUMNS = `id, version, status, state, client, blueprint, hash, created_at, updated_at, parent,
  coalesce(initial, (SELECT text FROM inputs WHERE job = jobs.number)), history, core`;

export type JobRow = readonly [
  id: string,
  version: number,
  status: JobStatus,
  state: StoredText,
  client: StoredText,
  blueprint: StoredText,
  hash: StoredText,
  createdAtMs: number,
  updatedAtMs: number,
  parent: StoredText | null,
  initial: StoredText,
  history: StoredText,
  core: string,
];

type InColumns =
  | "id"
  | "version"
  | "status"
  | "state"
  | "client"
  | "blueprint"
  | "hash"
  | "createdAtMs"
  | "updatedAtMs"
  | "parentId"
  | "initialData"
  | "stateHistory";

/** What has no column. `c`: the client without its id. */
type Core = Omit<Job, InColumns | "task"> & {
  readonly c: Omit<Job["client"], "id">;
  readonly task?: StoredTaskWait | undefined;
};

/** Nothing is changed where the id is taken. */
export const INSERT_JOB = `INSERT INTO jobs (id, client, blueprint, created_at, parent, initial,
  version, phase, status, state, hash, updated_at, wake_at, history, core, first_events)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`;

export const UPDATE_JOB = `UPDATE jobs SET version = ?, phase = ?, status = ?, state = ?, hash = ?, updated_at = ?,
  wake_at = ?, history = ?, core = ? WHERE number = ?`;

export function isLongInput(job: Job): boolean {
  return job.initialData.length > INPUT_IN_ROW_MAX;
}

/** What is known of it before its row is taken out. */
export interface RowHead {
  readonly id: string;
  readonly client: string;
  readonly version: number;
  readonly status: JobStatus;
}

/** What never changes; the rest of the row follows. */
export function putNewRow(packer: FramePacker, job: Job): void {
  packer.text(job.blueprint);
  packer.number(job.createdAtMs);
  packer.textIfAny(job.parentId);
  packer.textIfAny(isLongInput(job) ? undefined : job.initialData);
}

export function takeNewRow(reader: FrameReader, head: RowHead): SQLQueryBindings[] {
  return takeRow(reader, head, [
    head.id,
    reader.storable(head.client),
    reader.stored(),
    reader.number(),
    reader.storedIfAny(),
    reader.storedIfAny(),
  ]);
}

export function phaseOf(status: JobStatus): number {
  if (status === "finished") return PHASE.finished;
  return isTerminal(status) ? PHASE.endedOtherwise : PHASE.open;
}

export function putRow(packer: FramePacker, { job, wakeAtMs }: JobWrite): void {
  packer.text(job.state);
  packer.text(job.hash);
  packer.number(job.updatedAtMs);
  packer.numberIfAny(wakeAtMs);
  packer.text(job.stateHistory);
  packer.text(coreOf(job));
}

/** Of a job that is there, whose row's number comes after them; `values`: what never changes of a new one. */
export function takeRow(
  reader: FrameReader,
  { version, status }: RowHead,
  values: SQLQueryBindings[] = [],
): SQLQueryBindings[] {
  values.push(
    version,
    phaseOf(status),
    status,
    reader.stored(),
    reader.stored(),
    reader.number(),
    reader.numberIfAny(),
    reader.stored(),
    reader.text(),
  );
  return values;
}

/** Filled again for each job: a new object of so many fields costs more than its text. */
const scratch: { -readonly [Name in keyof Core]?: Core[Name] | undefined } = {};
const clientScratch: { -readonly [Name in keyof Core["c"]]?: Core["c"][Name] } = {};

// Named one by one, since copying "all the rest" of an object costs more than writing it: a test has
// every field there is. JSON.stringify leaves out what is undefined, and escapes lone surrogates itself.
function coreOf(job: Job): string {
  scratch.visit = job.visit;
  scratch.enteredAtMs = job.enteredAtMs;
  scratch.merge = job.merge;
  scratch.error = job.error;
  scratch.task = job.task && storedTask(job.task, job.initialData);
  scratch.parallel = job.parallel;
  scratch.child = job.child;
  scratch.pause = job.pause;
  scratch.early = job.early;
  scratch.answered = job.answered;
  scratch.aggregation = job.aggregation;
  scratch.handler = job.handler;
  scratch.endsAs = job.endsAs;
  scratch.begun = job.begun;
  scratch.steps = job.steps;
  scratch.cancelRequestedAtMs = job.cancelRequestedAtMs;
  scratch.progress = job.progress;
  scratch.progressMessage = job.progressMessage;
  scratch.priority = job.priority;
  scratch.deadlineAtMs = job.deadlineAtMs;
  scratch.startAtMs = job.startAtMs;
  scratch.uniqueKey = job.uniqueKey;
  scratch.gate = job.gate;
  scratch.within = job.within;
  scratch.dispatchTimeoutMs = job.dispatchTimeoutMs;
  scratch.resultTimeoutMs = job.resultTimeoutMs;
  scratch.webhookUrl = job.webhookUrl;
  scratch.security = job.security;
  scratch.metadata = job.metadata;
  scratch.files = job.files;
  scratch.tags = job.tags;
  scratch.rerunOf = job.rerunOf;
  scratch.depth = job.depth;
  scratch.isAlone = job.isAlone;
  scratch.failedIn = job.failedIn;
  scratch.failedAggregation = job.failedAggregation;
  scratch.cameFrom = job.cameFrom;
  scratch.failedTask = job.failedTask;
  scratch.trace = job.trace;
  clientScratch.plan = job.client.plan;
  clientScratch.config = job.client.config;
  scratch.c = clientScratch as Core["c"];
  return JSON.stringify(scratch);
}

/** `input` is asked for where the job's task is given it, and only there: it may be long. */
export function toFacts(core: string, input: () => StoredText): Omit<JobFacts, "parentId"> {
  const { visit, begun, trace, isAlone, task, parallel, child, pause, handler, gate, cancelRequestedAtMs } = JSON.parse(
    core,
  ) as Core;
  const wait = task && toTaskWait(task, () => fromStored(input()));
  return { visit, begun, trace, isAlone, task: wait, parallel, child, pause, handler, gate, cancelRequestedAtMs };
}

export function toJob(row: JobRow): Job {
  const { c, task, ...rest } = JSON.parse(row[12]) as Core;
  const initialData = fromStored(row[10]);
  return {
    id: row[0],
    version: row[1],
    status: row[2],
    state: fromStored(row[3]),
    client: { id: fromStored(row[4]), ...c },
    blueprint: fromStored(row[5]),
    hash: fromStored(row[6]),
    createdAtMs: row[7],
    updatedAtMs: row[8],
    ...(row[9] === null ? undefined : { parentId: fromStored(row[9]) }),
    initialData,
    stateHistory: fromStored(row[11]),
    ...(task && { task: toTaskWait(task, () => initialData) }),
    ...rest,
  };
}
