import type { Database, Statement } from "bun:sqlite";

/** One transaction at a time, on kept statements. */
export class Transaction {
  readonly #database: Database;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;

  constructor(database: Database) {
    this.#database = database;
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#rollback = database.prepare("ROLLBACK");
  }

  begin(): void {
    this.#begin.run();
  }

  commit(): void {
    this.#commit.run();
  }

  /** SQLite has rolled back by itself after some errors; asking again would be one more. */
  rollback(): void {
    if (this.#database.inTransaction) this.#rollback.run();
  }

  finalize(): void {
    for (const statement of [this.#begin, this.#commit, this.#rollback]) statement.finalize();
  }
}
