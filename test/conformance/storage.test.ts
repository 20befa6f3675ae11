import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../src/system/clock.ts";
import { silentLog } from "../../src/system/log.ts";
import { openSqliteStorage } from "../../src/storage/sqlite/index.ts";
import { eventLoop } from "../storage/sample.ts";
import { describeStorage, type StoreUnderTest } from "./storage.ts";

function sqliteAt(folder: string, writesInThread = false): Pick<StoreUnderTest, "open" | "setNowMs"> {
  let nowMs = 0;
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  let drawn = 0;
  const random = { next: () => 0.5, bytes: (count: number) => Uint8Array.from({ length: count }, () => (drawn += 7)) };
  const fail = (error: unknown) => {
    throw error;
  };
  return {
    setNowMs(value) {
      nowMs = value;
    },
    open: () =>
      openSqliteStorage({
        folder,
        clock,
        scheduler: eventLoop,
        random,
        log: silentLog,
        onFatal: fail,
        programVersion: "1.0.0",
        ballastBytes: 0,
        writesInThread,
      }),
  };
}

describeStorage("SQLite in memory", () => ({ ...sqliteAt(":memory:"), cleanUp: async () => undefined }));

for (const writesInThread of [false, true]) {
  describeStorage(writesInThread ? "SQLite in a folder, written by a thread" : "SQLite in a folder", () => {
    const folder = mkdtempSync(join(tmpdir(), "storage-conformance-"));
    const store = sqliteAt(folder, writesInThread);
    return {
      ...store,
      async reopen(storage) {
        await storage.close();
        return store.open();
      },
      async cleanUp() {
        rmSync(folder, { recursive: true, force: true });
      },
    };
  });
}
