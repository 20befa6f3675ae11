/** For tests alone: what opens a store outside of them knows no hooks. */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Storage } from "../../../src/storage/port.ts";
import { openStore, temporaryFolder } from "./open.ts";

export interface StoreOfTest {
  readonly now: Storage;
  /** What `change` does to the file is found by the store that is opened on it afterwards. */
  whileClosed(change: (database: Database) => void): Promise<void>;
}

/** A store for each test of the file or group that asks for it, in a folder of its own. */
export function storeForEachTest(): StoreOfTest {
  let folder: string;
  let store: Storage;

  beforeEach(async () => {
    folder = temporaryFolder();
    store = await openStore(folder);
  });

  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  return {
    get now() {
      return store;
    },
    async whileClosed(change) {
      await store.close();
      const database = new Database(join(folder, "store.db"));
      change(database);
      database.close(true);
      store = await openStore(folder);
    },
  };
}
