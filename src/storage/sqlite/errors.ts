/** What an error of SQLite means for whoever waits. */
import { SQLiteError } from "bun:sqlite";
import { messageOf, type Refusal } from "../../system/errors.ts";
import { outcomeUnknown } from "../refusals.ts";

export const SQLITE = {
  busy: 5,
  readOnly: 8,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  tooBig: 18,
  constraint: 19,
  mismatch: 20,
  range: 25,
  notADatabase: 26,
} as const;

/** The primary code: extended ones keep it in their low byte. 0: not an error of SQLite. */
export function sqliteCode(error: unknown): number {
  return error instanceof SQLiteError ? error.errno & 0xff : 0;
}

/** The index of the log, a file of its own, cannot grow. */
const SHM_SIZE = 10 | (19 << 8);

/** Only before the first write: of a commit that ends with an index that cannot grow nobody knows whether it holds. */
export function isFullAtOpening(error: unknown): boolean {
  return sqliteCode(error) === SQLITE.full || (error instanceof SQLiteError && error.errno === SHM_SIZE);
}

/** Errors that name the statement or its values, and leave the transaction to be rolled back. */
const OF_THE_UNIT: ReadonlySet<number> = new Set([SQLITE.tooBig, SQLITE.constraint, SQLITE.mismatch, SQLITE.range]);

export type Meaning = "full" | "unit" | "fatal";

export function meaningOf(error: unknown): Meaning {
  const code = sqliteCode(error);
  if (code === SQLITE.full) return "full";
  // What is no error of SQLite was thrown before SQLite was reached: a value that has no JSON, for one.
  return code === 0 || OF_THE_UNIT.has(code) ? "unit" : "fatal";
}

/** Remembers that the store failed: from then on nothing is written and nothing is read. */
export interface Fault {
  readonly refusal: Refusal | undefined;
  raise(error: unknown): Refusal;
}

export function createFault(onFatal: (error: unknown) => void): Fault {
  let refusal: Refusal | undefined;
  return {
    get refusal() {
      return refusal;
    },
    raise(error) {
      if (refusal) return refusal;
      refusal = outcomeUnknown(messageOf(error));
      onFatal(error);
      return refusal;
    },
  };
}
