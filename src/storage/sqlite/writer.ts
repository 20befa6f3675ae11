/** Groups of units, each group one transaction that is synced when it returns. */
import type { Database } from "bun:sqlite";
import { isTerminal, type JobStatus } from "../../job/model.ts";
import type { Clock } from "../../system/clock.ts";
import { messageOf, type Refusal } from "../../system/errors.ts";
import { Lookup } from "../../system/lookup.ts";
import type { GroupOutcome } from "../group-commit.ts";
import type { IdempotencyWrite } from "../port.ts";
import { storeConflict, storeInvalid } from "../refusals.ts";
import { Counts } from "./counts.ts";
import { DataStoreWriter } from "./data-store-writer.ts";
import { meaningOf, type Fault } from "./errors.ts";
import type { EncodedBranch, EncodedUnit, EncodedWrite } from "./encoded.ts";
import { apart, type BesideJobs } from "./group-frame.ts";
import { eventsInRow, JobEventsWriter } from "./job-events.ts";
import { JobMarks } from "./job-marks.ts";
import { INSERT_JOB, UPDATE_JOB } from "./job-row.ts";
import { OutboxWriter } from "./outbox-writer.ts";
import { RemovalWriter } from "./removal-writer.ts";
import { toStored } from "./text.ts";
import { Transaction } from "./transaction.ts";

type Found = readonly [number: number, version: number, status: JobStatus];

/** Open jobs whose row is known from their last unit: it need not be looked for, unless somebody else has written since. */
const KNOWN_MAX = 20_000;

export interface SqliteWriter {
  write(units: readonly EncodedUnit[]): GroupOutcome;
  /** Jobs that somebody else has written. */
  forget(ids: readonly string[]): void;
  finalize(): void;
}

export function createWriter(database: Database, clock: Pick<Clock, "nowMs">, fault: Fault): SqliteWriter {
  const transaction = new Transaction(database);
  const counts = new Counts(database);
  const dataStores = new DataStoreWriter(database);
  const outbox = new OutboxWriter(database);
  const removal = new RemovalWriter(database, counts);
  const marks = new JobMarks(database);
  const history = new JobEventsWriter(database);
  const statements = prepare(database);
  const known = new Lookup<string, Found>();

  function write(units: readonly EncodedUnit[]): GroupOutcome {
    if (fault.refusal) return { type: "unknown", error: fault.refusal };
    let index = 0;
    const refused = new Map<number, Refusal>();
    try {
      transaction.begin();
      for (; index < units.length; index++) {
        const refusal = writeUnit(units[index] as EncodedUnit);
        if (refusal) refused.set(index, refusal);
      }
      counts.store();
      transaction.commit();
      return { type: "stored", refused };
    } catch (error) {
      return rolledBack(error, index < units.length ? index : undefined);
    }
  }

  function find(id: string): Found | undefined {
    return known.get(id) ?? (statements.find.values(id)[0] as Found | undefined);
  }

  function remember({ id, version, status }: EncodedWrite, number: number): void {
    if (isTerminal(status)) return void known.delete(id);
    if (known.size >= KNOWN_MAX) known.clear();
    known.set(apart(id), [number, version, status]);
  }

  function rolledBack(error: unknown, index: number | undefined): GroupOutcome {
    counts.forget();
    known.clear();
    const meaning = meaningOf(error);
    // After an error of the disk nothing more is asked of it: not even to roll back.
    if (meaning === "fatal" || (meaning === "unit" && index === undefined)) return { type: "unknown", error };
    try {
      transaction.rollback();
    } catch (rollbackError) {
      return { type: "unknown", error: rollbackError };
    }
    if (meaning === "full" || index === undefined) return { type: "full" };
    return { type: "invalid", index, reason: messageOf(error) };
  }

  /** All that can refuse a unit is looked at before its first write, so that no savepoint is needed. */
  function writeUnit({ jobs, beside }: EncodedUnit): Refusal | undefined {
    // The row of a lone new job is the unit's first write: it tells itself that the id is taken.
    const isLoneCreation = jobs.length === 1 && jobs[0]?.expectedVersion === 0;
    const found: (Found | undefined)[] = [];
    for (const write of jobs) {
      // Other new jobs are looked for too: their ids must be free.
      const now = isLoneCreation ? undefined : find(write.id);
      const refusal = refusalOf(write, now) ?? (write.marks && marks.refusalOf(write.id, write.marks, now?.[2]));
      if (refusal) return refusal;
      found.push(now);
    }
    const refusal = beside && refusalBeside(beside);
    if (refusal) return refusal;

    for (let index = 0; index < jobs.length; index++) {
      const write = jobs[index] as EncodedWrite;
      if (writeJob(write, found[index])) continue;
      if (isLoneCreation) return conflictOf(write, find(write.id)?.[1] ?? 0);
      throw new RangeError(`job ${write.id} is made twice`);
    }
    if (beside) writeBeside(beside);
    return undefined;
  }

  function refusalBeside(unit: BesideJobs): Refusal | undefined {
    if (unit.idempotency && isTaken(unit.idempotency)) {
      const { client, key } = unit.idempotency;
      return storeConflict({ kind: "idempotency", client, key });
    }
    return unit.dataStores && dataStores.refusalOf(unit.dataStores);
  }

  function writeBeside(unit: BesideJobs): void {
    if (unit.idempotency) writeIdempotency(unit.idempotency);
    if (unit.outbox) for (const change of unit.outbox) outbox.change(change);
    if (unit.dataStores) for (const change of unit.dataStores) dataStores.write(change);
    if (unit.remove) removal.remove(unit.remove, clock.nowMs());
  }

  function isTaken({ client, key }: IdempotencyWrite): boolean {
    return statements.isTaken.values(toStored(client), toStored(key), clock.nowMs()).length > 0;
  }

  function writeIdempotency({ client, key, bodyHash, answer, expiresAtMs }: IdempotencyWrite): void {
    const texts = [client, key, bodyHash, answer].map(toStored);
    statements.idempotency.run(...texts, expiresAtMs);
  }

  /** False: it is new, but its id is taken, and nothing was written. */
  function writeJob(write: EncodedWrite, found: Found | undefined): boolean {
    const number = found ? found[0] : insert(write);
    if (number === undefined) return false;
    if (found) statements.update.run(...write.values, number);
    remember(write, number);
    counts.moved(write.client, found?.[2], write.status);
    if (write.input !== null) statements.input.run(number, write.input);
    if (write.events !== undefined) history.write(number, write.version, write.events);
    if (write.dropBranches) statements.dropBranches.run(number);
    for (const branch of write.branches) writeBranch(number, branch, write.dropBranches);
    for (const row of write.outbox) outbox.insert(row);
    if (write.marks) marks.write({ id: write.id, number, status: write.status }, write.marks, found?.[2]);
    return true;
  }

  /** Undefined: there is one with its id. */
  function insert({ values, version, events }: EncodedWrite): number | undefined {
    const { changes, lastInsertRowid } = statements.insert.run(...values, eventsInRow(version, events));
    return changes === 0 ? undefined : Number(lastInsertRowid);
  }

  function writeBranch(number: number, branch: EncodedBranch, dropped: boolean): void {
    const { slot, wait, task, result } = branch;
    if (wait !== undefined) {
      statements.branch.run(number, slot, wait, task, result);
      return;
    }
    // The last result of a visit comes in the unit that ends it.
    if (dropped || result === null) return;
    if (statements.branchResult.run(task, result, number, slot).changes === 0) {
      throw new RangeError(`a result for branch ${slot}, which is not stored`);
    }
  }

  return {
    write,
    forget(ids) {
      for (const id of ids) known.delete(id);
    },
    finalize() {
      transaction.finalize();
      counts.finalize();
      dataStores.finalize();
      outbox.finalize();
      removal.finalize();
      marks.finalize();
      history.finalize();
      for (const statement of Object.values(statements)) statement.finalize();
    },
  };
}

function conflictOf({ id, expectedVersion }: Pick<EncodedWrite, "id" | "expectedVersion">, version: number): Refusal {
  return storeConflict({ kind: "job", id, expected: expectedVersion, found: version });
}

function refusalOf(
  { id, version: next, expectedVersion }: EncodedWrite,
  found: Found | undefined,
): Refusal | undefined {
  if (next !== expectedVersion + 1) {
    return storeInvalid(`version ${next} of job ${id} does not follow version ${expectedVersion}`);
  }
  if (!id.isWellFormed()) return storeInvalid("the job's id is not well-formed text");
  const version = found?.[1] ?? 0;
  return version === expectedVersion ? undefined : conflictOf({ id, expectedVersion }, version);
}

function prepare(database: Database) {
  return {
    find: database.prepare("SELECT number, version, status FROM jobs WHERE id = ?"),
    insert: database.prepare(INSERT_JOB),
    update: database.prepare(UPDATE_JOB),
    input: database.prepare("INSERT INTO inputs (job, text) VALUES (?, ?)"),
    dropBranches: database.prepare("DELETE FROM branches WHERE job = ?"),
    branch: database.prepare("REPLACE INTO branches (job, slot, wait, task, result) VALUES (?, ?, ?, ?, ?)"),
    branchResult: database.prepare("UPDATE branches SET task = ?, result = ? WHERE job = ? AND slot = ?"),
    isTaken: database.prepare("SELECT 1 FROM idempotency WHERE client = ? AND key = ? AND expires_at > ?"),
    idempotency: database.prepare(
      "REPLACE INTO idempotency (client, key, body_hash, answer, expires_at) VALUES (?, ?, ?, ?, ?)",
    ),
  };
}
