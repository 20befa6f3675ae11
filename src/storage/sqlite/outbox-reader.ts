import type { Database, Statement } from "bun:sqlite";
import type { OutboxReader, OutboxRow } from "../port.ts";
import { OUTBOX_COLUMNS, toOutboxRow, type StoredOutboxRow } from "./outbox-row.ts";
import type { Reads } from "./reads.ts";
import { fromStored, toStored, type StoredText } from "./text.ts";

type Bindings = Parameters<Statement["values"]>;

export class SqliteOutboxReader implements OutboxReader {
  readonly #reads: Reads;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: Database, reads: Reads) {
    this.#reads = reads;
    this.#statements = prepare(database);
  }

  async destinations(after: string, limit: number) {
    type Row = readonly [StoredText, number];
    const rows = this.#rows<Row>(this.#statements.destinations, toStored(after), limit);
    // Whoever asks for one page after the other must not hold up everything else.
    if (rows.length === limit) await this.#reads.pause();
    return rows.map(([destination, dueAtMs]) => ({ destination: fromStored(destination), dueAtMs }));
  }

  async due(destination: string, nowMs: number, limit: number): Promise<readonly OutboxRow[]> {
    return this.#outbox(this.#statements.due, toStored(destination), nowMs, limit);
  }

  async failed(limit: number, after?: string): Promise<readonly OutboxRow[]> {
    const { failed, failedAfter } = this.#statements;
    return after === undefined ? this.#outbox(failed, limit) : this.#outbox(failedAfter, toStored(after), limit);
  }

  async row(id: string): Promise<OutboxRow | undefined> {
    return this.#outbox(this.#statements.row, toStored(id))[0];
  }

  async ofJob(jobId: string): Promise<readonly OutboxRow[]> {
    return this.#outbox(this.#statements.ofJob, jobId);
  }

  async count(): Promise<{ readonly waiting: number; readonly failed: number }> {
    const [row] = this.#rows<readonly [number, number]>(this.#statements.count);
    return { waiting: row?.[0] ?? 0, failed: row?.[1] ?? 0 };
  }

  async reference(jobId: string, name: string): Promise<string | undefined> {
    const [row] = this.#rows<readonly [StoredText]>(this.#statements.reference, jobId, toStored(name));
    return row && fromStored(row[0]);
  }

  finalize(): void {
    for (const statement of Object.values(this.#statements)) statement.finalize();
  }

  #outbox(statement: Statement, ...values: Bindings): readonly OutboxRow[] {
    return this.#rows<StoredOutboxRow>(statement, ...values).map(toOutboxRow);
  }

  #rows<Row>(statement: Statement, ...values: Bindings): Row[] {
    return this.#reads.now(() => statement.values(...values) as unknown as Row[]);
  }
}

function prepare(database: Database) {
  return {
    // Jumps from name to name in the index: a destination with a million rows costs as much as one with a single row.
    destinations: database.prepare(
      `WITH RECURSIVE names (name) AS (
         SELECT min(destination) FROM outbox WHERE due_at IS NOT NULL AND destination > ?1
         UNION ALL
         SELECT (SELECT min(destination) FROM outbox WHERE due_at IS NOT NULL AND destination > name)
         FROM names WHERE name IS NOT NULL
       )
       SELECT name, (SELECT min(due_at) FROM outbox WHERE destination = name AND due_at IS NOT NULL)
       FROM names WHERE name IS NOT NULL LIMIT ?2`,
    ),
    due: database.prepare(
      `SELECT ${OUTBOX_COLUMNS} FROM outbox AS one WHERE destination = ? AND due_at <= ? AND NOT EXISTS (
         SELECT 1 FROM outbox AS earlier WHERE earlier.job = one.job AND earlier.number < one.number
           AND earlier.destination = one.destination AND earlier.due_at IS NOT NULL)
       ORDER BY due_at, number LIMIT ?`,
    ),
    failed: database.prepare(
      `SELECT ${OUTBOX_COLUMNS} FROM outbox WHERE failed_at IS NOT NULL ORDER BY failed_at DESC, number DESC LIMIT ?`,
    ),
    failedAfter: database.prepare(
      `SELECT ${OUTBOX_COLUMNS} FROM outbox WHERE failed_at IS NOT NULL
         AND (failed_at, number) < (SELECT failed_at, number FROM outbox WHERE id = ?)
       ORDER BY failed_at DESC, number DESC LIMIT ?`,
    ),
    row: database.prepare(`SELECT ${OUTBOX_COLUMNS} FROM outbox WHERE id = ?`),
    ofJob: database.prepare(`SELECT ${OUTBOX_COLUMNS} FROM outbox WHERE job = ? ORDER BY number`),
    count: database.prepare(
      `SELECT (SELECT count(*) FROM outbox WHERE due_at IS NOT NULL),
         (SELECT count(*) FROM outbox WHERE failed_at IS NOT NULL)`,
    ),
    reference: database.prepare("SELECT value FROM outbox_references WHERE job = ? AND name = ?"),
  };
}
