/** Data stores: what a run of a handler did with one, and how much may be kept in it. */

/** What one turn read and wrote of one store of its blueprint. */
export interface StoreUse {
  readonly store: string;
  /** Each key that was read, with its version; 0: it was absent. */
  readonly reads: readonly (readonly [key: string, version: number])[];
  /** Version of the key set, where the keys were listed. */
  readonly keySet?: number;
  /** JSON text of the new value; undefined: the key goes. */
  readonly writes: readonly (readonly [key: string, json: string | undefined])[];
}

/** A use that was admitted: it becomes durable with the unit of its job, if what it read still holds then. */
export interface StoreChange extends StoreUse {
  readonly blueprint: string;
  /** Of all that it writes. Never given twice in a process, also if the change fails. */
  readonly version: number;
  /** It makes or removes keys. */
  readonly changesKeys: boolean;
  /** All keys whose initial value was ever looked after, where that has changed. */
  readonly seeded?: readonly string[];
}

export const STORE_LIMITS = {
  nameCharacters: 128,
  keyBytes: 512,
  valueBytes: 256 * 1024,
  /** Of all keys and values of one store. */
  storeBytes: 64 * 1024 * 1024,
  /** Keys that one run may read and write. */
  keysOfRun: 1_000,
} as const;

/** What an entry is counted as beside its texts: small ones cost memory too. */
const ENTRY_BYTES = 64;

export function entryBytes(key: string, json: string): number {
  return Buffer.byteLength(key) + Buffer.byteLength(json) + ENTRY_BYTES;
}
