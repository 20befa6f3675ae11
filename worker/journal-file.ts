/** A file to which lines are added. What is written outlives the process at once, a loss of power once it is synced. */
import {
  closeSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { syncFolder } from "../src/system/sync-folder.ts";

export type SyncFile = (file: number) => Promise<void>;

const syncInBackground: SyncFile = promisify(fdatasync);

export class JournalFile {
  readonly #file: number;
  #syncs = 0;
  #isClosed = false;

  /** Made anew with this text, which is durable then; what stood under the name before is there until it is. */
  constructor(
    path: string,
    text: string,
    private readonly sync: SyncFile = syncInBackground,
  ) {
    const draft = draftOf(path);
    rmSync(draft, { force: true });
    // Lines go to the end, wherever that is: once the file was emptied it is not where the last one ended.
    this.#file = openSync(draft, "a", 0o600);
    try {
      writeFileSync(this.#file, text);
      fsyncSync(this.#file);
      renameSync(draft, path);
      syncFolder(dirname(path));
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  append(text: string): void {
    writeSync(this.#file, text);
  }

  empty(): void {
    ftruncateSync(this.#file, 0);
  }

  /** While the thread goes on. Resolves when all that was written before the call is durable. */
  async synced(): Promise<void> {
    this.#syncs += 1;
    try {
      await this.sync(this.#file);
    } finally {
      this.#syncs -= 1;
      if (this.#isClosed && this.#syncs === 0) closeSync(this.#file);
    }
  }

  /** Not before a sync that is under way has ended: its handle could be another file's by then. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#syncs === 0) closeSync(this.#file);
  }

  /** The end of a process: nobody waits for anything any more. */
  closeSynced(): void {
    if (!this.#isClosed) fsyncSync(this.#file);
    this.close();
  }
}

/** Also what was never finished. */
export function removeWithDraft(path: string): void {
  rmSync(draftOf(path), { force: true });
  rmSync(path, { force: true });
}

function draftOf(path: string): string {
  return `${path}.new`;
}
