/** Opens the embedded store for tests, on the machine's own clock and disk. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Storage } from "../../../src/storage/port.ts";
import { openSqliteStorage, type SqliteStorageOptions } from "../../../src/storage/sqlite/index.ts";
import { createRealSystem } from "../../../src/system/real.ts";

export function openStore(folder: string, changes: Partial<SqliteStorageOptions> = {}): Promise<Storage> {
  return openSqliteStorage({
    ...createRealSystem({ write: () => undefined }),
    folder,
    onFatal: (error) => {
      throw error;
    },
    programVersion: "1.2.3",
    ballastBytes: 0,
    ...changes,
  });
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "storage-test-"));
}
