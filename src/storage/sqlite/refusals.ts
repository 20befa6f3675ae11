/** Why a data folder cannot be opened. Each says what to do; none of them changes anything in it. */
import { Refusal } from "../../system/errors.ts";

const RETRY_SECONDS = 10;

export interface Holder {
  readonly pid: number;
  readonly startedAtMs: number;
}

export function folderLocked(folder: string, holder: Holder | undefined): Refusal {
  const who = holder ? `process ${holder.pid}` : "another process";
  return new Refusal(
    "DATA_FOLDER_LOCKED",
    503,
    `the data folder ${folder} is in use by ${who}: stop that one first, or choose another data folder`,
    holder ? { folder, ...holder } : { folder },
    RETRY_SECONDS,
  );
}

export function folderReadOnly(folder: string, reason: string): Refusal {
  return new Refusal(
    "DATA_FOLDER_READ_ONLY",
    500,
    `the data folder ${folder} cannot be written (${reason}): give this user the right to write there, or choose another data folder`,
    { folder, reason },
  );
}

export function folderFull(folder: string): Refusal {
  return new Refusal(
    "STORE_FULL",
    503,
    `no space is left for the database in the data folder ${folder}: free some on its disk, then start again`,
    { folder },
    RETRY_SECONDS,
  );
}

export function folderNewer(folder: string, writtenBy: string | undefined): Refusal {
  const version = writtenBy === undefined ? "a newer version of this program" : `version ${writtenBy} of this program`;
  return new Refusal(
    "DATA_FOLDER_NEWER",
    500,
    `the data folder ${folder} was written by ${version}: start that version or a newer one`,
    writtenBy === undefined ? { folder } : { folder, writtenBy },
  );
}

export function databaseCorrupt(file: string, reason: string): Refusal {
  return new Refusal(
    "DATABASE_CORRUPT",
    500,
    `the database ${file} is damaged (${reason}): it was left as it is, restore the data folder from a backup`,
    { file, reason },
  );
}
