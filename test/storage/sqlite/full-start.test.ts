/** A store that is opened while its disk has not one byte left, with a log that has yet to be copied. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { cpSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { SmallDisk, whyNoSmallDisk } from "../../support/small-disk.ts";
import { idOf, outcomeOf, refusalOf, sampleJob, unitOf } from "../sample.ts";
import { openStore, temporaryFolder } from "./open.ts";

const RESERVE_BYTES = 4 * 1024 * 1024;
const JOBS = 100;

const missing = whyNoSmallDisk();
if (missing !== undefined) console.warn(`The tests of a start on a full disk are skipped: ${missing}.`);

describe.skipIf(missing !== undefined)("a store that starts on a full disk", () => {
  let disk: SmallDisk;
  let folder: string;
  let source: string;

  beforeEach(async () => {
    disk = new SmallDisk(24);
    folder = join(disk.path, "data");
    source = temporaryFolder();
  });
  afterEach(() => {
    disk.remove();
    rmSync(source, { recursive: true, force: true });
  });

  async function reserved(): Promise<void> {
    for (let turn = 0; turn < 100_000; turn++) {
      if (statSync(join(source, "ballast"), { throwIfNoEntry: false })) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
    throw new Error("the reserve was not made");
  }

  /** As kill -9 leaves it: everything lies in the log. */
  async function leaveLog(ballastBytes: number): Promise<void> {
    const store = await openStore(source, { ballastBytes });
    const initialData = JSON.stringify("x".repeat(20_000));
    for (let number = 1; number <= JOBS; number++) {
      await store.journal.commit(unitOf(sampleJob(idOf(number), { initialData })));
    }
    if (ballastBytes > 0) await reserved();
    cpSync(source, folder, { recursive: true });
    rmSync(join(folder, "store.db-shm"));
    await store.close();
    disk.fill();
  }

  test("gives up its reserve for the log, holds all that was committed, and refuses new jobs", async () => {
    await leaveLog(RESERVE_BYTES);
    const store = await openStore(folder, { ballastBytes: RESERVE_BYTES });
    expect((await store.jobs.list({ limit: 1000 })).length).toBe(JOBS);
    expect(await outcomeOf(store.journal.commit(unitOf(sampleJob(idOf(500)))))).toBe("STORE_FULL");
    await store.close();
  });

  test("without a reserve it says that there is no space, and holds everything once there is", async () => {
    await leaveLog(0);
    const refusal = await refusalOf(openStore(folder));
    expect(refusal.code).toBe("STORE_FULL");
    disk.clear();
    const store = await openStore(folder);
    expect((await store.jobs.list({ limit: 1000 })).length).toBe(JOBS);
    await store.close();
  });
});
