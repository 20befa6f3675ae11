/** The data stores' part of a unit: what it read is looked at first, then what it writes is written. */
import type { Database } from "bun:sqlite";
import type { StoreChange } from "../../job/data-store.ts";
import type { Refusal } from "../../system/errors.ts";
import { dataStoreConflict } from "../refusals.ts";
import { toStored } from "./text.ts";

type StoreRow = readonly [number: number, keySet: number];

export class DataStoreWriter {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: Database) {
    this.#statements = prepare(database);
  }

  refusalOf(changes: readonly StoreChange[]): Refusal | undefined {
    const failed = changes.find((change) => !this.#holds(change));
    return failed && dataStoreConflict(failed.blueprint, failed.store);
  }

  write(change: StoreChange): void {
    if (change.writes.length === 0 && !change.seeded) return;
    const number = this.#store(change);
    const { version } = change;
    for (const [key, json] of change.writes) {
      if (json === undefined) this.#statements.remove.run(number, key);
      else this.#statements.put.run(number, key, version, json);
    }
    if (change.changesKeys) this.#statements.changedKeys.run(version, version, number);
    else this.#statements.changed.run(version, number);
    if (change.seeded) this.#statements.seeded.run(JSON.stringify(change.seeded), number);
  }

  finalize(): void {
    for (const statement of Object.values(this.#statements)) statement.finalize();
  }

  #holds({ blueprint, store, reads, keySet }: StoreChange): boolean {
    if (reads.length === 0 && keySet === undefined) return true;
    const [number, keySetNow] = this.#find(blueprint, store) ?? [-1, 0];
    if (keySet !== undefined && keySet !== keySetNow) return false;
    return reads.every(([key, version]) => this.#versionOf(number, key) === version);
  }

  #versionOf(number: number, key: string): number {
    return Number(this.#statements.version.values(number, key)[0]?.[0] ?? 0);
  }

  #find(blueprint: string, store: string): StoreRow | undefined {
    return this.#statements.find.values(toStored(blueprint), toStored(store))[0] as StoreRow | undefined;
  }

  #store({ blueprint, store }: StoreChange): number {
    const found = this.#find(blueprint, store);
    if (found) return found[0];
    return Number(this.#statements.add.run(toStored(blueprint), toStored(store)).lastInsertRowid);
  }
}

function prepare(database: Database) {
  return {
    find: database.prepare("SELECT number, key_set FROM data_stores WHERE blueprint = ? AND name = ?"),
    add: database.prepare(
      "INSERT INTO data_stores (blueprint, name, version, key_set, seeded) VALUES (?, ?, 0, 0, '[]')",
    ),
    changed: database.prepare("UPDATE data_stores SET version = ? WHERE number = ?"),
    changedKeys: database.prepare("UPDATE data_stores SET version = ?, key_set = ? WHERE number = ?"),
    seeded: database.prepare("UPDATE data_stores SET seeded = ? WHERE number = ?"),
    version: database.prepare("SELECT version FROM data_entries WHERE store = ? AND key = ?"),
    put: database.prepare("REPLACE INTO data_entries (store, key, version, value) VALUES (?, ?, ?, ?)"),
    remove: database.prepare("DELETE FROM data_entries WHERE store = ? AND key = ?"),
  };
}
