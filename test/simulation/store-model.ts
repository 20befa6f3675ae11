/** Data stores as they would be if one job came after the other, in the order in which their units became durable. */
import { isDeepStrictEqual } from "node:util";
import type { StoreChange } from "../../src/job/data-store.ts";
import type { Unit } from "../../src/storage/port.ts";
import type { Disk } from "./disk.ts";
import { promise } from "./ledger.ts";
import type { Noted } from "./store-flows.ts";

export class StoreModel {
  /** By blueprint and store. */
  readonly #stores = new Map<string, Map<string, unknown>>();
  /** Keys that had an initial value. */
  readonly #begun = new Set<string>();
  /** How much of what each job noted was looked at. */
  readonly #looked = new Map<string, number>();

  durable(unit: Unit): void {
    const changes = unit.dataStores ?? [];
    if (unit.jobs.length === 0) return changes.forEach((change) => this.#begin(change));
    for (const { job } of unit.jobs) {
      const { noted = [] } = JSON.parse(job.stateHistory) as { noted?: readonly Noted[] };
      const fresh = noted.slice(this.#looked.get(job.id) ?? 0);
      this.#looked.set(job.id, noted.length);
      for (const one of fresh) this.#replay(job.blueprint, job.id, one);
    }
    for (const change of changes) this.#compare(change);
  }

  /** Once all is quiet: what is stored is what the jobs made of it. */
  judge(disk: Disk): void {
    for (const [name, values] of this.#stores) {
      const entries = [...(disk.dataStores.get(name)?.entries.values() ?? [])];
      const stored = Object.fromEntries(entries.map(({ key, json }) => [key, JSON.parse(json) as unknown]));
      const expected = Object.fromEntries(values);
      promise(
        isDeepStrictEqual(stored, expected),
        `data store ${name} holds ${JSON.stringify(stored)}, its jobs made ${JSON.stringify(expected)}`,
      );
    }
  }

  #valuesOf(blueprint: string, store: string): Map<string, unknown> {
    const name = JSON.stringify([blueprint, store]);
    const values = this.#stores.get(name) ?? new Map<string, unknown>();
    this.#stores.set(name, values);
    return values;
  }

  /** Initial values. */
  #begin({ blueprint, store, writes }: StoreChange): void {
    const values = this.#valuesOf(blueprint, store);
    for (const [key, json = "null"] of writes) {
      const name = JSON.stringify([blueprint, store, key]);
      promise(!this.#begun.has(name), `the initial value of ${key} of data store ${store} was written twice`);
      promise(!values.has(key), `an initial value overwrote ${key} of data store ${store}`);
      this.#begun.add(name);
      values.set(key, JSON.parse(json));
    }
  }

  #replay(blueprint: string, jobId: string, noted: Noted): void {
    const values = this.#valuesOf(blueprint, noted.store);
    const isList = "prefix" in noted;
    const now = isList
      ? [...values.keys()].filter((key) => key.startsWith(noted.prefix)).toSorted()
      : (values.get(noted.key) ?? null);
    const what = isList ? "keys" : noted.key;
    promise(
      isDeepStrictEqual(now, noted.saw),
      `job ${jobId} counted on ${JSON.stringify(noted.saw)} for ${what} of data store ${noted.store}, and there was ${JSON.stringify(now)}`,
    );
    if (isList) return;
    if (noted.wrote === null) values.delete(noted.key);
    else values.set(noted.key, noted.wrote);
  }

  #compare({ blueprint, store, writes }: StoreChange): void {
    const values = this.#valuesOf(blueprint, store);
    for (const [key, json] of writes) {
      const stored: unknown = json === undefined ? undefined : JSON.parse(json);
      promise(
        isDeepStrictEqual(values.get(key), stored),
        `${key} of data store ${store} was written as ${json} beside a job that made it ${JSON.stringify(values.get(key))}`,
      );
    }
  }
}
