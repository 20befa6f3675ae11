import type { Database, SQLQueryBindings, Statement } from "bun:sqlite";
import type { Random } from "../../system/random.ts";
import { assert } from "../../system/errors.ts";
import type { Registers, ScheduleWrite, StoredBundle, StoredReputation, UsedAttempts } from "../port.ts";
import { storeClosed, storeFull } from "../refusals.ts";
import { meaningOf, type Fault } from "./errors.ts";
import type { Reads } from "./reads.ts";
import { fromStored, toStored, type StoredText } from "./text.ts";
import { Transaction } from "./transaction.ts";

const SECRET_BYTES = 32;
/** Before a client's name: what it has used of its quota lies among the few things that the program remembers. */
const ATTEMPTS = "attempts:";
/** Before a worker's id: so does how far it is trusted. */
const REPUTATION = "reputation:";

type BundleRow = readonly [
  file: StoredText,
  code: StoredText,
  manifests: StoredText,
  sdk: StoredText,
  createdAtMs: number,
];

export interface RegistersOptions {
  readonly database: Database;
  readonly random: Random;
  readonly fault: Fault;
  readonly reads: Reads;
  /** Gives up reserved space; false: there is none. */
  readonly makeRoom: () => boolean;
}

export class SqliteRegisters implements Registers {
  readonly #options: RegistersOptions;
  readonly #transaction: Transaction;
  readonly #statements: ReturnType<typeof prepare>;
  #closed = false;

  constructor(options: RegistersOptions) {
    this.#options = options;
    this.#transaction = new Transaction(options.database);
    this.#statements = prepare(options.database);
  }

  async nextEpoch(): Promise<number> {
    return this.#write(() => {
      const epoch = Number(this.#meta("epoch") ?? 0) + 1;
      this.#statements.setMeta.run("epoch", epoch);
      return epoch;
    });
  }

  async secret(): Promise<Uint8Array> {
    const known = this.#options.reads.now(() => this.#meta("secret"));
    if (known !== undefined) return bytesOf(known);
    return this.#write(() => {
      const secret = this.#options.random.bytes(SECRET_BYTES);
      this.#statements.setMeta.run("secret", secret);
      return secret;
    });
  }

  async saveWorker(id: string, record: string): Promise<void> {
    this.#write(() => this.#statements.saveWorker.run(toStored(id), toStored(record)));
  }

  async removeWorker(id: string): Promise<void> {
    this.#write(() => this.#statements.removeWorker.run(toStored(id)));
  }

  async workers(): Promise<ReadonlyMap<string, string>> {
    return this.#options.reads.now(() => textMap(this.#statements.workers));
  }

  async saveBundle(bundle: StoredBundle): Promise<void> {
    const { hash, file, code, manifests, sdkVersion } = bundle;
    const texts: SQLQueryBindings[] = [hash, file, code, manifests, sdkVersion].map(toStored);
    this.#write(() => this.#statements.saveBundle.run(...texts, bundle.createdAtMs));
  }

  async bundle(hash: string): Promise<StoredBundle | undefined> {
    return this.#options.reads.now(() => {
      const row = this.#statements.bundle.values(toStored(hash))[0] as BundleRow | undefined;
      if (!row) return undefined;
      return {
        hash,
        file: fromStored(row[0]),
        code: fromStored(row[1]),
        manifests: fromStored(row[2]),
        sdkVersion: fromStored(row[3]),
        createdAtMs: row[4],
      };
    });
  }

  async saveTokenHashes(hashes: ReadonlyMap<string, string>): Promise<void> {
    this.#write(() => {
      for (const [audience, hash] of hashes) this.#statements.saveToken.run(toStored(audience), toStored(hash));
    });
  }

  async tokenHashes(): Promise<ReadonlyMap<string, string>> {
    return this.#options.reads.now(() => textMap(this.#statements.tokens));
  }

  async saveAttempts(used: ReadonlyMap<string, UsedAttempts>): Promise<void> {
    this.#write(() => {
      for (const [client, { month, count }] of used)
        this.#statements.setMeta.run(toStored(ATTEMPTS + client), toStored(`${month} ${count}`));
    });
  }

  async attempts(): Promise<ReadonlyMap<string, UsedAttempts>> {
    const rows = this.#options.reads.now(() => textMap(this.#statements.attempts));
    return new Map(
      [...rows].map(([name, text]) => {
        const [month = "", count] = text.split(" ");
        return [name.slice(ATTEMPTS.length), { month, count: Number(count) }];
      }),
    );
  }

  async saveReputations(changes: ReadonlyMap<string, StoredReputation | undefined>): Promise<void> {
    this.#write(() => {
      for (const [workerId, reputation] of changes) {
        const name = toStored(REPUTATION + workerId);
        if (reputation) this.#statements.setMeta.run(name, toStored(JSON.stringify(reputation)));
        else this.#statements.dropMeta.run(name);
      }
    });
  }

  async reputations(): Promise<ReadonlyMap<string, StoredReputation>> {
    const rows = this.#options.reads.now(() => textMap(this.#statements.reputations));
    return new Map(
      [...rows].map(([name, text]) => [name.slice(REPUTATION.length), JSON.parse(text) as StoredReputation]),
    );
  }

  async schedules(): Promise<ReadonlyMap<string, string>> {
    return this.#options.reads.now(() => textMap(this.#statements.schedules));
  }

  async saveSchedules(changes: readonly ScheduleWrite[]): Promise<void> {
    this.#write(() => {
      for (const { name, record, dropKey } of changes) {
        this.#statements.saveSchedule.run(toStored(name), toStored(record));
        if (dropKey) this.#statements.dropKey.run(toStored(dropKey.client), toStored(dropKey.key));
      }
    });
  }

  async savePause(blueprint: string, sinceMs: number | undefined): Promise<void> {
    const name = toStored(blueprint);
    this.#write(() =>
      sinceMs === undefined ? this.#statements.resume.run(name) : this.#statements.pause.run(name, sinceMs),
    );
  }

  async pauses(): Promise<ReadonlyMap<string, number>> {
    type Row = readonly [name: StoredText, sinceMs: number];
    const rows = this.#options.reads.now(() => this.#statements.pauses.values() as unknown as Row[]);
    return new Map(rows.map(([name, sinceMs]) => [fromStored(name), sinceMs]));
  }

  close(): void {
    this.#closed = true;
    this.#transaction.finalize();
    for (const statement of Object.values(this.#statements)) statement.finalize();
  }

  #meta(name: string): unknown {
    return this.#statements.meta.values(name)[0]?.[0];
  }

  /** A full disk must not keep the server from starting: what is written here is small, and gets the reserved space. */
  #write<T>(run: () => T): T {
    if (this.#closed) throw storeClosed();
    try {
      return this.#once(run);
    } catch (error) {
      if (meaningOf(error) !== "full") throw error;
      if (!this.#options.makeRoom()) throw storeFull();
    }
    try {
      return this.#once(run);
    } catch (error) {
      throw meaningOf(error) === "full" ? storeFull() : error;
    }
  }

  #once<T>(run: () => T): T {
    const { fault } = this.#options;
    if (fault.refusal) throw fault.refusal;
    try {
      this.#transaction.begin();
      const result = run();
      this.#transaction.commit();
      return result;
    } catch (error) {
      if (meaningOf(error) === "fatal") throw fault.raise(error);
      this.#transaction.rollback();
      throw error;
    }
  }
}

function bytesOf(value: unknown): Uint8Array {
  assert(value instanceof Uint8Array, "the stored secret is not bytes");
  return value;
}

function textMap(statement: Statement): ReadonlyMap<string, string> {
  const rows = statement.values() as unknown as [StoredText, StoredText][];
  return new Map(rows.map(([key, value]) => [fromStored(key), fromStored(value)]));
}

function prepare(database: Database) {
  return {
    meta: database.prepare("SELECT value FROM meta WHERE name = ?"),
    setMeta: database.prepare("REPLACE INTO meta (name, value) VALUES (?, ?)"),
    attempts: database.prepare("SELECT name, value FROM meta WHERE name >= 'attempts:' AND name < 'attempts;'"),
    dropMeta: database.prepare("DELETE FROM meta WHERE name = ?"),
    reputations: database.prepare("SELECT name, value FROM meta WHERE name >= 'reputation:' AND name < 'reputation;'"),
    pause: database.prepare("REPLACE INTO pauses (blueprint, since) VALUES (?, ?)"),
    resume: database.prepare("DELETE FROM pauses WHERE blueprint = ?"),
    pauses: database.prepare("SELECT blueprint, since FROM pauses"),
    saveWorker: database.prepare("REPLACE INTO workers (id, record) VALUES (?, ?)"),
    removeWorker: database.prepare("DELETE FROM workers WHERE id = ?"),
    workers: database.prepare("SELECT id, record FROM workers"),
    saveBundle: database.prepare(
      "REPLACE INTO bundles (hash, file, code, manifests, sdk_version, created_at) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    bundle: database.prepare("SELECT file, code, manifests, sdk_version, created_at FROM bundles WHERE hash = ?"),
    saveToken: database.prepare("REPLACE INTO tokens (audience, hash) VALUES (?, ?)"),
    tokens: database.prepare("SELECT audience, hash FROM tokens"),
    schedules: database.prepare("SELECT name, record FROM schedules"),
    saveSchedule: database.prepare("REPLACE INTO schedules (name, record) VALUES (?, ?)"),
    dropKey: database.prepare("DELETE FROM idempotency WHERE client = ? AND key = ?"),
  };
}
