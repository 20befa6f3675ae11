/** SQLite's own "database or disk is full", brought about by a limit on its pages. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Storage } from "../../../src/storage/port.ts";
import { createBallast } from "../../../src/storage/sqlite/ballast.ts";
import { silentLog } from "../../../src/system/log.ts";
import { idOf, next, outcomeOf, sampleJob, unitOf } from "../sample.ts";
import { openStore, temporaryFolder } from "./open.ts";

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const large = JSON.stringify("x".repeat(20_000));

async function fill(store: Storage): Promise<{ stored: number; code: string }> {
  for (let number = 1; number < 1000; number++) {
    const code = await outcomeOf(store.journal.commit(unitOf(sampleJob(idOf(number), { initialData: large }))));
    if (code !== "stored") return { stored: number - 1, code };
  }
  throw new Error("it never filled up");
}

describe("a store without space", () => {
  test("refuses what does not fit for certain, keeps the rest, and is not broken by it", async () => {
    const store = await openStore(folder, { pagesMax: 100 });
    const { stored, code } = await fill(store);
    expect(code).toBe("STORE_FULL");
    expect(stored).toBeGreaterThan(5);
    expect(await store.jobs.load(idOf(stored + 1))).toBeUndefined();
    expect((await store.jobs.list({ limit: 1000 })).length).toBe(stored);
    expect([...(await store.jobs.countByStatus()).values()]).toEqual([stored]);
    expect(await outcomeOf(store.journal.commit(unitOf(next(sampleJob(idOf(1), { initialData: large })))))).toBe(
      "stored",
    );
    await store.close();

    const again = await openStore(folder);
    expect((await again.jobs.list({ limit: 1000 })).length).toBe(stored);
    expect(await outcomeOf(again.journal.commit(unitOf(sampleJob(idOf(2000), { initialData: large }))))).toBe("stored");
    await again.close();
  });

  test("gives up its reserve, refuses new jobs while it is missing, and takes results", async () => {
    const store = await openStore(folder, { pagesMax: 100, ballastBytes: 100_000 });
    await reserve();
    const { stored } = await fill(store);
    expect(statSync(join(folder, "ballast")).size).toBe(0);
    const outcomes = await Promise.all(
      [unitOf(sampleJob(idOf(900))), unitOf(next(sampleJob(idOf(stored))))].map((unit) =>
        outcomeOf(store.journal.commit(unit)),
      ),
    );
    expect(outcomes).toEqual(["STORE_FULL", "stored"]);
    await store.close();
  });

  test("a register that does not fit says so and leaves the old one", async () => {
    const store = await openStore(folder, { pagesMax: 100 });
    await store.registers.saveWorker("w1", "small");
    await fill(store);
    expect(await outcomeOf(store.registers.saveWorker("w1", "x".repeat(1_000_000)))).toBe("STORE_FULL");
    expect((await store.registers.workers()).get("w1")).toBe("small");
    await store.close();
  });
});

describe("the reserve", () => {
  const at = (nowMs: { value: number }) => ({ nowMs: () => nowMs.value, monotonicMs: () => nowMs.value });

  test("is written in full, given up once, and filled again when asked later", async () => {
    const nowMs = { value: 0 };
    const ballast = createBallast({ folder, bytes: 3_000_000, clock: at(nowMs), log: silentLog });
    await reserve();
    const { size, blocks } = statSync(join(folder, "ballast"));
    expect([size, blocks * 512 >= size]).toEqual([3_000_000, true]);
    expect([ballast.isSpent(), ballast.release(), ballast.release()]).toEqual([false, true, false]);
    expect(ballast.isSpent()).toBe(true);
    nowMs.value += 1000;
    expect(ballast.isSpent()).toBe(true);
    await reserve();
    await ballast.close();
    expect(ballast.isSpent()).toBe(false);
  });

  test("that was given up before a restart is still missing after it", async () => {
    const tooLarge = 2 ** 52;
    writeFileSync(join(folder, "ballast"), "");
    const ballast = createBallast({ folder, bytes: tooLarge, clock: at({ value: 0 }), log: silentLog });
    expect([ballast.isSpent(), ballast.release()]).toEqual([true, false]);
    await ballast.close();
  });

  test("closing while it is being filled leaves nothing half done", async () => {
    const ballast = createBallast({ folder, bytes: 50_000_000, clock: at({ value: 0 }), log: silentLog });
    await ballast.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("is not made where it would fill the disk, and none is made of size 0", async () => {
    const tooLarge = createBallast({ folder, bytes: 2 ** 52, clock: at({ value: 0 }), log: silentLog });
    const none = createBallast({ folder, bytes: 0, clock: at({ value: 0 }), log: silentLog });
    for (const ballast of [tooLarge, none]) {
      expect([ballast.isSpent(), ballast.release()]).toEqual([false, false]);
      await ballast.close();
    }
    expect(readdirSync(folder)).toEqual([]);
  });
});

/** Waits, turn by turn of the event loop, until the reserve lies there. */
async function reserve(): Promise<void> {
  for (let turn = 0; turn < 100_000; turn++) {
    if ((statSync(join(folder, "ballast"), { throwIfNoEntry: false })?.size ?? 0) > 0) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("the reserve was not made");
}
