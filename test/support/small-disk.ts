/** A disk of a test's own that can be filled: a mount in memory, which takes root. */
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeSync, openSync, closeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CHUNK_BYTES = 64 * 1024;

export class SmallDisk {
  readonly path: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "small-disk-"));
  #fillers = 0;

  constructor(megabytes: number) {
    this.path = join(this.#folder, "disk");
    mkdirSync(this.path);
    const mounted = mount(["mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", this.path]);
    if (mounted === undefined) return;
    rmSync(this.#folder, { recursive: true, force: true });
    throw new Error(mounted);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Somebody else takes all that is left, apart from so much. */
  fill(leftBytes = 0): void {
    const handle = openSync(join(this.path, `filler-${this.#fillers++}`), "w");
    const chunk = Buffer.alloc(CHUNK_BYTES);
    try {
      while (this.freeBytes > leftBytes) writeSync(handle, chunk, 0, Math.min(CHUNK_BYTES, this.freeBytes - leftBytes));
    } finally {
      closeSync(handle);
    }
  }

  /** And gives it back. */
  clear(): void {
    while (this.#fillers > 0) rmSync(join(this.path, `filler-${--this.#fillers}`), { force: true });
  }

  remove(): void {
    mount(["umount", "-l", this.path]);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Why no such disk can be had here; undefined: it can. */
export function whyNoSmallDisk(): string | undefined {
  if (process.getuid?.() !== 0) return "a disk of its own takes root";
  try {
    new SmallDisk(1).remove();
    return undefined;
  } catch (error) {
    return `nothing can be mounted here: ${String(error)}`;
  }
}

/** What was wrong, if anything was. */
function mount(command: string[]): string | undefined {
  try {
    const { success, stderr } = Bun.spawnSync(command, { stdio: ["ignore", "ignore", "pipe"] });
    return success ? undefined : stderr.toString().trim();
  } catch (error) {
    return String(error);
  }
}
