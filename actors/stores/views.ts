/** What operators see of data stores: what is on disk. */
import type { Catalog } from "../../src/catalog/port.ts";
import type { DataStoreReader, EntryQuery, StoredEntry } from "../../src/storage/port.ts";
import { Refusal } from "../../src/system/errors.ts";
import { suggestion } from "../../src/system/nearest.ts";

export interface DataStoreViews {
  /** Entries by key. Refused where neither the blueprint in service declares the store nor anything was ever kept in it. */
  entries(blueprint: string, store: string, query: EntryQuery): Promise<readonly StoredEntry[]>;
}

export function createDataStoreViews(reader: DataStoreReader, catalog: Pick<Catalog, "current">): DataStoreViews {
  return {
    async entries(blueprint, store, query) {
      const manifest = catalog.current(blueprint);
      const names = new Set([...Object.keys(manifest?.dataStores ?? {}), ...(await reader.storesOf(blueprint))]);
      if (names.has(store)) return reader.entries(blueprint, store, query);
      if (!manifest && names.size === 0) throw new Refusal("BLUEPRINT_NOT_FOUND", 404, "Blueprint not found");
      const there = names.size === 0 ? "it has none" : `it has ${[...names].toSorted().join(", ")}`;
      const message = `Blueprint ${blueprint} has no data store ${store}${suggestion(store, names).replace(/\.$/, "")} (${there})`;
      throw new Refusal("DATA_STORE_NOT_FOUND", 404, message);
    },
  };
}
