import type { Database, Statement } from "bun:sqlite";
import type { DataStoreReader, EntryQuery, StoredEntry, StoredStore } from "../port.ts";
import type { Reads } from "./reads.ts";
import { fromStored, toStored, type StoredText } from "./text.ts";

/** Values can be large: few rows at a time keep each read short. */
const PAGE_ROWS = 200;

type EntryRow = readonly [key: string, version: number, json: string];

export class SqliteDataStoreReader implements DataStoreReader {
  readonly #reads: Reads;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: Database, reads: Reads) {
    this.#reads = reads;
    this.#statements = prepare(database);
  }

  async store(blueprint: string, store: string): Promise<StoredStore | undefined> {
    return this.#reads.now(() => {
      type StoreRow = readonly [version: number, keySet: number, seeded: string];
      const [row] = rows<StoreRow>(this.#statements.store, toStored(blueprint), toStored(store));
      return row && { version: row[0], keySet: row[1], seeded: JSON.parse(row[2]) as string[] };
    });
  }

  async entries(blueprint: string, store: string, query: EntryQuery): Promise<readonly StoredEntry[]> {
    const found: StoredEntry[] = [];
    while (found.length < query.limit) {
      const size = Math.min(PAGE_ROWS, query.limit - found.length);
      const after = found.at(-1)?.key ?? query.after;
      const read = this.#reads.now(() => this.#page(blueprint, store, query.prefix ?? "", after, size));
      for (const [key, version, json] of read) found.push({ key, version, json });
      if (read.length < size) break;
      if (found.length < query.limit) await this.#reads.pause();
    }
    return found;
  }

  async storesOf(blueprint: string): Promise<readonly string[]> {
    return this.#reads.now(() =>
      rows<readonly [StoredText]>(this.#statements.storesOf, toStored(blueprint)).map(([name]) => fromStored(name)),
    );
  }

  finalize(): void {
    for (const statement of Object.values(this.#statements)) statement.finalize();
  }

  #page(blueprint: string, store: string, prefix: string, after: string | undefined, size: number): EntryRow[] {
    const { page, pageAfter } = this.#statements;
    const where = [toStored(blueprint), toStored(store), prefix, endOf(prefix)] as const;
    return after === undefined ? rows(page, ...where, size) : rows(pageAfter, ...where, after, size);
  }
}

/** The least text behind all that begin with the prefix; null: there is none. */
function endOf(prefix: string): string | null {
  const points = [...prefix];
  for (let point = points.pop(); point !== undefined; point = points.pop()) {
    const next = (point.codePointAt(0) ?? 0) + 1;
    // What lies between them is no character of its own.
    if (next <= 0x10ffff) return points.join("") + String.fromCodePoint(next === 0xd800 ? 0xe000 : next);
  }
  return null;
}

function rows<Row>(statement: Statement, ...values: Parameters<Statement["values"]>): Row[] {
  return statement.values(...values) as unknown as Row[];
}

function prepare(database: Database) {
  const number = "(SELECT number FROM data_stores WHERE blueprint = ?1 AND name = ?2)";
  const inPrefix = `store = ${number} AND key >= ?3 AND (?4 IS NULL OR key < ?4)`;
  const columns = "SELECT key, version, value FROM data_entries";
  return {
    store: database.prepare("SELECT version, key_set, seeded FROM data_stores WHERE blueprint = ? AND name = ?"),
    storesOf: database.prepare("SELECT name FROM data_stores WHERE blueprint = ? ORDER BY name"),
    page: database.prepare(`${columns} WHERE ${inPrefix} ORDER BY key LIMIT ?5`),
    pageAfter: database.prepare(`${columns} WHERE ${inPrefix} AND key > ?5 ORDER BY key LIMIT ?6`),
  };
}
