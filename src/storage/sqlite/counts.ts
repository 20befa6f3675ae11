/** How many jobs each client has in each status: kept with the jobs, since counting a million rows takes long. */
import type { Database, Statement } from "bun:sqlite";
import type { JobStatus } from "../../job/model.ts";
import { toStored } from "./text.ts";

export class Counts {
  readonly #add: Statement;
  /** Of the transaction under way: one row a client and status is written for a whole group. */
  readonly #changes = new Map<string, Map<JobStatus, number>>();

  constructor(database: Database) {
    this.#add = database.prepare(
      `INSERT INTO counts (client, status, jobs) VALUES (?1, ?2, ?3)
       ON CONFLICT (client, status) DO UPDATE SET jobs = jobs + ?3`,
    );
  }

  /** Undefined: it is new, or goes. */
  moved(client: string, from: JobStatus | undefined, to: JobStatus | undefined): void {
    if (from === to) return;
    let changes = this.#changes.get(client);
    if (!changes) this.#changes.set(client, (changes = new Map()));
    if (from !== undefined) changes.set(from, (changes.get(from) ?? 0) - 1);
    if (to !== undefined) changes.set(to, (changes.get(to) ?? 0) + 1);
  }

  forget(): void {
    this.#changes.clear();
  }

  store(): void {
    for (const [client, changes] of this.#changes) {
      for (const [status, change] of changes) {
        if (change !== 0) this.#add.run(toStored(client), status, change);
      }
    }
    this.#changes.clear();
  }

  finalize(): void {
    this.#add.finalize();
  }
}
