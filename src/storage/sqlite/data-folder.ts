/** The folder that holds everything: made, checked for writing, and held by one process at a time. */
import { Database } from "bun:sqlite";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../system/errors.ts";
import { SQLITE, sqliteCode } from "./errors.ts";
import { folderLocked, folderReadOnly, type Holder } from "./refusals.ts";

const FOLDER_MODE = 0o700;

/** Nothing but the lock opens this file: closing any other handle of it would end the lock on POSIX. */
const LOCK_FILE = "lock.db";
const HOLDER_FILE = "holder.json";
const PROBE_FILE = "write-probe";

export interface FolderLock {
  release(): void;
}

export function prepareFolder(folder: string): void {
  try {
    if (!existsSync(folder)) {
      mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
      // The mode of mkdir is narrowed by the process's mask and never widened: it is set once more.
      chmodSync(folder, FOLDER_MODE);
    }
    const probe = join(folder, PROBE_FILE);
    writeFileSync(probe, "");
    rmSync(probe);
  } catch (error) {
    throw folderReadOnly(folder, messageOf(error));
  }
}

/** Held until released or until the process dies, in whichever way: the kernel lets go of it then. */
export function lockFolder(folder: string, holder: Holder): FolderLock {
  const database = openLock(folder);
  try {
    database.run("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (sqliteCode(error) === SQLITE.busy) throw folderLocked(folder, readHolder(folder));
    throw folderReadOnly(folder, messageOf(error));
  }
  const holderFile = join(folder, HOLDER_FILE);
  writeHolder(holderFile, holder);
  return {
    release() {
      rmSync(holderFile, { force: true });
      database.run("ROLLBACK");
      database.close();
    },
  };
}

/** Best effort: it names the holder to whoever comes too late, and a full disk must not keep the holder from starting. */
function writeHolder(file: string, holder: Holder): void {
  try {
    writeFileSync(file, `${JSON.stringify(holder)}\n`);
  } catch {
    rmSync(file, { force: true });
  }
}

function openLock(folder: string): Database {
  try {
    return new Database(join(folder, LOCK_FILE), { create: true, readwrite: true });
  } catch (error) {
    throw folderReadOnly(folder, messageOf(error));
  }
}

/** Best effort: the other process may be writing the file just now. */
function readHolder(folder: string): Holder | undefined {
  try {
    const { pid, startedAtMs } = JSON.parse(readFileSync(join(folder, HOLDER_FILE), "utf8")) as Partial<Holder>;
    return typeof pid === "number" && typeof startedAtMs === "number" ? { pid, startedAtMs } : undefined;
  } catch {
    return undefined;
  }
}
