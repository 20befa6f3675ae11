/**
 * Lists, newest first. Ids grow with time, so their order is the order of creation, also within one
 * millisecond. A filter that fits few jobs must not hold everybody up: the rows are looked at in
 * slices, and others run in between.
 */
import type { Database, SQLQueryBindings, Statement } from "bun:sqlite";
import type { JobQuery } from "../port.ts";
import { phaseOf } from "./job-row.ts";
import { PHASE } from "./migrations.ts";
import type { Reads } from "./reads.ts";
import { toStored } from "./text.ts";

const SLICE_ROWS_MIN = 64;
const SLICE_ROWS_MAX = 4096;
const SLICE_GROWTH = 4;

// Greater than every text, as SQLite orders bytes after text.
const BEFORE_ALL = new Uint8Array([0xff]);

type Row = readonly [id: string, fits: number];

interface Way {
  readonly from: string;
  /** Where its order stands. */
  readonly id: string;
  readonly where: string;
  readonly values: readonly SQLQueryBindings[];
}

export class JobList {
  readonly #database: Database;
  readonly #reads: Reads;
  /** One for each way and set of filters: a few dozen at most. */
  readonly #statements = new Map<string, Statement>();

  constructor(database: Database, reads: Reads) {
    this.#database = database;
    this.#reads = reads;
  }

  /** Gives `load` the ids that fit, in order, while they are still true. */
  async collect<T>(query: JobQuery, load: (id: string) => T | undefined): Promise<T[]> {
    const found: T[] = [];
    let cursor: SQLQueryBindings = query.after ?? BEFORE_ALL;
    let skip = Math.max(0, query.offset ?? 0);
    let rows = SLICE_ROWS_MIN;
    while (found.length < query.limit) {
      const size = Math.min(SLICE_ROWS_MAX, Math.max(rows, SLICE_ROWS_MIN));
      const slice = this.#reads.now(() => {
        const seen = this.#slice(query, cursor, size);
        for (const [id, fits] of seen) {
          if (fits !== 1 || skip-- > 0) continue;
          const job = load(id);
          if (job !== undefined) found.push(job);
          if (found.length === query.limit) break;
        }
        return seen;
      });
      const last = slice.at(-1);
      if (!last || slice.length < size) break;
      cursor = last[0];
      rows = size * SLICE_GROWTH;
      if (found.length < query.limit) await this.#reads.pause();
    }
    return found;
  }

  finalize(): void {
    for (const statement of this.#statements.values()) statement.finalize();
  }

  #slice(query: JobQuery, cursor: SQLQueryBindings, size: number): Row[] {
    const way = wayFor(query);
    const filters = filtersOf(query);
    const fits = filters.length === 0 ? "1" : filters.map(([condition]) => condition).join(" AND ");
    const sql = `SELECT jobs.id, ${fits} FROM ${way.from} WHERE ${way.where} ${way.id} < ? ORDER BY ${way.id} DESC LIMIT ?`;
    const values = [...filters.map(([, value]) => value), ...way.values, cursor, size];
    return this.#statement(sql).values(...values) as unknown as Row[];
  }

  #statement(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, (statement = this.#database.prepare(sql)));
    return statement;
  }
}

const BY_TAG = "tags CROSS JOIN jobs ON jobs.id = tags.job";

function by(index: string): Pick<Way, "from" | "id"> {
  return { from: `jobs INDEXED BY ${index}`, id: "id" };
}

/** The index that leaves the fewest rows to look at. */
function wayFor({ status, blueprint, client, tags, parent }: JobQuery): Way {
  if (parent !== undefined) return { ...by("jobs_children"), where: "parent = ? AND", values: [toStored(parent)] };
  const [tag] = tags ?? [];
  if (tag !== undefined) return { from: BY_TAG, id: "tags.job", where: "tags.tag = ? AND", values: [toStored(tag)] };
  const phase = status === undefined ? PHASE.finished : phaseOf(status);
  if (status !== undefined && phase === PHASE.endedOtherwise) {
    return { ...by("jobs_ended_otherwise"), where: `phase = ${phase} AND status = ? AND`, values: [status] };
  }
  if (phase === PHASE.open) return { ...by("jobs_open"), where: `phase = ${phase} AND`, values: [] };
  if (blueprint !== undefined) {
    return { ...by("jobs_by_blueprint"), where: "blueprint = ? AND", values: [toStored(blueprint)] };
  }
  if (client !== undefined) return { ...by("jobs_by_client"), where: "client = ? AND", values: [toStored(client)] };
  return { ...by("jobs_by_id"), where: "", values: [] };
}

function filtersOf(query: JobQuery): [condition: string, value: SQLQueryBindings][] {
  const filters: [string, SQLQueryBindings][] = [];
  if (query.client !== undefined) filters.push(["client = ?", toStored(query.client)]);
  if (query.status !== undefined) filters.push(["status = ?", query.status]);
  if (query.blueprint !== undefined) filters.push(["blueprint = ?", toStored(query.blueprint)]);
  if (query.createdAfterMs !== undefined) filters.push(["created_at > ?", query.createdAfterMs]);
  if (query.createdBeforeMs !== undefined) filters.push(["created_at < ?", query.createdBeforeMs]);
  // The way goes by the parent or by the first tag already.
  for (const tag of query.tags?.slice(query.parent === undefined ? 1 : 0) ?? []) {
    filters.push(["EXISTS (SELECT 1 FROM tags AS other WHERE other.tag = ? AND other.job = jobs.id)", toStored(tag)]);
  }
  return filters;
}
