/**
 * A data store in memory: what was admitted, which may be ahead of the disk by the changes that are
 * on their way to it. Once one of them has failed, what follows it fails too; when none is on its
 * way any more, all of it is read again.
 */
import type { StoreChange } from "../../src/job/data-store.ts";
import type { DataStoreReader, Journal } from "../../src/storage/port.ts";
import { Line } from "./line.ts";
import { StoreValues } from "./values.ts";

export interface StoreName {
  readonly blueprint: string;
  readonly store: string;
}

export interface OpenStoreParts {
  readonly reader: DataStoreReader;
  /** The one that admits what it commits. */
  readonly journal: Journal;
  /** The initial values that this version of the blueprint declares. */
  initial(hash: string, name: StoreName): Promise<Readonly<Record<string, unknown>>>;
  readonly versions: Versions;
}

/** Numbers of changes: never the same one twice, so that a version tells what was read, also after a change failed. */
export class Versions {
  #last = 0;

  next(): number {
    this.#last += 1;
    return this.#last;
  }

  /** Stored ones are known too. */
  atLeast(version: number): void {
    this.#last = Math.max(this.#last, version);
  }
}

const PAGE_ENTRIES = 1_000;

export class OpenStore<Run> {
  readonly line = new Line<Run>();
  /** Runs that have touched it. */
  users = 0;
  #values: StoreValues | undefined;
  #isAhead = false;
  #underWay = 0;
  #settled: PromiseWithResolvers<void> | undefined;
  #loading: Promise<void> | undefined;
  /** Versions of the blueprint whose initial values were looked after. */
  readonly #seededFor = new Set<string>();

  constructor(
    readonly name: StoreName,
    readonly parts: OpenStoreParts,
  ) {}

  /** Undefined: not read yet, or ahead of the disk by what failed. */
  get values(): StoreValues | undefined {
    return this.#isAhead ? undefined : this.#values;
  }

  get isIdle(): boolean {
    return this.users === 0 && this.#underWay === 0 && !this.#loading && this.line.isFree;
  }

  /** With the initial values of this version of the blueprint. Undefined: at once. */
  isReady(hash: string): boolean {
    return this.values !== undefined && this.#seededFor.has(hash);
  }

  async ready(hash: string): Promise<void> {
    while (!this.isReady(hash)) {
      if (!this.values) await this.#load();
      else await this.#seed(hash);
    }
  }

  /** Others see it from now on. */
  admit(change: StoreChange): void {
    this.#values?.apply(change);
    this.line.committed();
    this.#underWay += 1;
  }

  /** A change is durable, or was not written: then what was admitted after it will not be either. */
  settled(wasWritten: boolean): void {
    if (!wasWritten) this.#isAhead = true;
    this.#underWay -= 1;
    if (this.#underWay > 0) return;
    this.#settled?.resolve();
    this.#settled = undefined;
  }

  #load(): Promise<void> {
    this.#loading ??= this.#read().finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  async #read(): Promise<void> {
    if (this.#underWay > 0) {
      this.#settled ??= Promise.withResolvers();
      await this.#settled.promise;
    }
    const { reader, versions } = this.parts;
    const { blueprint, store } = this.name;
    const stored = await reader.store(blueprint, store);
    const values = new StoreValues();
    values.keySet = stored?.keySet ?? 0;
    for (const key of stored?.seeded ?? []) values.seeded.add(key);
    for (let after: string | undefined = stored && ""; after !== undefined;) {
      const page = await reader.entries(blueprint, store, { after, limit: PAGE_ENTRIES });
      for (const { key, version, json } of page) values.put(key, { version, json });
      after = page.length < PAGE_ENTRIES ? undefined : page.at(-1)?.key;
    }
    versions.atLeast(stored?.version ?? 0);
    this.#values = values;
    this.#isAhead = false;
    this.#seededFor.clear();
  }

  /** Initial values are written once for each key, and only where there is none: never over one that is kept, nor again after a deletion. */
  async #seed(hash: string): Promise<void> {
    const initial = await this.parts.initial(hash, this.name);
    const { values } = this;
    if (!values) return;
    const fresh = Object.entries(initial).filter(([key]) => !values.seeded.has(key));
    if (fresh.length > 0) await this.parts.journal.commit({ jobs: [], dataStores: [this.#seeding(values, fresh)] });
    this.#seededFor.add(hash);
  }

  #seeding(values: StoreValues, fresh: readonly (readonly [string, unknown])[]): StoreChange {
    const missing = fresh.filter(([key]) => !values.has(key));
    return {
      ...this.name,
      version: this.parts.versions.next(),
      reads: fresh.map(([key]) => [key, values.get(key)?.version ?? 0] as const),
      writes: missing.map(([key, value]) => [key, JSON.stringify(value)] as const),
      changesKeys: missing.length > 0,
      seeded: [...values.seeded, ...fresh.map(([key]) => key)],
    };
  }
}
