/**
 * The data stores of all blueprints, where they are decided upon: what a running turn reads, in
 * which order runs go on where many want one store, and whether what a turn did with stores counts.
 * It does if nothing that it read has changed since; admitted changes are seen by others at once.
 */
import type {
  HandlerRunner,
  StoreAnswer,
  StoreQuestion,
  Turn,
  TurnReply,
  TurnStarter,
} from "../../src/handlers/port.ts";
import { aborted } from "../../src/handlers/replies.ts";
import { starterOf } from "../../src/handlers/starter.ts";
import { STORE_LIMITS, type StoreChange, type StoreUse } from "../../src/job/data-store.ts";
import type { Job, JobError } from "../../src/job/model.ts";
import type { Reply } from "../../src/runtime/types.ts";
import type { Journal } from "../../src/storage/port.ts";
import { dataStoreConflict } from "../../src/storage/refusals.ts";
import { Refusal } from "../../src/system/errors.ts";
import { Lookup } from "../../src/system/lookup.ts";
import type { StopSignal } from "../../src/system/stopping.ts";
import type { Timers } from "../../src/system/clock.ts";
import type { SteadyClock } from "../../src/system/steady.ts";
import { OpenStore, type OpenStoreParts, type StoreName, Versions } from "./open-store.ts";

export interface StoresParts extends Pick<OpenStoreParts, "reader" | "initial"> {
  readonly journal: Journal;
  /** For deadlines. */
  readonly steady: SteadyClock;
  readonly timers: Timers;
  /** A turn of this job is under way. */
  isRunning(jobId: string): boolean;
  /** What idle stores may take of the memory. Left out: 256 MiB. */
  readonly bytesInMemory?: number;
  /** What one store may hold. */
  readonly storeBytes?: number;
}

/** What becomes of a turn's reply. */
export type Verdict =
  /** Something that it read has changed: nothing of it counts, and it runs again. */
  | { readonly type: "again" }
  | { readonly type: "counts"; readonly changes?: readonly StoreChange[] }
  | { readonly type: "refused"; readonly error: JobError };

/** A turn that has touched a store, over all of its runs. */
interface Run {
  readonly jobId: string;
  /** Stores in whose line it has to be when it runs again. */
  readonly wants: Set<Store>;
  readonly held: Set<Store>;
  readonly touched: Set<Store>;
  /** It was dropped once: it goes before those that come new. */
  isFirst: boolean;
  isOver: boolean;
  /** Of its job: it waits no longer. */
  deadlineAtMs: number | undefined;
  go: (() => void) | undefined;
}

type Store = OpenStore<Run>;

const BYTES_IN_MEMORY = 256 * 1024 * 1024;
const COUNTS: Verdict = { type: "counts" };
const AGAIN: Verdict = { type: "again" };

export class Stores {
  /** Commits units, and lets others see what they write to data stores from then on. */
  readonly journal: Journal;
  readonly #parts: StoresParts;
  readonly #open = new Map<string, Store>();
  readonly #runs = new Lookup<string, Run>();
  readonly #versions = new Versions();

  constructor(parts: StoresParts) {
    this.#parts = parts;
    this.journal = {
      commit: (unit) => (unit.dataStores ? this.#commit(unit, unit.dataStores) : parts.journal.commit(unit)),
      write: (unit, told) =>
        unit.dataStores ? tell(this.#commit(unit, unit.dataStores), told) : parts.journal.write(unit, told),
    };
  }

  /** Begins turns; those that were dropped wait for their place first, where they hold up no thread and no time runs for them. */
  starter(runner: HandlerRunner): TurnStarter {
    const starter = starterOf(runner);
    const late = starterOf({ run: (turn, signal) => this.#runInPlace(runner, turn, signal) });
    return { begin: (turn, asker) => (this.#runs.has(turn.jobId) ? late : starter).begin(turn, asker) };
  }

  async #runInPlace(runner: HandlerRunner, turn: Turn, signal: StopSignal | undefined): Promise<TurnReply> {
    const run = this.#runs.get(turn.jobId);
    if (run) await this.#placeOf(run, signal);
    if (run?.isOver) return aborted(turn, "The turn was given up while it waited for a data store.");
    return runner.run(turn, signal);
  }

  /** Asked by a running turn. */
  async ask({ jobId, hash, blueprint, store: name, key, prefix }: StoreQuestion): Promise<StoreAnswer> {
    const store = this.#store({ blueprint, store: name });
    while (!store.isReady(hash)) {
      await store.ready(hash);
      this.#forgetIdle();
    }
    const { values } = store;
    // One that was given up meanwhile must hold up nobody.
    if (!values || !this.#parts.isRunning(jobId) || !this.#touch(this.#runOf(jobId), store)) return "again";
    if (prefix !== undefined) return { version: values.keySet, json: JSON.stringify(values.keys(prefix)) };
    const entry = key === undefined ? undefined : values.get(key);
    return entry ?? { version: 0 };
  }

  /** The turn's reply is about to be applied: whether it counts, before anything of it is done. */
  judge({ id, blueprint, deadlineAtMs }: Pick<Job, "id" | "blueprint" | "deadlineAtMs">, reply: TurnReply): Verdict {
    const run = reply.again ? this.#runs.get(id) : undefined;
    if (run) run.deadlineAtMs = deadlineAtMs;
    if (reply.again) return AGAIN;
    if (!reply.dataStores) return COUNTS;
    const used = reply.dataStores.map((use) => ({ use, store: this.#store({ blueprint, store: use.store }) }));
    const stale = used.filter(({ use, store }) => !store.values?.holds(use));
    if (stale.length > 0) {
      const dropped = this.#runOf(id);
      dropped.deadlineAtMs = deadlineAtMs;
      this.#drop(
        dropped,
        stale.map(({ store }) => store),
      );
      return AGAIN;
    }
    const max = this.#parts.storeBytes ?? STORE_LIMITS.storeBytes;
    const full = used.find(({ use, store }) => isTooMuch(use, store, max));
    if (full) return { type: "refused", error: tooMuch(full.use.store, max) };
    return { type: "counts", changes: used.map(({ use, store }) => this.#changeOf(use, store)) };
  }

  /** The job's turn is over, whatever came of it. */
  leave(jobId: string): void {
    const run = this.#runs.get(jobId);
    if (!run) return;
    this.#runs.delete(jobId);
    run.isOver = true;
    this.#release(run);
    for (const store of run.touched) store.users -= 1;
    run.go?.();
  }

  /** The thread in which it ran is gone; it runs again, and touches anew what it needs. */
  lost(jobId: string): void {
    const run = this.#runs.get(jobId);
    if (run && !run.go) this.#release(run);
  }

  #commit(unit: Parameters<Journal["commit"]>[0], changes: readonly StoreChange[]): Promise<void> {
    const stores = changes.map((change) => this.#store(change));
    const failed = changes.find((change, index) => !stores[index]?.values?.holds(change));
    if (failed) return Promise.reject(dataStoreConflict(failed.blueprint, failed.store));
    for (const [index, change] of changes.entries()) stores[index]?.admit(change);
    const written = this.#parts.journal.commit(unit);
    written.then(
      () => {
        for (const store of stores) store.settled(true);
      },
      (error: unknown) => {
        // What only read leaves nothing behind, unless the disk says that memory is wrong.
        const isAhead = error instanceof Refusal && error.code === "DATA_STORE_CONFLICT";
        for (const [index, { writes, seeded }] of changes.entries())
          stores[index]?.settled(!isAhead && writes.length === 0 && !seeded);
      },
    );
    return written;
  }

  #changeOf(use: StoreUse, { name, values }: Store): StoreChange {
    const changesKeys = values?.changesKeys(use.writes) === true;
    return { ...use, blueprint: name.blueprint, version: this.#versions.next(), changesKeys };
  }

  #store({ blueprint, store }: StoreName): Store {
    const name = JSON.stringify([blueprint, store]);
    let known = this.#open.get(name);
    if (!known) {
      const { reader } = this.#parts;
      const initial: StoresParts["initial"] = (hash, of) => this.#parts.initial(hash, of);
      known = new OpenStore({ blueprint, store }, { reader, initial, journal: this.journal, versions: this.#versions });
      this.#open.set(name, known);
    }
    return known;
  }

  #runOf(jobId: string): Run {
    const known = this.#runs.get(jobId);
    if (known) return known;
    const run: Run = {
      jobId,
      wants: new Set(),
      held: new Set(),
      touched: new Set(),
      isFirst: false,
      isOver: false,
      deadlineAtMs: undefined,
      go: undefined,
    };
    this.#runs.set(jobId, run);
    return run;
  }

  /** False: it has to run again, in the line of this store and of those that it holds. */
  #touch(run: Run, store: Store): boolean {
    if (store.line.isHot && !run.held.has(store)) {
      if (!store.line.take(run)) {
        // It was in a line already: what it lost by coming in another order is not its fault.
        if (run.held.size > 0) run.isFirst = true;
        for (const held of run.held) run.wants.add(held);
        run.wants.add(store);
        return false;
      }
      run.held.add(store);
    }
    if (!run.touched.has(store)) {
      run.touched.add(store);
      store.users += 1;
    }
    return true;
  }

  #drop(run: Run, stale: readonly Store[]): void {
    for (const store of stale) {
      // One that is only being read again was wanted by nobody else.
      if (store.values) store.line.heat();
      run.wants.add(store);
    }
    for (const store of run.held) run.wants.add(store);
    run.isFirst = true;
  }

  /** Resolves once it is at the head of each line that it wants, or is over. */
  async #placeOf(run: Run, signal: StopSignal | undefined): Promise<void> {
    const hasAll = [...run.wants].every((store) => run.held.has(store));
    // Lines are taken in the order of names: so no two wait for each other.
    if (!hasAll) this.#release(run);
    if (this.#advance(run)) return;
    const leave = () => this.leave(run.jobId);
    if (signal?.aborted) return leave();
    signal?.addEventListener("abort", leave, { once: true });
    const { deadlineAtMs } = run;
    const { steady, timers } = this.#parts;
    const cancel = deadlineAtMs === undefined ? undefined : timers.after(deadlineAtMs - steady.nowMs(), leave);
    await new Promise<void>((resolve) => (run.go = resolve));
    run.go = undefined;
    cancel?.();
    signal?.removeEventListener("abort", leave);
  }

  /** Takes one line after the other; false: it waits in one of them. */
  #advance(run: Run): boolean {
    for (const store of [...run.wants].toSorted(byName)) {
      if (run.held.has(store)) continue;
      if (!store.line.take(run)) {
        store.line.wait(run, run.isFirst);
        return false;
      }
      run.held.add(store);
    }
    return true;
  }

  #release(run: Run): void {
    for (const store of new Set([...run.held, ...run.wants])) {
      run.held.delete(store);
      const next = store.line.leave(run);
      if (!next) continue;
      next.held.add(store);
      if (this.#advance(next)) next.go?.();
    }
  }

  /** The least recently opened go first. */
  #forgetIdle(): void {
    const max = this.#parts.bytesInMemory ?? BYTES_IN_MEMORY;
    let bytes = [...this.#open.values()].reduce((sum, { values }) => sum + (values?.bytes ?? 0), 0);
    for (const [name, store] of this.#open) {
      if (bytes <= max) return;
      if (!store.isIdle) continue;
      bytes -= store.values?.bytes ?? 0;
      this.#open.delete(name);
    }
  }
}

function byName(one: Store, other: Store): number {
  return one.name.store < other.name.store ? -1 : 1;
}

/** One that has grown too large may still shrink. */
function isTooMuch({ writes }: StoreUse, { values }: Store, max: number): boolean {
  if (!values || writes.length === 0) return false;
  const bytes = values.bytesAfter(writes);
  return bytes > max && bytes > values.bytes;
}

function tooMuch(store: string, max: number): JobError {
  return {
    code: "DATA_STORE_FULL",
    message: `Data store "${store}" may hold ${max} bytes and this run would have filled it beyond: delete what is not needed any more, or keep large data in files.`,
  };
}

function tell(written: Promise<void>, told: Reply<void>): void {
  written.then(
    () => told.ok(),
    (error: unknown) => told.fail(error),
  );
}
