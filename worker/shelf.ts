/**
 * Results on disk until they are acknowledged: one file for each process of a worker, a line for
 * each result and one for each that is settled. The system keeps what was written when the process
 * is killed; it is not synced, because a machine that loses its power loses its leases as well.
 * A process takes over what others of the same worker left behind when they died.
 */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { messageOf } from "../src/system/errors.ts";
import type { System } from "../src/system/index.ts";
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
  readonly system: Pick<System, "clock" | "log" | "scheduler">;
  readonly pid: number;
  isAlive(pid: number): boolean;
  /** No more than this is kept; what comes beyond it lies in memory alone. */
  readonly charsMax?: number;
}

const CHARS_MAX = 256 * 1024 * 1024;
const COMPACT_FROM_CHARS = 8 * 1024 * 1024;
/** An orchestrator that was not there for so long has handed the tasks out again, or is gone for good. */
const AGE_MS_MAX = 7 * 24 * 3600 * 1000;
const SUFFIX = ".results";

export class Shelf {
  readonly #kept = new Map<string, ShelvedResult>();
  readonly #path: string;
  #file: number;
  #lines: string[] = [];
  #flushScheduled = false;
  #writtenChars = 0;
  #keptChars = 0;
  #broken = false;
  #fullTold = false;

  /** Throws where the folder cannot be written. */
  constructor(private readonly options: ShelfOptions) {
    const { folder, pid } = options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#path = join(folder, `${this.#prefix}${pid}${SUFFIX}`);
    const left = this.#leftBehind();
    for (const file of left) this.#readFile(join(folder, file));
    this.#file = this.#rewrite();
    for (const file of left) if (join(folder, file) !== this.#path) rmSync(join(folder, file), { force: true });
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
    // Containers that share a volume share their process ids as well: the file may be another one's by now.
    const isOurs = fstatSync(this.#file).ino === statSync(this.#path, { throwIfNoEntry: false })?.ino;
    closeSync(this.#file);
    this.#broken = true;
    if (isOurs && this.#kept.size === 0) rmSync(this.#path, { force: true });
  }

  get #prefix(): string {
    return `${encodeURIComponent(this.options.workerId)}.`;
  }

  /** In a container every start has the same process id: a file under our own is of a start before. */
  #leftBehind(): string[] {
    const { folder, pid, isAlive } = this.options;
    return readdirSync(folder).filter((name) => {
      const owner = /^\d+$/.exec(name.slice(this.#prefix.length, -SUFFIX.length))?.[0];
      if (!name.startsWith(this.#prefix) || !name.endsWith(SUFFIX) || owner === undefined) return false;
      return Number(owner) === pid || !isAlive(Number(owner));
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
    writeSync(this.#file, text);
    this.#writtenChars += text.length;
    if (this.#writtenChars < COMPACT_FROM_CHARS || this.#writtenChars < 4 * this.#keptChars) return;
    closeSync(this.#file);
    this.#file = this.#rewrite();
  }

  #empty(): void {
    ftruncateSync(this.#file, 0);
    this.#writtenChars = 0;
  }

  /** The file with what is kept alone, open for more. */
  #rewrite(): number {
    const text = [...this.#kept.values()].map(lineOf).join("");
    const draft = `${this.#path}.new`;
    writeFileSync(draft, text, { mode: 0o600 });
    renameSync(draft, this.#path);
    this.#writtenChars = text.length;
    return openSync(this.#path, "a", 0o600);
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
