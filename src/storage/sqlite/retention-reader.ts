/** What is old enough to go, looked for in slices along the ids: they grow with time, so the oldest come first. */
import type { Database, Statement } from "bun:sqlite";
import type { EndedTree, KeyPlace, RetentionReader } from "../port.ts";
import { PHASE } from "./migrations.ts";
import type { Reads } from "./reads.ts";
import { TREE } from "./removal-writer.ts";
import { fromStored, type StoredText, toStored } from "./text.ts";

type LookedAt = readonly [id: string, mayGo: number, createdAtMs: number];
type Sum = readonly [jobs: number, versions: number, isHeld: number];
type KeyRow = readonly [client: StoredText, key: StoredText, isExpired: number];

export class SqliteRetentionReader implements RetentionReader {
  readonly #reads: Reads;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: Database, reads: Reads) {
    this.#reads = reads;
    this.#statements = prepare(database);
  }

  async endedTrees(after: string, endedBeforeMs: number, look: number) {
    return this.#reads.now(() => {
      const seen = rows<LookedAt>(this.#statements.look, endedBeforeMs, after, look);
      const trees = seen.flatMap(([id, mayGo]) => (mayGo === 1 ? this.#tree(id, endedBeforeMs) : []));
      const last = seen.at(-1);
      // What was made later has not ended before.
      const isEnd = !last || seen.length < look || last[2] > endedBeforeMs;
      return isEnd ? { trees } : { trees, last: last[0] };
    });
  }

  async expiredKeys(after: KeyPlace | undefined, nowMs: number, look: number) {
    return this.#reads.now(() => {
      const place = [toStored(after?.client ?? ""), toStored(after?.key ?? "")] as const;
      const found = after
        ? rows<KeyRow>(this.#statements.keysAfter, nowMs, ...place, look)
        : rows<KeyRow>(this.#statements.keys, nowMs, look);
      const seen = found.map(([client, key, isExpired]) => ({ place: placeOf(client, key), isExpired }));
      const keys = seen.flatMap(({ place, isExpired }) => (isExpired === 1 ? [place] : []));
      const last = seen.length < look ? undefined : seen.at(-1)?.place;
      return last ? { keys, last } : { keys };
    });
  }

  finalize(): void {
    for (const statement of Object.values(this.#statements)) statement.finalize();
  }

  #tree(root: string, endedBeforeMs: number): EndedTree[] {
    const [sum] = rows<Sum>(this.#statements.tree, root, endedBeforeMs);
    if (!sum || sum[2] === 1) return [];
    // A unit of a job made at most one row of its history.
    return [{ root, jobs: sum[0], rows: sum[0] + sum[1] }];
  }
}

function placeOf(client: StoredText, key: StoredText): KeyPlace {
  return { client: fromStored(client), key: fromStored(key) };
}

function rows<Row>(statement: Statement, ...values: Parameters<Statement["values"]>): Row[] {
  return statement.values(...values) as unknown as Row[];
}

function prepare(database: Database) {
  return {
    look: database.prepare(
      `SELECT id, phase <> ${PHASE.open} AND updated_at <= ? AND parent IS NULL, created_at
       FROM jobs INDEXED BY jobs_by_id WHERE id > ? ORDER BY id LIMIT ?`,
    ),
    tree: database.prepare(
      `${TREE} SELECT count(*), sum(version), max(phase = ${PHASE.open} OR updated_at > ?2
         OR EXISTS (SELECT 1 FROM outbox WHERE outbox.job = tree.id AND outbox.due_at IS NOT NULL)) FROM tree`,
    ),
    keys: database.prepare("SELECT client, key, expires_at <= ? FROM idempotency ORDER BY client, key LIMIT ?"),
    keysAfter: database.prepare(
      "SELECT client, key, expires_at <= ? FROM idempotency WHERE (client, key) > (?, ?) ORDER BY client, key LIMIT ?",
    ),
  };
}
