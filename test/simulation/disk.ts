/**
 * A disk in memory that outlives the processes which use it. What a process wrote and was not
 * synced when it died lies in the page cache: it is kept or lost when the next one opens the store.
 * Above it is the real group commit; what is here stands for the database and the machine.
 */
import type { StoreChange } from "../../src/job/data-store.ts";
import {
  type BranchWait,
  isChildWait,
  isTerminal,
  type Job,
  type JobEvent,
  type JobStatus,
} from "../../src/job/model.ts";
import { createGroupJournal, type GroupOutcome, type GroupWriter } from "../../src/storage/group-commit.ts";
import type {
  BranchWrite,
  DataStoreReader,
  EntryQuery,
  GatedJob,
  IdempotencyWrite,
  JobQuery,
  JobReader,
  JobWrite,
  OpenJob,
  OutboxChange,
  OutboxReader,
  OutboxRow,
  OutboxWrite,
  KeyPlace,
  Registers,
  Removal,
  RetentionReader,
  ScheduleWrite,
  Storage,
  StoredBranch,
  StoredBundle,
  StoredEntry,
  StoredStore,
  StoredTask,
  StoredUnitEvents,
  TaskPlace,
  Unit,
  StoredReputation,
  UsedAttempts,
  WaitingJob,
} from "../../src/storage/port.ts";
import {
  dataStoreConflict,
  outcomeUnknown,
  storeClosed,
  storeConflict,
  storeInvalid,
  uniqueKeyTaken,
} from "../../src/storage/refusals.ts";
import type { Clock, Scheduler } from "../../src/system/clock.ts";
import { messageOf, type Refusal } from "../../src/system/errors.ts";
import type { Random } from "../../src/system/random.ts";

interface JobRow {
  readonly version: number;
  readonly status: JobStatus;
  readonly client: string;
  readonly wakeAtMs: number | undefined;
  readonly text: string;
}

interface BranchRow {
  readonly wait: string;
  readonly result?: { readonly taskId: string; readonly json: string } | undefined;
}

interface UnitRow {
  readonly version: number;
  readonly text: string;
}

interface DataStoreRow extends StoredStore {
  readonly entries: ReadonlyMap<string, StoredEntry>;
}

const NO_DATA: DataStoreRow = { version: 0, keySet: 0, seeded: [], entries: new Map() };

/** What becomes of a group of units that is about to be written. */
export type Fate =
  | "stored"
  /** No space: rolled back. */
  | "full"
  /** The sync failed and nobody knows: the process has to end, and the group is in the page cache. */
  | "unknown"
  /** The process dies before the write, or between the write and its sync. */
  | "died-before"
  | "died-unsynced"
  /** It is durable, and the process dies before anybody hears of it. */
  | "died-after";

/** What goes wrong with this process's disk; asked each time. */
export interface DiskFaults {
  fate(units: readonly Unit[]): Fate;
  /** An error, or how long the answer takes; `jobId` where one job is read. */
  read(jobId?: string): Refusal | number;
  write(): Refusal | undefined;
  /** The process is gone. */
  died(): void;
}

export const SOUND: DiskFaults = {
  fate: () => "stored",
  read: () => 0,
  write: () => undefined,
  died: () => undefined,
};

export interface DiskParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly onFatal: (error: unknown) => void;
  readonly faults?: DiskFaults;
  /** Waits so long, if it is more than nothing. */
  readonly pause?: (ms: number) => Promise<void>;
}

export class Disk {
  readonly jobs = new Map<string, JobRow>();
  readonly branches = new Map<string, Map<number, BranchRow>>();
  readonly history = new Map<string, UnitRow[]>();
  readonly idempotency = new Map<string, IdempotencyWrite>();
  /** By id, in the order in which they were written. */
  readonly outbox = new Map<string, OutboxRow>();
  readonly references = new Map<string, string>();
  readonly dataStores = new Map<string, DataStoreRow>();
  readonly workers = new Map<string, string>();
  readonly bundles = new Map<string, StoredBundle>();
  readonly tokens = new Map<string, string>();
  readonly attempts = new Map<string, UsedAttempts>();
  readonly reputations = new Map<string, StoredReputation>();
  readonly pauses = new Map<string, number>();
  /** Client, blueprint and key to the open job that has it. */
  readonly uniqueKeys = new Map<string, string>();
  readonly schedules = new Map<string, string>();
  epoch = 0;
  secret: Uint8Array | undefined;
  /** Told of each unit once it is durable, acknowledged or not. */
  onDurable: (unit: Unit) => void = () => undefined;
  /** Told of each unit that was refused for what it had read of a data store. */
  onDataConflict: (unit: Unit) => void = () => undefined;
  /** Told of each unit that was refused for its jobs, and would have changed a data store. */
  onStoreChangeDropped: (unit: Unit) => void = () => undefined;
  #undo: (() => void)[] = [];
  /** Written by a process that died before its sync. */
  #cached: { readonly undo: readonly (() => void)[]; readonly units: readonly Unit[] } | undefined;

  /** The machine went down: what was not synced is lost. */
  losePower(): void {
    for (const undo of (this.#cached?.undo ?? []).toReversed()) undo();
    this.#cached = undefined;
  }

  /** Nothing is read before all of it is synced. */
  open(parts: DiskParts): Storage {
    for (const unit of this.#cached?.units ?? []) this.onDurable(unit);
    this.#cached = undefined;
    return new Opened(this, parts);
  }

  job(id: string): Job | undefined {
    const row = this.jobs.get(id);
    return row && (JSON.parse(row.text) as Job);
  }

  write(units: readonly Unit[], fate: Fate, nowMs: number): GroupOutcome {
    const refused = new Map<number, Refusal>();
    this.#undo = [];
    for (const [index, unit] of units.entries()) {
      try {
        const refusal = this.#refusalOf(unit, nowMs);
        if (refusal) refused.set(index, refusal);
        else this.#writeUnit(unit, nowMs);
      } catch (error) {
        this.#rollBack();
        return { type: "invalid", index, reason: messageOf(error) };
      }
    }
    const written = units.filter((_unit, index) => !refused.has(index));
    switch (fate) {
      case "stored":
      case "died-after":
        for (const unit of written) this.onDurable(unit);
        return { type: "stored", refused };
      case "full":
        this.#rollBack();
        return { type: "full" };
      case "died-before":
        this.#rollBack();
        return { type: "unknown", error: new Error("the process died before it wrote") };
      case "unknown":
      case "died-unsynced":
        this.#cached = { undo: this.#undo, units: written };
        return { type: "unknown", error: new Error("the sync failed") };
    }
  }

  #rollBack(): void {
    for (const undo of this.#undo.toReversed()) undo();
    this.#undo = [];
  }

  #refusalOf(unit: Unit, nowMs: number): Refusal | undefined {
    const refusal = this.#refusalOfJobs(unit, nowMs);
    if (refusal) {
      if (unit.dataStores) this.onStoreChangeDropped(unit);
      return refusal;
    }
    const failed = unit.dataStores?.find((change) => !this.#holds(change));
    if (!failed) return undefined;
    this.onDataConflict(unit);
    return dataStoreConflict(failed.blueprint, failed.store);
  }

  #refusalOfJobs(unit: Unit, nowMs: number): Refusal | undefined {
    for (const { job, expectedVersion } of unit.jobs) {
      if (job.version !== expectedVersion + 1) return storeInvalid(`version ${job.version} does not follow`);
      const found = this.jobs.get(job.id)?.version ?? 0;
      if (found !== expectedVersion) {
        return storeConflict({ kind: "job", id: job.id, expected: expectedVersion, found });
      }
      const holder = this.uniqueKeys.get(uniqueName(job));
      if (holder !== undefined && holder !== job.id) return uniqueKeyTaken(holder);
    }
    if (unit.idempotency && this.answer(unit.idempotency.client, unit.idempotency.key, nowMs)) {
      const { client, key } = unit.idempotency;
      return storeConflict({ kind: "idempotency", client, key });
    }
    return undefined;
  }

  dataStore(blueprint: string, store: string): DataStoreRow | undefined {
    return this.dataStores.get(JSON.stringify([blueprint, store]));
  }

  #holds({ blueprint, store, reads, keySet }: StoreChange): boolean {
    const now = this.dataStore(blueprint, store) ?? NO_DATA;
    if (keySet !== undefined && keySet !== now.keySet) return false;
    return reads.every(([key, version]) => (now.entries.get(key)?.version ?? 0) === version);
  }

  #writeDataStore({ blueprint, store, version, writes, changesKeys, seeded }: StoreChange): void {
    if (writes.length === 0 && !seeded) return;
    const before = this.dataStore(blueprint, store) ?? NO_DATA;
    const entries = new Map(before.entries);
    for (const [key, json] of writes) {
      if (json === undefined) entries.delete(key);
      else entries.set(key, { key, version, json });
    }
    const keySet = changesKeys ? version : before.keySet;
    const row = { version, keySet, seeded: seeded ?? before.seeded, entries };
    this.#put(this.dataStores, JSON.stringify([blueprint, store]), row);
  }

  answer(client: string, key: string, nowMs: number): IdempotencyWrite | undefined {
    const found = this.idempotency.get(JSON.stringify([client, key]));
    return found && found.expiresAtMs > nowMs ? found : undefined;
  }

  /** The job and all below it, if all of it may go. */
  tree(root: string, endedBeforeMs: number): readonly string[] {
    const ids = this.jobs.has(root) ? [root] : [];
    for (const id of ids) for (const [child] of this.jobs) if (this.job(child)?.parentId === id) ids.push(child);
    const waiting = new Set([...this.outbox.values()].flatMap((row) => (row.dueAtMs === undefined ? [] : row.jobId)));
    const mayGo = ids.every((id) => {
      const job = this.job(id);
      return job && isTerminal(job.status) && job.updatedAtMs <= endedBeforeMs && !waiting.has(id);
    });
    return mayGo ? ids : [];
  }

  #takeOut({ roots, endedBeforeMs, keys }: Removal, nowMs: number): void {
    for (const id of roots.flatMap((root) => this.tree(root, endedBeforeMs))) {
      this.#remove(this.jobs, id);
      this.#remove(this.branches, id);
      this.#remove(this.history, id);
      for (const key of this.references.keys()) {
        if ((JSON.parse(key) as [string])[0] === id) this.#remove(this.references, key);
      }
    }
    for (const { client, key } of keys) {
      if (!this.answer(client, key, nowMs)) this.#remove(this.idempotency, JSON.stringify([client, key]));
    }
  }

  #writeUnit(unit: Unit, nowMs: number): void {
    for (const write of unit.jobs) this.#writeJob(write);
    for (const change of unit.dataStores ?? []) this.#writeDataStore(change);
    if (unit.remove) this.#takeOut(unit.remove, nowMs);
    const { idempotency } = unit;
    if (idempotency) this.#put(this.idempotency, JSON.stringify([idempotency.client, idempotency.key]), idempotency);
    for (const change of unit.outbox ?? []) this.#changeOutbox(change);
  }

  #writeJob(write: JobWrite): void {
    const { job, wakeAtMs } = write;
    if (this.jobs.get(job.id)?.version === job.version) throw new RangeError("the unit writes a job twice");
    const { version, status, client } = job;
    this.#writeUniqueKey(job);
    this.#put(this.jobs, job.id, { version, status, client: client.id, wakeAtMs, text: JSON.stringify(job) });
    if (write.events.length > 0) {
      const units = this.history.get(job.id) ?? [];
      this.history.set(job.id, units);
      units.push({ version, text: JSON.stringify(write.events) });
      this.#undo.push(() => void units.pop());
    }
    if (write.dropBranches) this.#put(this.branches, job.id, new Map());
    for (const branch of write.branches ?? []) this.#writeBranch(job.id, branch, write.dropBranches === true);
    for (const row of write.outbox ?? []) this.#writeOutbox(job.id, row);
  }

  #writeUniqueKey(job: Job): void {
    if (job.uniqueKey === undefined) return;
    const name = uniqueName(job);
    const holder = this.uniqueKeys.get(name);
    if (holder !== undefined && holder !== job.id) throw new RangeError("two jobs of a unit have one unique key");
    if (!isTerminal(job.status)) this.#put(this.uniqueKeys, name, job.id);
    else if (holder === job.id) this.#remove(this.uniqueKeys, name);
  }

  #writeOutbox(jobId: string, { id, kind, destination = kind, body, dueAtMs }: OutboxWrite): void {
    if (this.outbox.has(id)) throw new RangeError(`two rows of the outbox have the id ${id}`);
    const before = this.lane(jobId, destination).map((row) => row.dueAtMs ?? 0);
    this.#put(this.outbox, id, {
      id,
      jobId,
      kind,
      destination,
      body,
      sinceMs: dueAtMs,
      attempts: 0,
      dueAtMs: Math.max(dueAtMs, ...before),
      failedAtMs: undefined,
      error: undefined,
    });
  }

  #changeOutbox(change: OutboxChange): void {
    if (change.type === "refer") {
      const key = JSON.stringify([change.jobId, change.name]);
      if (change.value === undefined) this.#remove(this.references, key);
      else this.#put(this.references, key, change.value);
      return;
    }
    const row = this.outbox.get(change.id);
    if (!row) return;
    if (change.type === "remove") return this.#remove(this.outbox, row.id);
    const { attempts, error } = change;
    if (change.type === "fail") {
      return this.#put(this.outbox, row.id, { ...row, attempts, error, dueAtMs: undefined, failedAtMs: change.atMs });
    }
    const { dueAtMs, sinceMs = row.sinceMs } = change;
    this.#put(this.outbox, row.id, { ...row, attempts, error, dueAtMs, sinceMs, failedAtMs: undefined });
    const lane = this.lane(row.jobId, row.destination);
    for (const later of lane.slice(lane.findIndex(({ id }) => id === row.id) + 1)) {
      if ((later.dueAtMs ?? 0) < dueAtMs) this.#put(this.outbox, later.id, { ...later, dueAtMs });
    }
  }

  /** What waits for this job and destination, in order. */
  lane(jobId: string, destination: string): OutboxRow[] {
    const rows = [...this.outbox.values()].filter((row) => row.jobId === jobId && row.destination === destination);
    return rows.filter((row) => row.dueAtMs !== undefined);
  }

  #writeBranch(jobId: string, { slot, wait, result }: BranchWrite, dropped: boolean): void {
    let rows = this.branches.get(jobId);
    if (!rows) this.#put(this.branches, jobId, (rows = new Map<number, BranchRow>()));
    if (wait) return this.#put(rows, slot, { wait: JSON.stringify(wait), result });
    if (dropped || !result) return;
    const before = rows.get(slot);
    if (!before) throw new RangeError(`a result for branch ${slot}, which is not stored`);
    this.#put(rows, slot, { wait: before.wait, result });
  }

  #put<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): void {
    const before = map.get(key);
    this.#undo.push(() => {
      if (before === undefined) map.delete(key);
      else map.set(key, before);
    });
    map.set(key, value);
  }

  /** Undone as a whole: what is put back later has to stand where it stood. */
  #remove<Value>(map: Map<string, Value>, key: string): void {
    const before = [...map];
    this.#undo.push(() => {
      map.clear();
      for (const [name, value] of before) map.set(name, value);
    });
    map.delete(key);
  }
}

/** The store as one process sees it. */
class Opened implements Storage, JobReader, RetentionReader, DataStoreReader, Registers, GroupWriter {
  readonly jobs = this;
  readonly dataStores = this;
  readonly retention = this;
  readonly outbox: OutboxReader;
  readonly registers = this;
  readonly journal;
  readonly #faults: DiskFaults;
  #closed = false;
  #failed: Refusal | undefined;

  constructor(
    readonly disk: Disk,
    readonly parts: DiskParts,
  ) {
    this.#faults = parts.faults ?? SOUND;
    const onFatal = (error: unknown) => {
      this.#failed = outcomeUnknown(messageOf(error));
      parts.onFatal(error);
    };
    this.outbox = outboxOf(disk, () => this.#reading());
    this.journal = createGroupJournal({ writer: this, scheduler: parts.scheduler, onFatal });
  }

  write(units: readonly Unit[]): GroupOutcome {
    const fate = this.#faults.fate(units);
    const outcome = this.disk.write(units, fate, this.parts.clock.nowMs());
    if (fate.startsWith("died")) this.#faults.died();
    return outcome;
  }

  async close(): Promise<void> {
    await this.journal.close();
    this.#closed = true;
  }

  async load(id: string): Promise<Job | undefined> {
    await this.#reading(id);
    return this.disk.job(id);
  }

  async branches(id: string): Promise<readonly StoredBranch[]> {
    await this.#reading(id);
    const rows = [...(this.disk.branches.get(id) ?? [])].toSorted(([a], [b]) => a - b);
    return rows.map(([slot, { wait, result }]) => ({
      slot,
      wait: JSON.parse(wait) as BranchWait,
      ...(result && { result }),
    }));
  }

  async list(query: JobQuery): Promise<readonly Job[]> {
    await this.#reading();
    const { after, offset = 0, limit } = query;
    const ids = [...this.disk.jobs.keys()].filter((id) => after === undefined || id < after);
    const jobs = ids.toSorted((a, b) => (a < b ? 1 : -1)).flatMap((id) => this.disk.job(id) ?? []);
    return jobs.filter((job) => fits(job, query)).slice(offset, offset + limit);
  }

  async events(jobId: string, afterVersion: number, limit: number): Promise<readonly StoredUnitEvents[]> {
    await this.#reading();
    const units = this.disk.history.get(jobId) ?? [];
    const found = units.filter((unit) => unit.version > afterVersion).slice(0, limit);
    return found.map(({ version, text }) => ({ version, events: JSON.parse(text) as JobEvent[] }));
  }

  async countByStatus(client?: string): Promise<ReadonlyMap<JobStatus, number>> {
    await this.#reading();
    const counts = new Map<JobStatus, number>();
    for (const row of this.disk.jobs.values()) {
      if (client === undefined || row.client === client) counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
    }
    return new Map([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  async openJobs(afterId: string, limit: number): Promise<readonly OpenJob[]> {
    await this.#reading();
    const open = [...this.disk.jobs].filter(([id, row]) => id > afterId && !isTerminal(row.status));
    const withChildren = new Set(
      open.length === 0 ? [] : [...this.disk.jobs.keys()].flatMap((id) => this.#parentOf(id)),
    );
    return open
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
      .map((row) => ({
        ...toOpenJob(row),
        ...(withChildren.has(row[0]) && { hasOpenChild: true as const }),
        ...this.#beginsOf(row[0]),
      }));
  }

  #beginsOf(id: string): Pick<OpenJob, "begins"> {
    const job = this.disk.job(id);
    if (job?.status !== "pending") return {};
    if (job.gate) return { begins: "by-gate" };
    return job.handler?.notBeforeMs === undefined ? {} : { begins: "by-time" };
  }

  async holderOf(client: string, blueprint: string, uniqueKey: string): Promise<string | undefined> {
    await this.#reading();
    return this.disk.uniqueKeys.get(JSON.stringify([client, blueprint, uniqueKey]));
  }

  /** A page for each: what one of them says may have changed before the next one is read. */
  async gated(): Promise<readonly GatedJob[]> {
    await this.#reading();
    const found: GatedJob[] = [];
    for (const id of [...this.disk.jobs.keys()].toSorted()) {
      const { blueprint, gate, priority, status } = this.disk.job(id) ?? {};
      if (!blueprint || !gate || !status || isTerminal(status)) continue;
      found.push({ id, blueprint, gate, ...(priority !== undefined && { priority }) });
      await this.#reading();
    }
    return found;
  }

  #parentOf(id: string): string[] {
    const job = this.disk.job(id);
    return job?.parentId === undefined || isTerminal(job.status) ? [] : [job.parentId];
  }

  async waitingJobs(afterId: string, limit: number): Promise<readonly WaitingJob[]> {
    const open = await this.openJobs(afterId, limit);
    return open.map((job) => ({ ...job, facts: this.disk.job(job.id) }));
  }

  async tasks(places: readonly TaskPlace[]): Promise<readonly (StoredTask | undefined)[]> {
    const found: (StoredTask | undefined)[] = [];
    for (const { jobId, slot } of places) {
      await this.#reading(jobId);
      found.push(this.#task(jobId, slot));
    }
    return found;
  }

  #task(jobId: string, slot: number): StoredTask | undefined {
    const job = this.disk.job(jobId);
    const branch = job?.parallel && this.disk.branches.get(jobId)?.get(slot);
    const wait = branch && !branch.result ? (JSON.parse(branch.wait) as BranchWait) : job?.task;
    if (!job || isTerminal(job.status) || wait?.slot !== slot || isChildWait(wait)) return undefined;
    return { visit: job.visit, wait, trace: job.trace };
  }

  async wakes(fromMs: number, toMs: number, limit: number, after?: OpenJob): Promise<readonly OpenJob[]> {
    await this.#reading();
    const due = [...this.disk.jobs].filter(([, { wakeAtMs }]) => {
      return wakeAtMs !== undefined && wakeAtMs > fromMs && wakeAtMs <= toMs;
    });
    const sorted = due.map(toOpenJob).toSorted(compareWakes);
    return sorted.filter((job) => after === undefined || compareWakes(job, after) > 0).slice(0, limit);
  }

  async endedTrees(after: string, endedBeforeMs: number, look: number) {
    await this.#reading();
    const ids = [...this.disk.jobs.keys()].toSorted().filter((id) => id > after);
    const trees = ids.slice(0, look).flatMap((root) => {
      const job = this.disk.job(root);
      const tree = job?.parentId === undefined ? this.disk.tree(root, endedBeforeMs) : [];
      const versions = tree.map((id) => this.disk.jobs.get(id)?.version ?? 0);
      return tree.length === 0 ? [] : [{ root, jobs: tree.length, rows: tree.length + sumOf(versions) }];
    });
    const last = ids[look - 1];
    return last === undefined ? { trees } : { trees, last };
  }

  async expiredKeys(after: KeyPlace | undefined, nowMs: number, look: number) {
    await this.#reading();
    const places = [...this.disk.idempotency.values()]
      .toSorted(compareKeys)
      .filter((place) => after === undefined || compareKeys(place, after) > 0);
    const keys = places
      .slice(0, look)
      .flatMap(({ client, key, expiresAtMs }) => (expiresAtMs <= nowMs ? [{ client, key }] : []));
    const last = places[look - 1];
    return last ? { keys, last: { client: last.client, key: last.key } } : { keys };
  }

  async idempotent(client: string, key: string, nowMs: number): Promise<IdempotencyWrite | undefined> {
    await this.#reading();
    return this.disk.answer(client, key, nowMs);
  }

  async store(blueprint: string, store: string): Promise<StoredStore | undefined> {
    await this.#reading();
    const row = this.disk.dataStore(blueprint, store);
    return row && { version: row.version, keySet: row.keySet, seeded: row.seeded };
  }

  async entries(blueprint: string, store: string, query: EntryQuery): Promise<readonly StoredEntry[]> {
    await this.#reading();
    const { after, limit, prefix = "" } = query;
    const found = [...(this.disk.dataStore(blueprint, store)?.entries.values() ?? [])].filter(
      ({ key }) => key.startsWith(prefix) && (after === undefined || Buffer.compare(bytes(key), bytes(after)) > 0),
    );
    return found.toSorted((a, b) => Buffer.compare(bytes(a.key), bytes(b.key))).slice(0, limit);
  }

  async storesOf(blueprint: string): Promise<readonly string[]> {
    await this.#reading();
    const names = [...this.disk.dataStores.keys()].map((key) => JSON.parse(key) as [string, string]);
    return names.flatMap(([owner, name]) => (owner === blueprint ? name : [])).toSorted();
  }

  async nextEpoch(): Promise<number> {
    await this.#writing();
    this.disk.epoch += 1;
    return this.disk.epoch;
  }

  async secret(): Promise<Uint8Array> {
    await this.#reading();
    this.disk.secret ??= this.parts.random.bytes(32);
    return this.disk.secret;
  }

  async saveWorker(id: string, record: string): Promise<void> {
    await this.#writing();
    this.disk.workers.set(id, record);
  }

  async removeWorker(id: string): Promise<void> {
    await this.#writing();
    this.disk.workers.delete(id);
  }

  async saveBundle(bundle: StoredBundle): Promise<void> {
    await this.#writing();
    this.disk.bundles.set(bundle.hash, bundle);
  }

  async bundle(hash: string): Promise<StoredBundle | undefined> {
    await this.#reading();
    return this.disk.bundles.get(hash);
  }

  async saveTokenHashes(hashes: ReadonlyMap<string, string>): Promise<void> {
    await this.#writing();
    for (const [audience, hash] of hashes) this.disk.tokens.set(audience, hash);
  }

  async tokenHashes(): Promise<ReadonlyMap<string, string>> {
    await this.#reading();
    return new Map(this.disk.tokens);
  }

  async saveAttempts(used: ReadonlyMap<string, UsedAttempts>): Promise<void> {
    await this.#writing();
    for (const [client, count] of used) this.disk.attempts.set(client, count);
  }

  async attempts(): Promise<ReadonlyMap<string, UsedAttempts>> {
    await this.#reading();
    return new Map(this.disk.attempts);
  }

  async saveReputations(changes: ReadonlyMap<string, StoredReputation | undefined>): Promise<void> {
    await this.#writing();
    for (const [worker, reputation] of changes) {
      if (reputation) this.disk.reputations.set(worker, reputation);
      else this.disk.reputations.delete(worker);
    }
  }

  async reputations(): Promise<ReadonlyMap<string, StoredReputation>> {
    await this.#reading();
    return new Map(this.disk.reputations);
  }

  async schedules(): Promise<ReadonlyMap<string, string>> {
    await this.#reading();
    return new Map(this.disk.schedules);
  }

  async saveSchedules(changes: readonly ScheduleWrite[]): Promise<void> {
    await this.#writing();
    for (const { name, record, dropKey } of changes) {
      this.disk.schedules.set(name, record);
      if (dropKey) this.disk.idempotency.delete(JSON.stringify([dropKey.client, dropKey.key]));
    }
  }

  async pauses(): Promise<ReadonlyMap<string, number>> {
    await this.#reading();
    return new Map(this.disk.pauses);
  }

  async savePause(blueprint: string, sinceMs: number | undefined): Promise<void> {
    await this.#writing();
    if (sinceMs === undefined) this.disk.pauses.delete(blueprint);
    else this.disk.pauses.set(blueprint, sinceMs);
  }

  async workers(): Promise<ReadonlyMap<string, string>> {
    await this.#reading();
    return new Map(this.disk.workers);
  }

  async #reading(jobId?: string): Promise<void> {
    this.#assertUsable();
    const fault = this.#faults.read(jobId);
    if (typeof fault !== "number") throw fault;
    if (fault > 0) await this.parts.pause?.(fault);
  }

  async #writing(): Promise<void> {
    this.#assertUsable();
    const fault = this.#faults.write();
    if (fault) throw fault;
  }

  #assertUsable(): void {
    if (this.#failed) throw this.#failed;
    if (this.#closed) throw storeClosed();
  }
}

function outboxOf(disk: Disk, reading: () => Promise<void>): OutboxReader {
  const read = async <T>(of: (rows: readonly OutboxRow[]) => T): Promise<T> => {
    await reading();
    return of([...disk.outbox.values()]);
  };
  return {
    destinations: (after, limit) =>
      read((rows) => {
        const soonest = new Map<string, number>();
        for (const { destination, dueAtMs } of rows) {
          if (dueAtMs === undefined || destination <= after) continue;
          soonest.set(destination, Math.min(dueAtMs, soonest.get(destination) ?? dueAtMs));
        }
        const found = [...soonest].map(([destination, dueAtMs]) => ({ destination, dueAtMs }));
        return found.toSorted((a, b) => (a.destination < b.destination ? -1 : 1)).slice(0, limit);
      }),
    due: (destination, nowMs, limit) =>
      read((rows) => {
        const heads = rows.filter((row) => {
          if (row.destination !== destination || (row.dueAtMs ?? Number.POSITIVE_INFINITY) > nowMs) return false;
          return disk.lane(row.jobId, destination)[0]?.id === row.id;
        });
        return heads.toSorted((a, b) => (a.dueAtMs ?? 0) - (b.dueAtMs ?? 0)).slice(0, limit);
      }),
    failed: (limit, after) =>
      read((rows) => {
        const failed = rows.filter((row) => row.failedAtMs !== undefined).toReversed();
        const sorted = failed.toSorted((a, b) => (b.failedAtMs ?? 0) - (a.failedAtMs ?? 0));
        const from = after === undefined ? 0 : sorted.findIndex((row) => row.id === after) + 1;
        return sorted.slice(from, from + limit);
      }),
    row: (id) => read((rows) => rows.find((row) => row.id === id)),
    ofJob: (jobId) => read((rows) => rows.filter((row) => row.jobId === jobId)),
    count: () =>
      read((rows) => {
        const failed = rows.filter((row) => row.failedAtMs !== undefined).length;
        return { waiting: rows.length - failed, failed };
      }),
    reference: (jobId, name) => read(() => disk.references.get(JSON.stringify([jobId, name]))),
  };
}

function uniqueName({ client, blueprint, uniqueKey }: Job): string {
  return JSON.stringify([client.id, blueprint, uniqueKey ?? null]);
}

function bytes(text: string): Buffer {
  return Buffer.from(text);
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

function compareKeys(a: KeyPlace, b: KeyPlace): number {
  if (a.client !== b.client) return a.client < b.client ? -1 : 1;
  return a.key < b.key ? -1 : Number(a.key > b.key);
}

function fits(job: Job, query: JobQuery): boolean {
  if (query.client !== undefined && job.client.id !== query.client) return false;
  if (query.status !== undefined && job.status !== query.status) return false;
  if (query.blueprint !== undefined && job.blueprint !== query.blueprint) return false;
  if (query.parent !== undefined && job.parentId !== query.parent) return false;
  if (query.tags?.some((tag) => !job.tags?.includes(tag))) return false;
  if (query.createdAfterMs !== undefined && job.createdAtMs <= query.createdAfterMs) return false;
  return query.createdBeforeMs === undefined || job.createdAtMs < query.createdBeforeMs;
}

function toOpenJob([id, { status, wakeAtMs }]: readonly [string, JobRow]): OpenJob {
  return wakeAtMs === undefined ? { id, status } : { id, status, wakeAtMs };
}

function compareWakes(a: OpenJob, b: OpenJob): number {
  return (a.wakeAtMs ?? 0) - (b.wakeAtMs ?? 0) || (a.id < b.id ? -1 : Number(a.id > b.id));
}
