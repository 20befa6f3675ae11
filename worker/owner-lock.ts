/**
 * Who owns a file, told by a lock that the kernel lets go of when its process dies, in whichever way.
 * Process ids say less: containers that share a folder have the same ones, and a machine gives them again.
 */
import { Database, SQLiteError } from "bun:sqlite";
import { rmSync } from "node:fs";

const BUSY = 5;

export interface OwnerLock {
  /** The file of the lock goes with it. */
  release(): void;
}

/** Undefined: somebody else holds it. Throws where the file cannot be made, or the disk takes no locks. */
export function tryLock(path: string): OwnerLock | undefined {
  const database = new Database(path, { create: true, readwrite: true });
  try {
    // Nothing is ever written: no file beside it is needed to take that back.
    database.run("PRAGMA journal_mode = MEMORY");
    database.run("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (error instanceof SQLiteError && (error.errno & 0xff) === BUSY) return undefined;
    throw error;
  }
  return {
    release() {
      // Removed while it is held: whoever opened it before finds nothing to take over.
      rmSync(path, { force: true });
      database.run("ROLLBACK");
      database.close();
    },
  };
}
