/** The embedded store: one SQLite file in a data folder that one process holds. */
import type { Database } from "bun:sqlite";
import { join } from "node:path";
import type { Clock, Scheduler } from "../../system/clock.ts";
import type { Log } from "../../system/log.ts";
import type { Random } from "../../system/random.ts";
import { createGroupJournal, type GroupWriter } from "../group-commit.ts";
import type { Storage } from "../port.ts";
import { createBallast, noBallast, type Ballast } from "./ballast.ts";
import { lockFolder, prepareFolder, type FolderLock } from "./data-folder.ts";
import { DATABASE_FILE, leaveTheLogToTheOther, openInFolder, openInMemory, waitForTheOther } from "./database.ts";
import { SqliteDataStoreReader } from "./data-store-reader.ts";
import { createFault, type Fault, isFullAtOpening } from "./errors.ts";
import { SqliteJobReader } from "./job-reader.ts";
import { SqliteOutboxReader } from "./outbox-reader.ts";
import { createReads } from "./reads.ts";
import { folderFull } from "./refusals.ts";
import { SqliteRetentionReader } from "./retention-reader.ts";
import { SqliteRegisters } from "./registers.ts";
import { guardSpace } from "./space-guard.ts";
import { writeNearOrFar } from "./near-writer.ts";
import { writeHere } from "./own-writer.ts";
import { startThreadWriter } from "./thread-writer.ts";
import { createWriter } from "./writer.ts";

const BALLAST_BYTES = 64 * 1024 * 1024;

export interface SqliteStorageOptions {
  /** ":memory:" keeps nothing, for tests and for one-off runs. */
  readonly folder: string;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly log: Log;
  /** The disk failed and nobody knows what it holds: end the process. Called once. */
  readonly onFatal: (error: unknown) => void;
  readonly programVersion: string;
  /** Space kept back for the day the disk is full; 0: none. */
  readonly ballastBytes?: number;
  /** The database grows no larger than this many pages; left out: as the disk allows. */
  readonly pagesMax?: number;
  /** A thread of its own for writing all but lone small units: the engine goes on while the disk syncs. Left out: written where the engine runs. */
  readonly writesInThread?: boolean;
  readonly groupUnitsMax?: number;
  readonly groupBytesMax?: number;
}

interface Place {
  readonly database: Database;
  readonly ballast: Ballast;
  readonly lock?: FolderLock;
}

/** Rejects with DATA_FOLDER_LOCKED, DATA_FOLDER_READ_ONLY, DATA_FOLDER_NEWER, DATABASE_CORRUPT or STORE_FULL. */
export async function openSqliteStorage(options: SqliteStorageOptions): Promise<Storage> {
  const { clock, scheduler, random } = options;
  const place = options.folder === ":memory:" ? inMemory(options) : await inFolder(options);
  const { database, ballast, lock } = place;
  if (options.pagesMax !== undefined) database.run(`PRAGMA max_page_count = ${Math.floor(options.pagesMax)}`);

  const fault = createFault(options.onFatal);
  const reads = createReads(fault, scheduler);
  const writer =
    options.writesInThread === true ? writeNearOrInThread(options, database, fault) : own(database, clock, fault);
  const jobs = new SqliteJobReader(database, reads);
  const outbox = new SqliteOutboxReader(database, reads);
  const dataStores = new SqliteDataStoreReader(database, reads);
  const retention = new SqliteRetentionReader(database, reads);
  const registers = new SqliteRegisters({ database, random, fault, reads, makeRoom: () => ballast.release() });
  const journal = createGroupJournal({
    writer: guardSpace(writer, ballast),
    scheduler,
    onFatal: (error) => fault.raise(error),
    ...(options.groupUnitsMax === undefined ? undefined : { unitsMax: options.groupUnitsMax }),
    ...(options.groupBytesMax === undefined ? undefined : { bytesMax: options.groupBytesMax }),
  });

  async function closeAll(): Promise<void> {
    await journal.close();
    await ballast.close();
    // Closing copies the log into the database. After a failure of the disk that is left to the next start.
    if (fault.refusal) return;
    reads.close();
    await writer.close();
    jobs.finalize();
    dataStores.finalize();
    retention.finalize();
    outbox.finalize();
    registers.close();
    try {
      database.close(true);
    } finally {
      lock?.release();
    }
  }

  let closing: Promise<void> | undefined;
  return { journal, jobs, outbox, dataStores, retention, registers, close: () => (closing ??= closeAll()) };
}

type ClosedWriter = GroupWriter & { close(): Promise<void> };

function own(database: Database, clock: Clock, fault: Fault): ClosedWriter {
  const writer = createWriter(database, clock, fault);
  return { ...writeHere(writer), close: async () => writer.finalize() };
}

function writeNearOrInThread(options: SqliteStorageOptions, database: Database, fault: Fault): ClosedWriter {
  leaveTheLogToTheOther(database);
  waitForTheOther(database);
  const path = join(options.folder, DATABASE_FILE);
  const { clock, pagesMax } = options;
  const near = createWriter(database, clock, fault);
  return writeNearOrFar({ near, far: startThreadWriter({ path, pagesMax, clock }), clock });
}

function inMemory(options: SqliteStorageOptions): Place {
  return { database: openInMemory(options), ballast: noBallast };
}

async function inFolder(options: SqliteStorageOptions): Promise<Place> {
  const { folder, clock, log, ballastBytes = BALLAST_BYTES } = options;
  prepareFolder(folder);
  const lock = lockFolder(folder, { pid: process.pid, startedAtMs: clock.nowMs() });
  const ballast = createBallast({ folder, bytes: ballastBytes, clock, log });
  try {
    return { database: openMakingRoom(options, ballast), lock, ballast };
  } catch (error) {
    await ballast.close();
    lock.release();
    throw error;
  }
}

/** A log that a kill left behind is copied at the start, which takes space: where there is none, the reserve goes for it. */
function openMakingRoom(options: SqliteStorageOptions, ballast: Ballast): Database {
  try {
    return openInFolder(options.folder, options);
  } catch (error) {
    if (!isFullAtOpening(error)) throw error;
    if (!ballast.release()) throw folderFull(options.folder);
  }
  try {
    return openInFolder(options.folder, options);
  } catch (error) {
    throw isFullAtOpening(error) ? folderFull(options.folder) : error;
  }
}
