/** What a data store holds as of the last admitted change; whether a turn's reads hold; what a change makes of it. */
import { entryBytes, type StoreChange, type StoreUse } from "../../src/job/data-store.ts";

export interface Entry {
  readonly version: number;
  /** JSON text. */
  readonly json: string;
}

export class StoreValues {
  /** Keys whose initial value was looked after. */
  readonly seeded = new Set<string>();
  /** Version of the key set. */
  keySet = 0;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  /** Of all keys and values. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  keys(prefix: string): string[] {
    return [...this.#entries.keys()].filter((key) => key.startsWith(prefix));
  }

  put(key: string, entry: Entry): void {
    this.remove(key);
    this.#entries.set(key, entry);
    this.#bytes += entryBytes(key, entry.json);
  }

  remove(key: string): void {
    const before = this.#entries.get(key);
    if (!before) return;
    this.#entries.delete(key);
    this.#bytes -= entryBytes(key, before.json);
  }

  /** Nothing that was read has changed since. */
  holds({ reads, keySet }: Pick<StoreUse, "reads" | "keySet">): boolean {
    if (keySet !== undefined && keySet !== this.keySet) return false;
    return reads.every(([key, version]) => (this.#entries.get(key)?.version ?? 0) === version);
  }

  changesKeys(writes: StoreUse["writes"]): boolean {
    return writes.some(([key, json]) => this.#entries.has(key) !== (json !== undefined));
  }

  bytesAfter(writes: StoreUse["writes"]): number {
    let bytes = this.#bytes;
    for (const [key, json] of writes) {
      const before = this.#entries.get(key);
      if (before) bytes -= entryBytes(key, before.json);
      if (json !== undefined) bytes += entryBytes(key, json);
    }
    return bytes;
  }

  apply({ version, writes, changesKeys, seeded }: StoreChange): void {
    for (const [key, json] of writes) {
      if (json === undefined) this.remove(key);
      else this.put(key, { version, json });
    }
    if (changesKeys) this.keySet = version;
    for (const key of seeded ?? []) this.seeded.add(key);
  }
}
