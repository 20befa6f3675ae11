/** The outbox's part of a unit. */
import type { Database, SQLQueryBindings } from "bun:sqlite";
import { assertNever } from "../../system/errors.ts";
import type { OutboxChange } from "../port.ts";
import { INSERT_OUTBOX } from "./outbox-row.ts";
import { toStored } from "./text.ts";

export class OutboxWriter {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: Database) {
    this.#statements = prepare(database);
  }

  insert(values: readonly SQLQueryBindings[]): void {
    this.#statements.insert.run(...values);
  }

  change(change: OutboxChange): void {
    const statements = this.#statements;
    switch (change.type) {
      case "remove":
        return void statements.remove.run(toStored(change.id));
      case "put-off": {
        const { id, attempts, dueAtMs, error, sinceMs = null } = change;
        statements.putOff.run(attempts, dueAtMs, error === undefined ? null : toStored(error), sinceMs, toStored(id));
        return void statements.holdBack.run(dueAtMs, toStored(id));
      }
      case "fail": {
        const { id, attempts, atMs, error } = change;
        return void statements.fail.run(attempts, atMs, toStored(error), toStored(id));
      }
      case "refer": {
        const { jobId, name, value } = change;
        if (value === undefined) return void statements.forget.run(jobId, toStored(name));
        return void statements.refer.run(jobId, toStored(name), toStored(value));
      }
      default:
        return assertNever(change);
    }
  }

  finalize(): void {
    for (const statement of Object.values(this.#statements)) statement.finalize();
  }
}

function prepare(database: Database) {
  return {
    insert: database.prepare(INSERT_OUTBOX),
    remove: database.prepare("DELETE FROM outbox WHERE id = ?"),
    putOff: database.prepare(
      "UPDATE outbox SET attempts = ?, due_at = ?, error = ?, failed_at = NULL, since = coalesce(?, since) WHERE id = ?",
    ),
    holdBack: database.prepare(
      `UPDATE outbox SET due_at = ?1 FROM (SELECT job, destination, number FROM outbox WHERE id = ?2) AS head
       WHERE outbox.job = head.job AND outbox.destination = head.destination
         AND outbox.number > head.number AND outbox.due_at < ?1`,
    ),
    fail: database.prepare("UPDATE outbox SET attempts = ?, due_at = NULL, failed_at = ?, error = ? WHERE id = ?"),
    refer: database.prepare("REPLACE INTO outbox_references (job, name, value) VALUES (?, ?, ?)"),
    forget: database.prepare("DELETE FROM outbox_references WHERE job = ? AND name = ?"),
  };
}
