import type { Database, Statement } from "bun:sqlite";
import type { GatePlace } from "../../job/gate.ts";
import { type BranchWait, isChildWait, isTerminal, type Job, type JobStatus, type TaskWait } from "../../job/model.ts";
import type {
  GatedJob,
  IdempotencyWrite,
  JobFacts,
  JobReader,
  OpenJob,
  StoredBranch,
  StoredTask,
  StoredUnitEvents,
  TaskPlace,
  WaitingJob,
} from "../port.ts";
import { eventsIn } from "./event-text.ts";
import { EVENTS_OF_JOB } from "./job-events.ts";
import { JobList } from "./job-list.ts";
import { JOB_COLUMNS, toFacts, toJob, type JobRow } from "./job-row.ts";
import type { Reads } from "./reads.ts";
import { fromStored, toStored, type StoredText } from "./text.ts";

const PAGE_ROWS = 500;
/** Found one by one, each with all that its job's core holds. */
const TASKS_AT_ONCE = 64;

type OpenRow = readonly [
  id: string,
  status: JobStatus,
  wakeAtMs: number | null,
  hasOpenChild?: number,
  begins?: number | null,
];
type WaitingRow = readonly [
  id: string,
  status: JobStatus,
  wakeAtMs: number | null,
  core: string,
  parent: StoredText | null,
  shortInput: StoredText | null,
];
type GatedRow = readonly [number: number, id: string, blueprint: StoredText, gate: string, priority: number | null];
type BranchRow = readonly [slot: number, wait: string, task: StoredText | null, result: StoredText | null];

export class SqliteJobReader implements JobReader {
  readonly #reads: Reads;
  readonly #list: JobList;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: Database, reads: Reads) {
    this.#reads = reads;
    this.#list = new JobList(database, reads);
    this.#statements = prepare(database);
  }

  async load(id: string): Promise<Job | undefined> {
    return this.#reads.now(() => this.#load(id));
  }

  list: JobReader["list"] = (query) => this.#list.collect(query, (id) => this.#load(id));

  async branches(id: string): Promise<readonly StoredBranch[]> {
    return this.#paged(Number.POSITIVE_INFINITY, (last: StoredBranch | undefined, size) =>
      rows<BranchRow>(this.#statements.branches, id, last?.slot ?? -1, size).map(toBranch),
    );
  }

  async events(jobId: string, afterVersion: number, limit: number): Promise<readonly StoredUnitEvents[]> {
    return this.#paged(limit, (last: StoredUnitEvents | undefined, size) =>
      rows<readonly [number, string]>(this.#statements.events, jobId, last?.version ?? afterVersion, size).map(
        ([version, events]) => ({ version, events: eventsIn(events) }),
      ),
    );
  }

  async countByStatus(client?: string): Promise<ReadonlyMap<JobStatus, number>> {
    return this.#reads.now(() => {
      const { countsOfAll, countsOfOne } = this.#statements;
      type Count = readonly [JobStatus, number];
      return new Map(client === undefined ? rows<Count>(countsOfAll) : rows<Count>(countsOfOne, toStored(client)));
    });
  }

  async openJobs(afterId: string, limit: number): Promise<readonly OpenJob[]> {
    return this.#paged(limit, (last: OpenJob | undefined, size) =>
      rows<OpenRow>(this.#statements.open, last?.id ?? afterId, size).map(toOpenJob),
    );
  }

  async waitingJobs(afterId: string, limit: number): Promise<readonly WaitingJob[]> {
    return this.#paged(limit, (last: WaitingJob | undefined, size) =>
      rows<WaitingRow>(this.#statements.waiting, last?.id ?? afterId, size).map((row) => this.#waitingJob(row)),
    );
  }

  async tasks(places: readonly TaskPlace[]): Promise<readonly (StoredTask | undefined)[]> {
    const found: (StoredTask | undefined)[] = [];
    while (found.length < places.length) {
      if (found.length > 0) await this.#reads.pause();
      const some = places.slice(found.length, found.length + TASKS_AT_ONCE);
      this.#reads.now(() => {
        for (const place of some) found.push(this.#task(place));
      });
    }
    return found;
  }

  async wakes(fromMs: number, toMs: number, limit: number, after?: OpenJob): Promise<readonly OpenJob[]> {
    return this.#paged(limit, (last: OpenJob | undefined, size) => {
      const place = last ?? after;
      const found =
        place?.wakeAtMs !== undefined && place.wakeAtMs > fromMs
          ? rows<OpenRow>(this.#statements.wakesAfter, place.wakeAtMs, place.id, toMs, size)
          : rows<OpenRow>(this.#statements.wakes, fromMs, toMs, size);
      return found.map(toOpenJob);
    });
  }

  async idempotent(client: string, key: string, nowMs: number): Promise<IdempotencyWrite | undefined> {
    return this.#reads.now(() => {
      type Answer = readonly [StoredText, StoredText, number];
      const [row] = rows<Answer>(this.#statements.idempotent, toStored(client), toStored(key), nowMs);
      if (!row) return undefined;
      return { client, key, bodyHash: fromStored(row[0]), answer: fromStored(row[1]), expiresAtMs: row[2] };
    });
  }

  async holderOf(client: string, blueprint: string, uniqueKey: string): Promise<string | undefined> {
    return this.#reads.now(() => {
      const names = [client, blueprint, uniqueKey].map(toStored);
      return rows<readonly [string]>(this.#statements.holder, ...names)[0]?.[0];
    });
  }

  async gated(): Promise<readonly GatedJob[]> {
    const found = await this.#paged(Number.POSITIVE_INFINITY, (last: GatedRow | undefined, size) =>
      rows<GatedRow>(this.#statements.gated, last?.[0] ?? 0, size),
    );
    return found.map(([, id, blueprint, gate, priority]) => ({
      id,
      blueprint: fromStored(blueprint),
      gate: JSON.parse(gate) as GatePlace,
      ...(priority !== null && { priority }),
    }));
  }

  finalize(): void {
    this.#list.finalize();
    for (const statement of Object.values(this.#statements)) statement.finalize();
  }

  #load(id: string): Job | undefined {
    const [row] = rows<JobRow>(this.#statements.load, id);
    return row && toJob(row);
  }

  #task({ jobId, slot }: TaskPlace): StoredTask | undefined {
    type Found = readonly [status: JobStatus, core: string, shortInput: StoredText | null];
    const [row] = rows<Found>(this.#statements.core, jobId);
    if (!row || isTerminal(row[0])) return undefined;
    const { visit, trace, task, parallel } = toFacts(row[1], this.#input(jobId, row[2]));
    const wait = parallel ? this.#branch(jobId, slot) : task;
    return wait?.slot === slot ? { visit, wait, trace } : undefined;
  }

  #waitingJob([id, status, wakeAtMs, core, parent, shortInput]: WaitingRow): WaitingJob {
    return { ...toOpenJob([id, status, wakeAtMs]), facts: factsOf(core, parent, this.#input(id, shortInput)) };
  }

  /** A long one is read when it is asked for: most of what is read here needs none. */
  #input(jobId: string, shortInput: StoredText | null): () => StoredText {
    return () => shortInput ?? (rows<readonly [StoredText]>(this.#statements.longInput, jobId)[0]?.[0] as StoredText);
  }

  #branch(jobId: string, slot: number): TaskWait | undefined {
    const [row] = rows<BranchRow>(this.#statements.branch, jobId, slot);
    const wait = row && row[3] === null ? (JSON.parse(row[1]) as BranchWait) : undefined;
    return wait && !isChildWait(wait) ? wait : undefined;
  }

  /** Reads page after page: no single read is long, and others run in between. */
  async #paged<T>(limit: number, page: (last: T | undefined, size: number) => T[]): Promise<T[]> {
    const found: T[] = [];
    while (found.length < limit) {
      const size = Math.min(PAGE_ROWS, limit - found.length);
      const read = this.#reads.now(() => page(found.at(-1), size));
      for (const item of read) found.push(item);
      if (read.length < size) break;
      if (found.length < limit) await this.#reads.pause();
    }
    return found;
  }
}

function rows<Row>(statement: Statement, ...values: Parameters<Statement["values"]>): Row[] {
  return statement.values(...values) as unknown as Row[];
}

function toOpenJob([id, status, wakeAtMs, hasOpenChild, begins]: OpenRow): OpenJob {
  const job: { -readonly [Key in keyof OpenJob]: OpenJob[Key] } = { id, status };
  if (wakeAtMs !== null) job.wakeAtMs = wakeAtMs;
  if (hasOpenChild === 1) job.hasOpenChild = true;
  if (begins === 1 || begins === 2) job.begins = begins === 1 ? "by-gate" : "by-time";
  return job;
}

/** The job's own actor will find the same, and say what is wrong with it. */
function factsOf(core: string, parent: StoredText | null, input: () => StoredText): JobFacts | undefined {
  try {
    return { ...toFacts(core, input), parentId: parent === null ? undefined : fromStored(parent) };
  } catch {
    return undefined;
  }
}

function toBranch([slot, wait, task, result]: BranchRow): StoredBranch {
  const branch = { slot, wait: JSON.parse(wait) as BranchWait };
  if (task === null || result === null) return branch;
  return { ...branch, result: { taskId: fromStored(task), json: fromStored(result) } };
}

function prepare(database: Database) {
  const numberOf = "(SELECT number FROM jobs WHERE id = ?)";
  return {
    load: database.prepare(`SELECT ${JOB_COLUMNS} FROM jobs WHERE id = ?`),
    branches: database.prepare(
      `SELECT slot, wait, task, result FROM branches WHERE job = ${numberOf} AND slot > ? ORDER BY slot LIMIT ?`,
    ),
    events: database.prepare(EVENTS_OF_JOB),
    countsOfAll: database.prepare(
      "SELECT status, sum(jobs) FROM counts GROUP BY status HAVING sum(jobs) > 0 ORDER BY status",
    ),
    countsOfOne: database.prepare("SELECT status, jobs FROM counts WHERE client = ? AND jobs > 0 ORDER BY status"),
    open: database.prepare(
      `SELECT id, status, wake_at,
         EXISTS (SELECT 1 FROM jobs AS child INDEXED BY jobs_open_children WHERE child.parent = jobs.id AND child.phase = 1),
         CASE WHEN status = 'pending' THEN CASE
           WHEN EXISTS (SELECT 1 FROM gates WHERE gates.job = jobs.number) THEN 1
           WHEN json_extract(core, '$.handler.notBeforeMs') IS NOT NULL THEN 2
         END END
       FROM jobs INDEXED BY jobs_open WHERE phase = 1 AND id > ? ORDER BY id LIMIT ?`,
    ),
    waiting: database.prepare(
      `SELECT id, status, wake_at, core, parent, initial FROM jobs INDEXED BY jobs_open
       WHERE phase = 1 AND id > ? ORDER BY id LIMIT ?`,
    ),
    core: database.prepare("SELECT status, core, initial FROM jobs WHERE id = ?"),
    longInput: database.prepare(`SELECT text FROM inputs WHERE job = ${numberOf}`),
    branch: database.prepare(`SELECT slot, wait, task, result FROM branches WHERE job = ${numberOf} AND slot = ?`),
    wakes: database.prepare(
      `SELECT id, status, wake_at FROM jobs INDEXED BY jobs_by_wake
       WHERE wake_at > ? AND wake_at <= ? ORDER BY wake_at, id LIMIT ?`,
    ),
    wakesAfter: database.prepare(
      `SELECT id, status, wake_at FROM jobs INDEXED BY jobs_by_wake
       WHERE (wake_at, id) > (?, ?) AND wake_at <= ? ORDER BY wake_at, id LIMIT ?`,
    ),
    holder: database.prepare("SELECT job FROM unique_keys WHERE client = ? AND blueprint = ? AND key = ?"),
    gated: database.prepare(
      `SELECT jobs.number, jobs.id, jobs.blueprint, json_extract(jobs.core, '$.gate'), json_extract(jobs.core, '$.priority')
       FROM gates CROSS JOIN jobs ON jobs.number = gates.job WHERE gates.job > ? ORDER BY gates.job LIMIT ?`,
    ),
    idempotent: database.prepare(
      "SELECT body_hash, answer, expires_at FROM idempotency WHERE client = ? AND key = ? AND expires_at > ?",
    ),
  };
}
