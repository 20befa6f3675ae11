/**
 * Space kept back for hard times: a file that is emptied when the disk is full, so that results
 * and cancels can still be stored. Its blocks are written, since a sparse file holds nothing back.
 */
import { renameSync, statfsSync, statSync, truncateSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../system/clock.ts";
import { messageOf } from "../../system/errors.ts";
import type { Log } from "../../system/log.ts";

const CHUNK_BYTES = 1024 * 1024;
const TRY_EVERY_MS = 1000;
/** It is made only where as much again stays free, so that it does not cause what it is for. */
const FREE_FACTOR = 2;

export interface Ballast {
  /** False: there is nothing to give up. */
  release(): boolean;
  /** True while the space that was given up is missing; asking begins to fill it again, where there is room. */
  isSpent(): boolean;
  close(): Promise<void>;
}

export interface BallastOptions {
  readonly folder: string;
  /** 0: none. */
  readonly bytes: number;
  readonly clock: Clock;
  readonly log: Log;
}

export const noBallast: Ballast = { release: () => false, isSpent: () => false, close: async () => undefined };

export function createBallast(options: BallastOptions): Ballast {
  return options.bytes === 0 ? noBallast : new FileBallast(options);
}

class FileBallast implements Ballast {
  readonly #options: BallastOptions;
  readonly #file: string;
  #filling: Promise<void> | undefined;
  #held: boolean;
  #spent: boolean;
  #closed = false;
  #triedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: BallastOptions) {
    this.#options = options;
    this.#file = join(options.folder, "ballast");
    const found = statSync(this.#file, { throwIfNoEntry: false })?.size;
    this.#held = found === options.bytes;
    // Empty: it was given up before a restart, and what it was given up for still counts on that space.
    this.#spent = found === 0;
    if (!this.#held) this.#fill();
  }

  release(): boolean {
    if (!this.#held) return false;
    truncateSync(this.#file);
    this.#held = false;
    this.#spent = true;
    this.#options.log.warn(
      "the disk is full: the reserved space was given up, and new jobs are refused until there is room",
    );
    return true;
  }

  isSpent(): boolean {
    if (this.#spent) this.#fill();
    return this.#spent;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#filling;
  }

  #fill(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#closed || this.#filling || nowMs - this.#triedAtMs < TRY_EVERY_MS) return;
    this.#triedAtMs = nowMs;
    const { bavail, bsize } = statfsSync(this.#options.folder);
    if (bavail * bsize < this.#options.bytes * FREE_FACTOR) return;
    this.#filling = this.#write().finally(() => {
      this.#filling = undefined;
    });
  }

  async #write(): Promise<void> {
    const unfinished = `${this.#file}.new`;
    try {
      const handle = await open(unfinished, "w", 0o600);
      try {
        const chunk = new Uint8Array(Math.min(CHUNK_BYTES, this.#options.bytes));
        for (let written = 0; written < this.#options.bytes && !this.#closed;) {
          written += (await handle.write(chunk, 0, Math.min(chunk.length, this.#options.bytes - written))).bytesWritten;
        }
        if (!this.#closed) await handle.sync();
      } finally {
        await handle.close();
      }
      if (this.#closed) return await rm(unfinished, { force: true });
      // In one turn, so that nobody gives up a file that is just getting its name.
      renameSync(unfinished, this.#file);
      this.#held = true;
      this.#spent = false;
    } catch (error) {
      this.#options.log.warn("no space could be reserved for hard times", { error: messageOf(error) });
      await rm(unfinished, { force: true });
    }
  }
}
