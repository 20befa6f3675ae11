import { beforeEach, describe, expect, test } from "bun:test";
import { Stores, type StoresParts } from "../../../actors/stores/stores.ts";
import type { StoreUse } from "../../../src/job/data-store.ts";
import type { Storage } from "../../../src/storage/port.ts";
import { storeFull } from "../../../src/storage/refusals.ts";
import { openSqliteStorage } from "../../../src/storage/sqlite/index.ts";
import { silentLog } from "../../../src/system/log.ts";
import { createSteadyClock } from "../../../src/system/steady.ts";
import { ManualTime } from "../../support/manual-time.ts";
import { eventLoop, outcomeOf } from "../../storage/sample.ts";

let storage: Storage;
const reply = { steps: [], ending: { kind: "ended", state: "end" } } as const;

beforeEach(async () => {
  const clock = new ManualTime();
  storage = await openSqliteStorage({
    folder: ":memory:",
    clock,
    scheduler: eventLoop,
    random: { next: () => 0.5, bytes: (count) => new Uint8Array(count) },
    log: silentLog,
    onFatal: () => undefined,
    programVersion: "0",
  });
});

function open(parts: Partial<StoresParts> = {}): Stores {
  const clock = new ManualTime();
  return new Stores({
    steady: createSteadyClock(clock),
    timers: clock,
    reader: storage.dataStores,
    journal: storage.journal,
    initial: async () => ({}),
    isRunning: () => true,
    ...parts,
  });
}

const ask = (stores: Stores, jobId: string, store = "s", key = "a") =>
  stores.ask({ jobId, hash: "h", blueprint: "flow", store, key });

/** As a job does: judged and committed in one go. */
function write(stores: Stores, jobId: string, use: Partial<StoreUse>): Promise<string> {
  const dataStores = [{ store: "s", reads: [], writes: [], ...use }];
  const verdict = stores.judge({ id: jobId, blueprint: "flow" }, { ...reply, dataStores });
  if (verdict.type === "refused") return Promise.resolve(verdict.error.code);
  if (verdict.type === "again") return Promise.resolve("again");
  const written = outcomeOf(stores.journal.commit({ jobs: [], dataStores: verdict.changes }));
  stores.leave(jobId);
  return written;
}

describe("data stores", () => {
  test("let others see what was admitted before it is durable", async () => {
    const stores = open();
    await ask(stores, "one");
    const written = write(stores, "one", { writes: [["a", "1"]] });
    expect(await ask(stores, "two")).toMatchObject({ json: "1" });
    expect(await written).toBe("stored");
  });

  test("drop what followed a change that failed, are read again, and never give a version twice", async () => {
    const disk = Promise.withResolvers<void>();
    let fails = false;
    const journal: Storage["journal"] = {
      commit: (unit) => (fails ? disk.promise : storage.journal.commit(unit)),
      write: (unit, told) => storage.journal.write(unit, told),
    };
    const stores = open({ journal });
    await ask(stores, "one");
    await write(stores, "one", { writes: [["a", "1"]] });

    await ask(stores, "two");
    fails = true;
    const failing = write(stores, "two", { writes: [["a", "2"]] });
    fails = false;
    const lost = await ask(stores, "three");
    expect(lost).toMatchObject({ json: "2" });
    const version = lost === "again" ? -1 : lost.version;
    const following = write(stores, "three", { reads: [["a", version]], writes: [["a", "3"]] });
    const drops = following.finally(() => disk.reject(storeFull()));
    expect([await failing, await drops]).toEqual(["STORE_FULL", "DATA_STORE_CONFLICT"]);

    const again = await ask(stores, "four");
    expect(again).toMatchObject({ json: "1" });
    expect(await write(stores, "four", { reads: [["a", version]], writes: [["a", "4"]] })).toBe("again");
    expect(await write(stores, "four", { writes: [["a", "5"]] })).toBe("stored");
    const [entry] = await storage.dataStores.entries("flow", "s", { limit: 1 });
    expect(entry).toMatchObject({ json: "5" });
    expect(entry?.version).toBeGreaterThan(version);
  });

  test("refuse what would fill a store beyond its limit, and take what makes it smaller", async () => {
    const stores = open({ storeBytes: 200 });
    const fill = (text: string) => ({ writes: [["a", JSON.stringify(text)]] as StoreUse["writes"] });
    await ask(stores, "one");
    expect(await write(stores, "one", fill("x".repeat(100)))).toBe("stored");
    await ask(stores, "two");
    expect(await write(stores, "two", fill("x".repeat(150)))).toBe("DATA_STORE_FULL");

    const smaller = open({ storeBytes: 100 });
    await ask(smaller, "one");
    expect(await write(smaller, "one", fill("x".repeat(90)))).toBe("stored");
    await ask(smaller, "two");
    expect(await write(smaller, "two", fill("x".repeat(91)))).toBe("DATA_STORE_FULL");
  });

  test("forget idle stores when they take too much memory, and read them again", async () => {
    let loads = 0;
    const reader: Storage["dataStores"] = {
      store: (...name) => ((loads += 1), storage.dataStores.store(...name)),
      entries: (...query) => storage.dataStores.entries(...query),
      storesOf: (blueprint) => storage.dataStores.storesOf(blueprint),
    };
    const stores = open({ reader, bytesInMemory: 1_000 });
    for (const store of ["s", "t", "u"]) {
      await ask(stores, store, store);
      await write(stores, store, { store, writes: [["a", JSON.stringify("x".repeat(600))]] });
    }
    expect(loads).toBe(3);
    await ask(stores, "job", "u");
    expect(loads).toBe(3);
    for (const store of ["s", "t"])
      expect(await ask(stores, "job", store)).toMatchObject({ version: expect.any(Number) });
    expect(loads).toBeGreaterThan(3);
  });

  test("let a turn that was given up hold up nobody", async () => {
    let running = true;
    const stores = open({ isRunning: () => running });
    await ask(stores, "one");
    running = false;
    expect(await ask(stores, "one")).toBe("again");
  });

  test("are asked again after a read of the disk has failed", async () => {
    let fails = true;
    const reader: Storage["dataStores"] = {
      store: (...name) => (fails ? Promise.reject(storeFull()) : storage.dataStores.store(...name)),
      entries: (...query) => storage.dataStores.entries(...query),
      storesOf: (blueprint) => storage.dataStores.storesOf(blueprint),
    };
    const stores = open({ reader });
    expect(await outcomeOf(ask(stores, "one"))).toBe("STORE_FULL");
    fails = false;
    expect(await ask(stores, "one")).toEqual({ version: 0 });
  });
});
