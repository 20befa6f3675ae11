/** What the figures were measured on: they mean little without it. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";

const SYNC_MS = 500;

export interface Machine {
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly bun: string;
  /** Over the last minute, before the run: what else the machine did. */
  readonly load: number;
  /** Appends of 4 KB that the disk makes safe, one after the other. */
  readonly syncsPerSecond: number;
}

export function describeMachine(): Machine {
  return {
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    bun: Bun.version,
    load: loadavg()[0] ?? Number.NaN,
    syncsPerSecond: measureSyncs(),
  };
}

function measureSyncs(): number {
  const folder = mkdtempSync(join(tmpdir(), "orchestrator-bench-"));
  const file = openSync(join(folder, "syncs"), "a");
  try {
    const page = Buffer.alloc(4096, 1);
    const beganMs = performance.now();
    let count = 0;
    for (; performance.now() - beganMs < SYNC_MS; count++) {
      writeSync(file, page);
      fdatasyncSync(file);
    }
    return count / ((performance.now() - beganMs) / 1000);
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true, force: true });
  }
}
