/** Opens the database file: makes it whole or not at all, checks it before it is touched, and brings its schema up to date. */
import { Database, type SQLQueryBindings } from "bun:sqlite";
import { closeSync, existsSync, openSync, readSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../system/clock.ts";
import { messageOf, Refusal } from "../../system/errors.ts";
import { syncFolder } from "../../system/sync-folder.ts";
import { SQLITE, sqliteCode } from "./errors.ts";
import { MIGRATIONS } from "./migrations.ts";
import { databaseCorrupt, folderNewer, folderReadOnly } from "./refusals.ts";
import { Transaction } from "./transaction.ts";

export const DATABASE_FILE = "store.db";

const MIGRATIONS_TABLE = `CREATE TABLE IF NOT EXISTS migrations (
  version INTEGER PRIMARY KEY, name TEXT NOT NULL, program TEXT NOT NULL, applied_at INTEGER NOT NULL)`;

const MAGIC = "SQLite format 3\0";
// Larger pages mean fewer of them a group: measured up to 15 % faster than 4,096, and 16,384 slower again.
const PAGE_BYTES = 8192;
const CACHE_KIB = 32 * 1024;
/** WAL pages between two checkpoints: more of them make the slowest commit slower. */
const CHECKPOINT_PAGES = 1000;
/** A full check reads every page: 16 MB take some 50 ms, a large file takes minutes. */
const FULL_CHECK_BYTES_MAX = 16 * 1024 * 1024;

export interface DatabaseOptions {
  readonly clock: Clock;
  /** Of this program: a later one that finds its own schema too old can name it. */
  readonly programVersion: string;
}

export function openInMemory(options: DatabaseOptions): Database {
  const database = new Database(":memory:");
  configure(database);
  migrate(database, options);
  return database;
}

/** The folder is prepared and locked. */
export function openInFolder(folder: string, options: DatabaseOptions): Database {
  const file = join(folder, DATABASE_FILE);
  if (existsSync(file)) inspect(folder, file);
  else create(folder, file, options);
  return translating(folder, file, () => {
    const database = new Database(file, { readwrite: true });
    try {
      configure(database);
      makeRecoveredDurable(database);
      checkSize(file, database);
      migrate(database, options);
      return database;
    } catch (error) {
      database.close(true);
      throw error;
    }
  });
}

/**
 * A new database gets its name only once it is complete and synced. So a file of no bytes under
 * that name is damage, and never a first start that was interrupted.
 */
function create(folder: string, file: string, options: DatabaseOptions): void {
  if (existsSync(`${file}-wal`)) throw databaseCorrupt(file, "it is missing, while its log is there");
  const unfinished = `${file}.new`;
  translating(folder, file, () => {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(unfinished + suffix, { force: true });
    const database = new Database(unfinished, { create: true, readwrite: true });
    try {
      configure(database);
      migrate(database, options);
    } finally {
      database.close(true);
    }
    renameSync(unfinished, file);
    syncFolder(folder);
  });
}

/** Looks without writing: a damaged or newer file stays as it is. */
function inspect(folder: string, file: string): void {
  checkHeader(file);
  translating(folder, file, () => {
    const database = new Database(file, { readonly: true });
    try {
      checkSchema(folder, file, database);
      if (statSync(file).size <= FULL_CHECK_BYTES_MAX) checkPages(file, database);
    } finally {
      database.close(true);
    }
  });
}

function checkHeader(file: string): void {
  const header = Buffer.alloc(MAGIC.length);
  const handle = openSync(file, "r");
  try {
    if (readSync(handle, header) < MAGIC.length) throw databaseCorrupt(file, "it is cut off");
  } finally {
    closeSync(handle);
  }
  if (header.toString("latin1") !== MAGIC) throw databaseCorrupt(file, "it is not a database");
}

/** The largest ones, of which an older file has not all. */
const TREES = ["jobs", "history", "later_events"];

function checkSchema(folder: string, file: string, database: Database): void {
  const version = numberOf(database, "PRAGMA user_version");
  if (version > MIGRATIONS.length) throw folderNewer(folder, writerOf(database, version));
  const applied = numberOf(
    database,
    "SELECT count(*) FROM sqlite_schema WHERE name IN ('migrations', 'jobs', 'history')",
  );
  if (version === 0 || applied < 3) throw databaseCorrupt(file, "its tables are missing");
  // Both ends of the largest trees: what was cut off or overwritten shows here most often.
  for (const table of TREES) {
    if (!rowOf(database, "SELECT 1 FROM sqlite_schema WHERE name = ?", table)) continue;
    for (const order of ["ASC", "DESC"]) rowOf(database, `SELECT * FROM ${table} ORDER BY 1 ${order} LIMIT 1`);
  }
}

function checkPages(file: string, database: Database): void {
  const found = String(rowOf(database, "PRAGMA quick_check(1)")?.[0]);
  if (found !== "ok") throw databaseCorrupt(file, found);
}

function writerOf(database: Database, version: number): string | undefined {
  try {
    const row = rowOf(database, "SELECT program FROM migrations WHERE version = ?", version);
    return typeof row?.[0] === "string" ? row[0] : undefined;
  } catch (error) {
    // A much newer version may keep this elsewhere; that it is newer is known all the same.
    if (sqliteCode(error) === 0) throw error;
    return undefined;
  }
}

/**
 * After a kill the log may hold commits that only the page cache knows. Copying them into the
 * database syncs both files: only then may anything be done because of them.
 */
function makeRecoveredDurable(database: Database): void {
  const row = rowOf(database, "PRAGMA wal_checkpoint(TRUNCATE)");
  if (row?.[0] !== 0) throw new Error("the log could not be copied into the database: something else holds it open");
}

function checkSize(file: string, database: Database): void {
  const bytes = numberOf(database, "PRAGMA page_count") * numberOf(database, "PRAGMA page_size");
  const found = statSync(file).size;
  if (found < bytes) throw databaseCorrupt(file, `it has ${found} bytes of ${bytes}`);
}

/** Longer than any group takes: the connections of one process wait for each other, and for nobody else. */
const BUSY_WAIT_MS = 5_000;

/** For a second connection of the program, beside the one that opened the folder. */
export function setUp(database: Database): void {
  configure(database);
  waitForTheOther(database);
}

/** Copying the log takes long: it falls to the other connection, unless that one writes nothing for very long. */
export function leaveTheLogToTheOther(database: Database): void {
  database.run(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES * 4}`);
}

export function waitForTheOther(database: Database): void {
  database.run(`PRAGMA busy_timeout = ${BUSY_WAIT_MS}`);
}

function configure(database: Database): void {
  database.run(`PRAGMA page_size = ${PAGE_BYTES}`);
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA synchronous = FULL");
  database.run("PRAGMA foreign_keys = ON");
  database.run("PRAGMA busy_timeout = 0");
  database.run(`PRAGMA cache_size = -${CACHE_KIB}`);
  database.run(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
}

function migrate(database: Database, { clock, programVersion }: DatabaseOptions): void {
  const applied = numberOf(database, "PRAGMA user_version");
  const missing = MIGRATIONS.slice(applied);
  if (missing.length === 0) return;
  const transaction = new Transaction(database);
  transaction.begin();
  try {
    database.run(MIGRATIONS_TABLE);
    for (const [index, { name, sql }] of missing.entries()) {
      const version = applied + index + 1;
      database.run(sql);
      database.run("INSERT INTO migrations VALUES (?, ?, ?, ?)", [version, name, programVersion, clock.nowMs()]);
    }
    database.run(`PRAGMA user_version = ${MIGRATIONS.length}`);
    transaction.commit();
  } catch (error) {
    transaction.rollback();
    throw error;
  } finally {
    transaction.finalize();
  }
}

function numberOf(database: Database, sql: string): number {
  return Number(rowOf(database, sql)?.[0]);
}

/** Statements are finalised at once: one that is left open would keep the file open. */
function rowOf(database: Database, sql: string, ...values: SQLQueryBindings[]): unknown[] | undefined {
  const statement = database.prepare(sql);
  try {
    return statement.values(...values)[0];
  } finally {
    statement.finalize();
  }
}

/** What SQLite says while a file is opened, as something to act on. */
function translating<T>(folder: string, file: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const code = sqliteCode(error);
    if (code === SQLITE.corrupt || code === SQLITE.notADatabase) throw databaseCorrupt(file, messageOf(error));
    if (code === SQLITE.readOnly || code === SQLITE.cannotOpen) throw folderReadOnly(folder, messageOf(error));
    throw error;
  }
}
