/** A disk of a test's own that can be filled: a mount in memory, which takes root. */
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FILL_TRIES_MAX = 100;

export class SmallDisk {
  readonly path: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "small-disk-"));
  readonly #bytes: number;

  constructor(megabytes: number) {
    this.#bytes = megabytes * 1024 * 1024;
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

  /** Nothing is left, as if somebody else had taken it. */
  fill(): void {
    for (let tries = 0; tries < FILL_TRIES_MAX; tries++) {
      const { blocks, bfree, bsize } = statfsSync(this.path);
      // What is written meanwhile makes the size too small, and that is refused.
      if (this.#resize((blocks - bfree) * bsize) === undefined && this.freeBytes === 0) return;
    }
    throw new Error("the disk cannot be filled");
  }

  /** And it is given back. */
  clear(): void {
    const wrong = this.#resize(this.#bytes);
    if (wrong !== undefined) throw new Error(wrong);
  }

  #resize(bytes: number): string | undefined {
    return mount(["mount", "-o", `remount,size=${bytes}`, this.path]);
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
