/**
 * The data stores of a blueprint as one turn sees them: an optimistic transaction. What is read is
 * kept with its version, what is written waits until the turn's unit is committed.
 */
import { isDeepStrictEqual } from "node:util";
import type { DataStoreHost, StoreAnswer, StoreQuestion, Turn } from "../handlers/port.ts";
import { STORE_LIMITS, type StoreUse } from "../job/data-store.ts";
import { messageOf, Refusal } from "../system/errors.ts";
import type { Recorder } from "./recorder.ts";
import type { DataStore, Json } from "./sdk.ts";
import { checkedKey, jsonOfValue, unknownStoreText } from "./stored-values.ts";

type Values = Map<string, string | undefined>;

export class StoreTransaction {
  /** Others are ahead in a store that it came upon: all of the turn is dropped and runs again. */
  again = false;
  /** A store could not be asked, for no fault of the handler. */
  trouble: string | undefined;
  readonly #drafts = new Map<string, StoreDraft>();
  #keys = 0;

  constructor(
    readonly turn: Turn,
    readonly host: DataStoreHost,
    readonly names: readonly string[],
  ) {}

  /** What the next run of a handler sees. */
  begin(recorder: Recorder): RunStores {
    return new RunStores(this, recorder);
  }

  draft(store: string): StoreDraft {
    const draft = this.#drafts.get(store) ?? new StoreDraft(this, store);
    this.#drafts.set(store, draft);
    return draft;
  }

  uses(): readonly StoreUse[] {
    return [...this.#drafts.values()].filter((draft) => draft.isUsed).map((draft) => draft.use());
  }

  /** One more key of one of its stores. */
  countKey(): void {
    this.#keys += 1;
    if (this.#keys <= STORE_LIMITS.keysOfRun) return;
    throw new Refusal(
      "DATA_STORE_TOO_MANY_KEYS",
      413,
      `One run may use at most ${STORE_LIMITS.keysOfRun} keys of data stores: keep what belongs together under one key.`,
    );
  }

  async ask(store: string, what: { readonly key?: string; readonly prefix?: string }) {
    const { jobId, blueprint, hash } = this.turn;
    const answer = await this.#ask({ jobId, blueprint, hash, store, ...what });
    if (answer !== "again") return answer;
    this.again = true;
    throw new Refusal(
      "DATA_STORE_BUSY",
      409,
      `Others are ahead in data store "${store}": the handler runs again in its turn.`,
    );
  }

  async #ask(question: StoreQuestion): Promise<StoreAnswer> {
    try {
      return await this.host.ask(question);
    } catch (error) {
      this.trouble ??= messageOf(error);
      throw error;
    }
  }
}

/** One store, over all runs of the turn. */
class StoreDraft {
  readonly #reads = new Map<string, { readonly version: number; readonly json?: string }>();
  /** Of runs that ended well. */
  readonly #writes: Values = new Map();
  readonly #keys = new Set<string>();
  readonly #lists = new Map<string, readonly string[]>();
  readonly #asked = new Map<string, Promise<void>>();
  #keySet: number | undefined;
  #isOpen = false;

  constructor(
    readonly transaction: StoreTransaction,
    readonly name: string,
  ) {}

  get isUsed(): boolean {
    return this.#reads.size > 0 || this.#writes.size > 0 || this.#keySet !== undefined;
  }

  use(): StoreUse {
    return {
      store: this.name,
      reads: [...this.#reads].map(([key, { version }]) => [key, version] as const),
      ...(this.#keySet !== undefined && { keySet: this.#keySet }),
      writes: [...this.#writes],
    };
  }

  /** Undefined: it was touched before. */
  opened(): Promise<void> | undefined {
    if (this.#isOpen) return undefined;
    return this.#once("open", async () => void (await this.transaction.ask(this.name, {})));
  }

  read(key: string): Promise<void> | undefined {
    if (this.#reads.has(key)) return undefined;
    return this.#once(
      `key ${key}`,
      async () => void this.#reads.set(key, await this.transaction.ask(this.name, { key })),
    );
  }

  listed(prefix: string): Promise<void> | undefined {
    if (this.#lists.has(prefix)) return undefined;
    return this.#once(`list ${prefix}`, async () => {
      const { version, json = "[]" } = await this.transaction.ask(this.name, { prefix });
      this.#lists.set(prefix, JSON.parse(json) as string[]);
      // One that has changed meanwhile is seen when the turn is applied.
      this.#keySet ??= version;
    });
  }

  list(prefix: string): readonly string[] {
    return this.#lists.get(prefix) ?? [];
  }

  touch(key: string): void {
    if (this.#keys.has(key)) return;
    this.transaction.countKey();
    this.#keys.add(key);
  }

  /** JSON text, before the writes of the run at hand. */
  value(key: string): string | undefined {
    return this.#writes.has(key) ? this.#writes.get(key) : this.#reads.get(key)?.json;
  }

  get written(): Values {
    return this.#writes;
  }

  keep(writes: Values): void {
    for (const [key, json] of writes) this.#writes.set(key, json);
  }

  /** Calls that run side by side ask once. */
  #once(name: string, ask: () => Promise<void>): Promise<void> {
    const asked = this.#asked.get(name) ?? ask().then(() => void (this.#isOpen = true));
    this.#asked.set(name, asked);
    return asked;
  }
}

/** The stores as one run of a handler uses them: its writes count if it ends well. */
export class RunStores {
  readonly byName: Record<string, DataStore>;
  /** Calls that have no answer yet. */
  pending = 0;
  readonly #stores = new Map<string, RunStore>();

  constructor(
    readonly transaction: StoreTransaction,
    readonly recorder: Recorder,
  ) {
    this.byName = new Proxy<Record<string, DataStore>>({}, this.#handler());
  }

  /** The run ended well. */
  keep(): void {
    for (const store of this.#stores.values()) store.draft.keep(store.writes);
  }

  /** What it wants to keep, in the unit of the measure. */
  sizeIn(measure: (text: string) => number): number {
    let size = 0;
    for (const { writes } of this.#stores.values()) {
      for (const [key, json] of writes) size += measure(key) + (json === undefined ? 0 : measure(json));
    }
    return size;
  }

  async waitFor(answer: Promise<void> | undefined): Promise<void> {
    if (!answer) return;
    this.pending += 1;
    try {
      await answer;
    } finally {
      this.pending -= 1;
      // Whatever came of it: the handler has ended meanwhile.
      this.recorder.assertOpen();
    }
  }

  #handler(): ProxyHandler<Record<string, DataStore>> {
    const { names } = this.transaction;
    return {
      get: (_target, name) => (typeof name === "string" ? this.#store(name) : undefined),
      has: (_target, name) => typeof name === "string" && names.includes(name),
      ownKeys: () => [...names],
      getOwnPropertyDescriptor: (_target, name) =>
        typeof name === "string" && names.includes(name)
          ? { value: this.#store(name), enumerable: true, configurable: true }
          : undefined,
    };
  }

  #store(name: string): DataStore | undefined {
    const known = this.#stores.get(name);
    if (known) return known;
    const { names } = this.transaction;
    if (!names.includes(name)) {
      // Asked of anything that is awaited or printed.
      if (name === "then" || name === "toJSON") return undefined;
      this.recorder.assertOpen();
      return this.recorder.refuse(unknownStore(name, names));
    }
    const store = new RunStore(this, this.transaction.draft(name));
    this.#stores.set(name, store);
    return store;
  }
}

class RunStore implements DataStore {
  readonly writes: Values = new Map();
  readonly #run: RunStores;

  constructor(
    run: RunStores,
    readonly draft: StoreDraft,
  ) {
    this.#run = run;
  }

  async get<T extends Json = Json>(key: string): Promise<T | undefined> {
    await this.#read(key);
    const json = this.#value(key);
    return json === undefined ? undefined : (JSON.parse(json) as T);
  }

  async set(key: string, value: Json): Promise<void> {
    const json = this.#json(key, value);
    await this.#run.waitFor(this.draft.opened());
    this.writes.set(key, json);
  }

  async delete(key: string): Promise<boolean> {
    await this.#read(key);
    if (this.#value(key) === undefined) return false;
    this.writes.set(key, undefined);
    return true;
  }

  async increment(key: string, by = 1): Promise<number> {
    if (typeof by !== "number" || !Number.isFinite(by)) this.#refuse(notANumber(this.#place(key), `by ${String(by)}`));
    await this.#read(key);
    const json = this.#value(key);
    const before: unknown = json === undefined ? 0 : JSON.parse(json);
    if (typeof before !== "number") return this.#refuse(notANumber(this.#place(key), "what is stored there"));
    const after = before + by;
    if (!Number.isFinite(after)) return this.#refuse(notANumber(this.#place(key), "the sum"));
    this.writes.set(key, JSON.stringify(after));
    return after;
  }

  async compareAndSet(key: string, expected: Json | undefined, value: Json): Promise<boolean> {
    const json = this.#json(key, value);
    // As it would have been stored: what JSON leaves out makes no difference.
    const wanted = expected === undefined ? undefined : this.#json(key, expected);
    await this.#read(key);
    if (!isSame(this.#value(key), wanted)) return false;
    this.writes.set(key, json);
    return true;
  }

  async keys(prefix = ""): Promise<string[]> {
    this.#run.recorder.assertOpen();
    if (typeof prefix !== "string") {
      this.#refuse(new Refusal("DATA_STORE_INVALID_KEY", 422, `A prefix of keys is a text, not ${typeof prefix}.`));
    }
    await this.#run.waitFor(this.draft.listed(prefix));
    const keys = new Set(this.draft.list(prefix));
    for (const [key, json] of [...this.draft.written, ...this.writes]) {
      if (json === undefined) keys.delete(key);
      else if (key.startsWith(prefix)) keys.add(key);
    }
    return [...keys].toSorted();
  }

  async #read(key: string): Promise<void> {
    this.#check(key);
    await this.#run.waitFor(this.draft.read(key));
  }

  /** JSON text of what the run sees under a key that was read. Looked at when it is used: a call beside this one may have written. */
  #value(key: string): string | undefined {
    return this.writes.has(key) ? this.writes.get(key) : this.draft.value(key);
  }

  #check(key: string): void {
    this.#run.recorder.assertOpen();
    this.#refusing(() => {
      checkedKey(key, this.draft.name);
      this.draft.touch(key);
    });
  }

  #json(key: string, value: Json): string {
    this.#check(key);
    return this.#refusing(() => jsonOfValue(value, this.#place(key)));
  }

  /** What is wrong with the call fails the job, also if the handler caught it. */
  #refusing<Value>(run: () => Value): Value {
    try {
      return run();
    } catch (error) {
      if (error instanceof Refusal) this.#refuse(error);
      throw error;
    }
  }

  #refuse(refusal: Refusal): never {
    return this.#run.recorder.refuse(refusal);
  }

  #place(key: string): string {
    return `dataStores.${this.draft.name}, key "${key}"`;
  }
}

function isSame(found: string | undefined, wanted: string | undefined): boolean {
  if (found === undefined || wanted === undefined) return found === wanted;
  return found === wanted || isDeepStrictEqual(JSON.parse(found), JSON.parse(wanted));
}

function notANumber(place: string, what: string): Refusal {
  return new Refusal(
    "DATA_STORE_NOT_A_NUMBER",
    422,
    `increment wants numbers, and ${what} is none (${place}): set a number first, or use another key.`,
  );
}

function unknownStore(name: string, names: readonly string[]): Refusal {
  return new Refusal("UNKNOWN_DATA_STORE", 422, unknownStoreText(name, names));
}
