/**
 * Results on disk until they are acknowledged: one file for each process of a worker, a line for
 * each result and one for each that is settled. The system keeps what was written when the process
 * is killed. That the machine may lose its power costs syncs, and so these come in the background,
 * many results to one, and only for what is not acknowledged by then.
 * A process takes over what others of the same worker left behind when they died.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { assert, messageOf } from "../src/system/errors.ts";
import type { System } from "../src/system/index.ts";
import { syncFolder } from "../src/system/sync-folder.ts";
import { JournalFile, removeWithDraft, type SyncFile } from "./journal-file.ts";
import { type OwnerLock, tryLock } from "./owner-lock.ts";
import { isRecord } from "./payload.ts";

export interface ShelvedResult {
  /** The name of the orchestrator that its task came from. */
  readonly origin: string;
  readonly jobId: string;
  readonly taskId: string;
  /** JSON text. */
  readonly body: string;
  readonly atMs: number;
}

export interface ShelfOptions {
  readonly folder: string;
  readonly workerId: string;
  readonly system: Pick<System, "clock" | "ids" | "log" | "scheduler" | "timers">;
  /** The disk's own, where this is left out. */
  readonly sync?: SyncFile;
  /** No more than this is kept; what comes beyond it lies in memory alone. */
  readonly charsMax?: number;
}

const CHARS_MAX = 256 * 1024 * 1024;
const COMPACT_FROM_CHARS = 8 * 1024 * 1024;
/** An orchestrator that was not there for so long has handed the tasks out again, or is gone for good. */
const AGE_MS_MAX = 7 * 24 * 3600 * 1000;
const SUFFIX = ".results";
const LOCK_SUFFIX = ".lock";
/** An id without a dot: a worker may be called `a`, and another one `a.b`. */
const OWNER = /^[\w-]+$/;
/** What is acknowledged sooner is never synced: a worker whose orchestrator is there pays for no sync. */
const SYNC_AFTER_MS = 200;

export class Shelf {
  readonly #kept = new Map<string, ShelvedResult>();
  readonly #path: string;
  readonly #lock: OwnerLock;
  #file: JournalFile;
  #lines: string[] = [];
  #flushScheduled = false;
  #syncScheduled = false;
  #isSynced = true;
  #writtenChars = 0;
  #keptChars = 0;
  #broken = false;
  #fullTold = false;

  /** Throws where the folder cannot be written, or takes no locks. */
  constructor(private readonly options: ShelfOptions) {
    const { folder, system } = options;
    const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (made !== undefined) syncFolder(dirname(made));
    const owner = system.ids.unique();
    this.#path = this.#pathOf(owner, SUFFIX);
    this.#lock = this.#lockOwn(owner);
    const left = this.#leftBehind();
    try {
      for (const { path } of left) this.#readFile(path);
      this.#file = this.#rewrite();
      for (const { path } of left) removeWithDraft(path);
    } catch (error) {
      this.#lock.release();
      throw error;
    } finally {
      for (const { lock } of left) lock.release();
    }
  }

  get path(): string {
    return this.#path;
  }

  /** What is kept for an orchestrator, oldest first. */
  of(origin: string): ShelvedResult[] {
    return [...this.#kept.values()].filter((result) => result.origin === origin);
  }

  /** Which orchestrators something is kept for. */
  origins(): ReadonlySet<string> {
    return new Set([...this.#kept.values()].map(({ origin }) => origin));
  }

  get size(): number {
    return this.#kept.size;
  }

  /** On disk after the next `flush`. */
  put(origin: string, jobId: string, taskId: string, body: string): void {
    if (this.#broken) return;
    const result = { origin, jobId, taskId, body, atMs: this.options.system.clock.nowMs() };
    if (this.#keptChars + body.length > (this.options.charsMax ?? CHARS_MAX)) return this.#tellFull();
    this.drop(taskId);
    this.#keep(result);
    this.#lines.push(lineOf(result));
  }

  drop(taskId: string): void {
    const result = this.#kept.get(taskId);
    if (!result) return;
    this.#kept.delete(taskId);
    this.#keptChars -= result.body.length;
    this.#lines.push(`${JSON.stringify({ done: taskId })}\n`);
    this.#flushSoon();
  }

  flush(): void {
    const lines = this.#lines;
    if (lines.length === 0 || this.#broken) return;
    this.#lines = [];
    try {
      if (this.#kept.size === 0) this.#empty();
      else this.#append(lines.join(""));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Nothing is left behind where nothing is kept. */
  close(): void {
    this.flush();
    if (this.#broken) return;
    this.#broken = true;
    if (this.#kept.size === 0) {
      this.#file.close();
      removeWithDraft(this.#path);
    } else this.#file.closeSynced();
    this.#lock.release();
  }

  get #prefix(): string {
    return `${encodeURIComponent(this.options.workerId)}.`;
  }

  #pathOf(owner: string, suffix: string): string {
    return join(this.options.folder, `${this.#prefix}${owner}${suffix}`);
  }

  #lockOwn(owner: string): OwnerLock {
    const lock = tryLock(this.#pathOf(owner, LOCK_SUFFIX));
    assert(lock !== undefined, "an id that was made just now is nobody else's");
    return lock;
  }

  /** Files whose owners died: ours from here on. */
  #leftBehind(): { readonly path: string; readonly lock: OwnerLock }[] {
    return this.#owners().flatMap((owner) => {
      const lock = tryLock(this.#pathOf(owner, LOCK_SUFFIX));
      if (!lock) return [];
      const path = this.#pathOf(owner, SUFFIX);
      if (existsSync(path)) return [{ path, lock }];
      // Another one that starts just now was faster.
      lock.release();
      return [];
    });
  }

  #owners(): string[] {
    return readdirSync(this.options.folder).flatMap((name) => {
      if (!name.startsWith(this.#prefix) || !name.endsWith(SUFFIX)) return [];
      const owner = name.slice(this.#prefix.length, -SUFFIX.length);
      return OWNER.test(owner) ? [owner] : [];
    });
  }

  #readFile(path: string): void {
    const oldestMs = this.options.system.clock.nowMs() - AGE_MS_MAX;
    for (const line of readFileSync(path, "utf8").split("\n")) {
      const entry = parseLine(line);
      if (typeof entry?.["done"] === "string") this.#unkeep(entry["done"]);
      const result = entry && readResult(entry);
      if (result && result.atMs >= oldestMs) this.#keep(result);
      else if (result) this.#tellOld(result);
    }
  }

  #keep(result: ShelvedResult): void {
    this.#unkeep(result.taskId);
    this.#kept.set(result.taskId, result);
    this.#keptChars += result.body.length;
  }

  #unkeep(taskId: string): void {
    this.#keptChars -= this.#kept.get(taskId)?.body.length ?? 0;
    this.#kept.delete(taskId);
  }

  #append(text: string): void {
    this.#file.append(text);
    this.#writtenChars += text.length;
    this.#isSynced = false;
    if (this.#writtenChars < COMPACT_FROM_CHARS || this.#writtenChars < 4 * this.#keptChars) return this.#syncSoon();
    const before = this.#file;
    this.#file = this.#rewrite();
    before.close();
  }

  #empty(): void {
    this.#file.empty();
    this.#writtenChars = 0;
  }

  /** The file with what is kept alone, open for more. */
  #rewrite(): JournalFile {
    const text = [...this.#kept.values()].map(lineOf).join("");
    const file = new JournalFile(this.#path, text, this.options.sync);
    this.#writtenChars = text.length;
    this.#isSynced = true;
    return file;
  }

  #syncSoon(): void {
    if (this.#syncScheduled) return;
    this.#syncScheduled = true;
    this.options.system.timers.after(SYNC_AFTER_MS, () => void this.#sync());
  }

  /** One at a time: what is written meanwhile shares the next one. */
  async #sync(): Promise<void> {
    try {
      if (!this.#broken && this.#kept.size > 0 && !this.#isSynced) {
        this.#isSynced = true;
        await this.#file.synced();
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#syncScheduled = false;
    if (!this.#isSynced && this.#kept.size > 0) this.#syncSoon();
  }

  #flushSoon(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.options.system.scheduler.afterInput(() => {
      this.#flushScheduled = false;
      this.flush();
    });
  }

  #fail(error: unknown): void {
    if (this.#broken) return;
    this.#broken = true;
    this.options.system.log.error(
      "results cannot be kept on disk any more: they lie in memory until they are acknowledged",
      { file: this.#path, reason: messageOf(error) },
    );
  }

  #tellFull(): void {
    if (this.#fullTold) return;
    this.#fullTold = true;
    const fields = { file: this.#path, results: this.#kept.size };
    this.options.system.log.warn(
      "so many results wait to be acknowledged that further ones lie in memory alone",
      fields,
    );
  }

  #tellOld({ taskId, jobId, origin }: ShelvedResult): void {
    const fields = { task_id: taskId, job_id: jobId, orchestrator: origin };
    this.options.system.log.warn("a result that was kept for more than a week is dropped", fields);
  }
}

function lineOf({ origin, jobId, taskId, body, atMs }: ShelvedResult): string {
  return `${JSON.stringify({ origin, job: jobId, task: taskId, at: atMs, body })}\n`;
}

/** A line that was cut off when its writer was killed says nothing. */
function parseLine(line: string): Record<string, unknown> | undefined {
  if (line === "") return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function readResult(entry: Record<string, unknown>): ShelvedResult | undefined {
  const { origin, job, task, at, body } = entry;
  if (typeof origin !== "string" || typeof job !== "string" || typeof task !== "string") return undefined;
  if (typeof at !== "number" || typeof body !== "string") return undefined;
  return { origin, jobId: job, taskId: task, body, atMs: at };
}
