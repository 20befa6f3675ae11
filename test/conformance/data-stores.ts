/** What every store has to do with the data stores of blueprints. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { StoreChange } from "../../src/job/data-store.ts";
import type { Storage, Unit } from "../../src/storage/port.ts";
import { idOf, outcomeOf, refusalOf, sampleJob, unitOf } from "../storage/sample.ts";
import type { StoreUnderTest } from "./storage.ts";

function changeOf(version: number, change: Partial<StoreChange> = {}): StoreChange {
  return { blueprint: "flow", store: "counter", version, reads: [], writes: [], changesKeys: false, ...change };
}

/** As many keys as are given, new in the store. */
function filled(version: number, entries: Readonly<Record<string, string>>, change: Partial<StoreChange> = {}) {
  return changeOf(version, { writes: Object.entries(entries), changesKeys: true, ...change });
}

export function describeDataStores(name: string, make: () => StoreUnderTest): void {
  describe(`${name}: data stores`, () => {
    let under: StoreUnderTest;
    let storage: Storage;
    const commit = (...dataStores: StoreChange[]) => storage.journal.commit({ jobs: [], dataStores });
    const entries = (prefix?: string, after?: string, limit = 100) =>
      storage.dataStores.entries("flow", "counter", {
        limit,
        ...(prefix !== undefined && { prefix }),
        ...(after !== undefined && { after }),
      });
    const keys = async (...where: Parameters<typeof entries>) => (await entries(...where)).map(({ key }) => key);

    beforeEach(async () => {
      under = make();
      storage = await under.open();
    });
    afterEach(async () => {
      await storage.close();
      await under.cleanUp();
    });

    test("one that nothing was written to is not there and has no entries", async () => {
      expect(await storage.dataStores.store("flow", "counter")).toBeUndefined();
      expect(await entries()).toEqual([]);
      expect(await storage.dataStores.storesOf("flow")).toEqual([]);
    });

    test("what a unit writes is read back with its version, and belongs to its blueprint and store alone", async () => {
      await commit(filled(3, { total: "7" }), filled(4, { total: '"other"' }, { store: "cache" }));
      await commit(filled(5, { total: "null" }, { blueprint: "other flow" }));
      expect(await entries()).toEqual([{ key: "total", version: 3, json: "7" }]);
      expect(await storage.dataStores.store("flow", "counter")).toEqual({ version: 3, keySet: 3, seeded: [] });
      expect(await storage.dataStores.entries("flow", "cache", { limit: 9 })).toEqual([
        { key: "total", version: 4, json: '"other"' },
      ]);
      expect(await storage.dataStores.storesOf("flow")).toEqual(["cache", "counter"]);
    });

    test("a write replaces, a removal removes, and only what changes the keys changes their version", async () => {
      await commit(filled(1, { a: "1", b: "2" }));
      await commit(changeOf(2, { writes: [["a", "10"]] }));
      expect(await storage.dataStores.store("flow", "counter")).toEqual({ version: 2, keySet: 1, seeded: [] });
      await commit(changeOf(3, { writes: [["b", undefined]], changesKeys: true }));
      expect(await entries()).toEqual([{ key: "a", version: 2, json: "10" }]);
      expect(await storage.dataStores.store("flow", "counter")).toEqual({ version: 3, keySet: 3, seeded: [] });
    });

    test("a unit whose reads do not hold writes nothing, neither its job nor another store", async () => {
      await commit(filled(1, { total: "1" }));
      const stale: Unit = {
        ...unitOf(sampleJob(idOf(1))),
        dataStores: [
          filled(2, { seen: "true" }, { store: "cache" }),
          changeOf(3, { reads: [["total", 0]], writes: [["total", "9"]] }),
        ],
      };
      const refusal = await refusalOf(storage.journal.commit(stale));
      expect(refusal).toMatchObject({ code: "DATA_STORE_CONFLICT", status: 503 });
      expect(refusal.details).toEqual({ blueprint: "flow", store: "counter" });
      expect(await storage.jobs.load(idOf(1))).toBeUndefined();
      expect(await storage.dataStores.store("flow", "cache")).toBeUndefined();
      expect(await entries()).toEqual([{ key: "total", version: 1, json: "1" }]);
    });

    test("a unit that only read is refused too when its reads do not hold", async () => {
      await commit(filled(1, { total: "1" }));
      const readers = [changeOf(2, { reads: [["total", 1]] }), changeOf(3, { reads: [["total", 2]] })];
      expect(await Promise.all(readers.map((change) => outcomeOf(commit(change))))).toEqual([
        "stored",
        "DATA_STORE_CONFLICT",
      ]);
    });

    test("absence is a read: of a key, of a store, and of all keys", async () => {
      const outcomes = [
        await outcomeOf(commit(changeOf(1, { reads: [["a", 0]], keySet: 0 }))),
        await outcomeOf(commit(filled(2, { a: "1" }, { reads: [["a", 0]], keySet: 0 }))),
        await outcomeOf(commit(filled(3, { a: "1" }, { reads: [["a", 0]] }))),
        await outcomeOf(commit(filled(4, { b: "1" }, { keySet: 0 }))),
        await outcomeOf(commit(filled(5, { b: "1" }, { reads: [["b", 0]], keySet: 2 }))),
      ];
      expect(outcomes).toEqual(["stored", "stored", "DATA_STORE_CONFLICT", "DATA_STORE_CONFLICT", "stored"]);
      expect(await keys()).toEqual(["a", "b"]);
    });

    test("units of one group see each other, and what follows one that failed is refused", async () => {
      const outcomes = await Promise.all(
        [
          filled(1, { total: "1" }, { reads: [["total", 0]] }),
          changeOf(2, { reads: [["total", 1]], writes: [["total", "2"]] }),
          changeOf(3, { reads: [["total", 1]], writes: [["total", "2"]] }),
          changeOf(4, { reads: [["total", 3]], writes: [["total", "3"]] }),
          changeOf(5, { reads: [["total", 2]], writes: [["total", "3"]] }),
        ].map((change) => outcomeOf(commit(change))),
      );
      expect(outcomes).toEqual(["stored", "stored", "DATA_STORE_CONFLICT", "DATA_STORE_CONFLICT", "stored"]);
      expect(await entries()).toEqual([{ key: "total", version: 5, json: "3" }]);
    });

    test("keys and values of any well-formed text come back as they went in", async () => {
      const nasty = {
        "a\u0000b": '"\\u0000"',
        "é😀\u2028": '"é😀"',
        "'; DROP TABLE data_entries; --": "{}",
        " ": "[]",
      };
      await commit(filled(1, nasty));
      const found = await entries();
      expect(Object.fromEntries(found.map(({ key, json }) => [key, json]))).toEqual(nasty);
    });

    test("entries come by key, in pages, and by prefix", async () => {
      const many = Array.from({ length: 450 }, (_, number) => `n${String(number).padStart(3, "0")}`);
      await commit(filled(1, Object.fromEntries(many.map((key) => [key, "0"]))));
      await commit(filled(2, { m: "0", "n\u{10ffff}": "0", o: "0", "a%": "0", a_: "0", ab: "0" }));
      expect(await keys("n", undefined, 1_000)).toEqual([...many, "n\u{10ffff}"]);
      expect(await keys("n", "n440", 3)).toEqual(["n441", "n442", "n443"]);
      expect(await keys("n", "n449")).toEqual(["n\u{10ffff}"]);
      expect(await keys("a%")).toEqual(["a%"]);
      expect(await keys("n\u{10ffff}")).toEqual(["n\u{10ffff}"]);
      expect(await keys("z")).toEqual([]);
      expect(await keys(undefined, "n449")).toEqual(["n\u{10ffff}", "o"]);
    });

    test("which initial values were looked after is kept until it is told anew", async () => {
      await commit(filled(1, { total: "0" }, { seeded: ["total"] }));
      await commit(changeOf(2, { writes: [["total", "1"]] }));
      expect((await storage.dataStores.store("flow", "counter"))?.seeded).toEqual(["total"]);
      await commit(changeOf(3, { seeded: ["total", "more"] }));
      expect((await storage.dataStores.store("flow", "counter"))?.seeded).toEqual(["total", "more"]);
      expect(await entries()).toEqual([{ key: "total", version: 2, json: "1" }]);
    });

    test("a store that is opened again has all of it", async () => {
      const { reopen } = under;
      if (!reopen) return;
      await commit(filled(8, { total: "5" }, { seeded: ["total"] }));
      storage = await reopen(storage);
      expect(await entries()).toEqual([{ key: "total", version: 8, json: "5" }]);
      expect(await storage.dataStores.store("flow", "counter")).toEqual({ version: 8, keySet: 8, seeded: ["total"] });
    });
  });
}
