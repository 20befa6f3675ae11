/**
 * Whether the database still has its name. Who removes a data folder under a running server, or puts
 * another in its place, leaves it with a file that nobody will find again: what it accepts would be lost.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import type { Cancel, Timers } from "../../system/clock.ts";
import type { Service } from "../../system/lifecycle.ts";
import { DATABASE_FILE } from "./database.ts";

const LOOK_MS = 1_000;

export interface FolderWatchOptions {
  readonly folder: string;
  readonly timers: Timers;
  /** Called once, with the name that it had. */
  readonly gone: (file: string) => void;
}

const GONE = "gone";

export function createFolderWatch({ folder, timers, gone }: FolderWatchOptions): Service {
  const file = join(folder, DATABASE_FILE);
  let first: string | undefined;
  let cancel: Cancel = () => undefined;

  function look(): void {
    const now = identityOf(file);
    first ??= now;
    if (now !== undefined && now !== first) return gone(file);
    cancel = timers.after(LOOK_MS, look);
  }

  return {
    async start() {
      look();
    },
    async stop() {
      cancel();
    },
  };
}

/** Undefined: it cannot be looked up now, which says nothing about the file. */
function identityOf(file: string): string | undefined {
  try {
    const { dev, ino } = statSync(file, { bigint: true });
    return `${dev}/${ino}`;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    return code === "ENOENT" || code === "ENOTDIR" ? GONE : undefined;
  }
}
