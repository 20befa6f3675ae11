/** Takes out of the store what is old enough: a job with its whole tree, its history and what else lies beside it. */
import type { Database } from "bun:sqlite";
import type { JobStatus } from "../../job/model.ts";
import type { Removal } from "../port.ts";
import type { Counts } from "./counts.ts";
import { REMOVE_LATER_EVENTS } from "./job-events.ts";
import { PHASE } from "./migrations.ts";
import { fromStored, type StoredText, toStored } from "./text.ts";

/** The job that has the first value as its id, and all below it. */
export const TREE = `WITH RECURSIVE tree (id, number, version, phase, status, client, updated_at) AS (
  SELECT id, number, version, phase, status, client, updated_at FROM jobs WHERE id = ?1
  UNION ALL
  SELECT child.id, child.number, child.version, child.phase, child.status, child.client, child.updated_at
  FROM tree JOIN jobs AS child INDEXED BY jobs_children ON child.parent = tree.id
)`;

type Member = readonly [id: string, number: number, status: JobStatus, client: StoredText, isHeld: number];

export class RemovalWriter {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(
    database: Database,
    readonly counts: Counts,
  ) {
    this.#statements = prepare(database);
  }

  remove({ roots, endedBeforeMs, keys }: Removal, nowMs: number): void {
    for (const root of roots) this.#removeTree(root, endedBeforeMs);
    for (const { client, key } of keys) this.#statements.key.run(toStored(client), toStored(key), nowMs);
  }

  /** Since it was looked for, somebody may have taken up one of its jobs again. */
  #removeTree(root: string, endedBeforeMs: number): void {
    const members = this.#statements.tree.values(root, endedBeforeMs) as unknown as Member[];
    if (members.some((member) => member[4] === 1)) return;
    for (const [id, number, status, client] of members) {
      this.counts.moved(fromStored(client), status, undefined);
      for (const statement of this.#statements.ofNumber) statement.run(number);
      for (const statement of this.#statements.ofId) statement.run(id);
    }
  }

  finalize(): void {
    const { ofNumber, ofId, ...others } = this.#statements;
    for (const statement of [...ofNumber, ...ofId, ...Object.values(others)]) statement.finalize();
  }
}

function prepare(database: Database) {
  return {
    tree: database.prepare(
      `${TREE} SELECT id, number, status, client, phase = ${PHASE.open} OR updated_at > ?2
         OR EXISTS (SELECT 1 FROM outbox WHERE outbox.job = tree.id AND outbox.due_at IS NOT NULL) FROM tree`,
    ),
    ofNumber: [
      database.prepare("DELETE FROM history WHERE job = ?"),
      database.prepare(REMOVE_LATER_EVENTS),
      database.prepare("DELETE FROM branches WHERE job = ?"),
      database.prepare("DELETE FROM inputs WHERE job = ?"),
      database.prepare("DELETE FROM jobs WHERE number = ?"),
    ],
    ofId: [
      database.prepare("DELETE FROM outbox_references WHERE job = ?"),
      database.prepare("DELETE FROM tags WHERE job = ?"),
    ],
    key: database.prepare("DELETE FROM idempotency WHERE client = ? AND key = ? AND expires_at <= ?"),
  };
}
