/**
 * Tasks that wait without their bodies: what they are ordered and found by, as columns of numbers,
 * some 90 bytes a task and nothing for the garbage collector to look at. A million of them wait
 * for a worker that never came at the price of one array each.
 */
import { formatUuid } from "../../src/system/ids.ts";
import type { RowOrder } from "./row-heap.ts";
import { type Row, RowIndex } from "./row-index.ts";
import { bytesOf, compareRanks, type QueuedTask, type Rank, type WaitingTask } from "./task.ts";

const ROWS_FIRST = 1_024;
const NONE = 0xffff_ffff;
const BEGUN = 1;
const AGAIN = 2;
/** Of an id: four numbers of 32 bits. */
const WORDS = 4;
const UUID_LENGTH = 36;
const DASHES: ReadonlySet<number> = new Set([8, 13, 18, 23]);

interface Columns {
  readonly ids: Uint32Array;
  readonly visits: Uint32Array;
  readonly slots: Uint32Array;
  readonly attempts: Uint32Array;
  readonly bytes: Uint32Array;
  readonly priorities: Float64Array;
  readonly queuedAtMs: Float64Array;
  readonly arrivals: Float64Array;
  readonly flags: Uint8Array;
  readonly lines: Uint32Array;
  /** Rows of one job, in a ring without an order. Of a free row: the next free one. */
  readonly next: Uint32Array;
  readonly before: Uint32Array;
  readonly places: Uint32Array;
}

function columnsFor(rows: number): Columns {
  return {
    ids: new Uint32Array(rows * WORDS),
    visits: new Uint32Array(rows),
    slots: new Uint32Array(rows),
    attempts: new Uint32Array(rows),
    bytes: new Uint32Array(rows),
    priorities: new Float64Array(rows),
    queuedAtMs: new Float64Array(rows),
    arrivals: new Float64Array(rows),
    flags: new Uint8Array(rows),
    lines: new Uint32Array(rows),
    next: new Uint32Array(rows),
    before: new Uint32Array(rows),
    places: new Uint32Array(rows),
  };
}

export class ParkedTasks implements RowOrder {
  #columns = columnsFor(ROWS_FIRST);

  #size = 0;
  /** Rows from here on were never used. */
  #fresh = 0;
  #free = NONE;
  #byTask = new RowIndex((row) => this.#hashOfTask(row));
  /** One row of each job. */
  #byJob = new RowIndex((row) => this.#hashOfJob(row));
  /** The id that is looked for. */
  readonly #wanted = new Uint32Array(WORDS);

  get size(): number {
    return this.#size;
  }

  /** Undefined: its job's id is none of ours, and has no short form. */
  add(task: QueuedTask, arrival: number, line: number): Row | undefined {
    if (!this.#want(task.jobId)) return undefined;
    const sibling = this.#findJob();
    const row = this.#take();
    this.#columns.ids.set(this.#wanted, row * WORDS);
    this.#columns.visits[row] = task.visit;
    this.#columns.slots[row] = task.slot;
    this.#columns.attempts[row] = task.attempt;
    this.#columns.bytes[row] = bytesOf(task);
    this.#columns.priorities[row] = task.order.priority;
    this.#columns.queuedAtMs[row] = task.queuedAtMs;
    this.#columns.arrivals[row] = arrival;
    this.#columns.flags[row] = (task.begun ? BEGUN : 0) | (task.again ? AGAIN : 0);
    this.#columns.lines[row] = line;
    this.#byTask.insert(row);
    this.#join(row, sibling);
    this.#size += 1;
    return row;
  }

  remove(row: Row): void {
    this.#byTask.remove(row);
    this.#leave(row);
    this.#columns.next[row] = this.#free;
    this.#free = row;
    this.#size -= 1;
    if (this.#size === 0 && this.#fresh > ROWS_FIRST) this.#clear();
  }

  get places(): Uint32Array {
    return this.#columns.places;
  }

  find(jobId: string, visit: number, slot: number): Row | undefined {
    return this.#size === 0 || !this.#want(jobId) ? undefined : this.#findTask(visit, slot);
  }

  #findTask(visit: number, slot: number): Row | undefined {
    const hash = mixed(mixed(hashOf(this.#wanted, 0), visit), slot);
    return this.#byTask.find(
      hash,
      (row) => this.#isWanted(row) && this.#columns.visits[row] === visit && this.#columns.slots[row] === slot,
    );
  }

  hasJob(jobId: string): boolean {
    return this.#size > 0 && this.#want(jobId) && this.#findJob() !== undefined;
  }

  lineOf(row: Row): number {
    return this.#columns.lines[row] ?? 0;
  }

  /** Of the body. */
  bytesOf(row: Row): number {
    return at(this.#columns.bytes, row);
  }

  attemptOf(row: Row): number {
    return this.#columns.attempts[row] ?? 0;
  }

  compare(a: Row, b: Row): number {
    return (
      at(this.#columns.priorities, b) - at(this.#columns.priorities, a) ||
      (at(this.#columns.flags, b) & BEGUN) - (at(this.#columns.flags, a) & BEGUN) ||
      at(this.#columns.queuedAtMs, a) - at(this.#columns.queuedAtMs, b) ||
      at(this.#columns.arrivals, a) - at(this.#columns.arrivals, b)
    );
  }

  compareWith(row: Row, rank: Rank): number {
    return compareRanks(this.rankOf(row), rank);
  }

  rankOf(row: Row): Rank {
    return {
      priority: at(this.#columns.priorities, row),
      begun: (at(this.#columns.flags, row) & BEGUN) !== 0,
      queuedAtMs: at(this.#columns.queuedAtMs, row),
      arrival: at(this.#columns.arrivals, row),
    };
  }

  read(row: Row): WaitingTask {
    const jobId = this.#idOf(row);
    const [visit, slot] = [at(this.#columns.visits, row), at(this.#columns.slots, row)];
    const { begun, queuedAtMs } = this.rankOf(row);
    const again = (at(this.#columns.flags, row) & AGAIN) !== 0;
    return {
      jobId,
      visit,
      slot,
      attempt: this.attemptOf(row),
      begun,
      queuedAtMs,
      again,
    };
  }

  // ---- rows

  #take(): Row {
    const free = this.#free;
    if (free !== NONE) {
      this.#free = at(this.#columns.next, free);
      return free;
    }
    if (this.#fresh === this.#columns.visits.length) this.#grow(this.#fresh * 2);
    this.#fresh += 1;
    return this.#fresh - 1;
  }

  #grow(rows: number): void {
    const [before, made] = [this.#columns, columnsFor(rows)];
    for (const name of Object.keys(made) as (keyof Columns)[]) made[name].set(before[name]);
    this.#columns = made;
  }

  /** Nothing waits any more: what a long queue took is given back. */
  #clear(): void {
    this.#columns = columnsFor(ROWS_FIRST);
    this.#byTask = new RowIndex((row) => this.#hashOfTask(row));
    this.#byJob = new RowIndex((row) => this.#hashOfJob(row));
    this.#fresh = 0;
    this.#free = NONE;
  }

  // ---- the rows of one job

  #join(row: Row, sibling: Row | undefined): void {
    if (sibling === undefined) {
      this.#columns.next[row] = row;
      this.#columns.before[row] = row;
      return this.#byJob.insert(row);
    }
    const next = at(this.#columns.next, sibling);
    this.#columns.next[row] = next;
    this.#columns.before[row] = sibling;
    this.#columns.next[sibling] = row;
    this.#columns.before[next] = row;
  }

  #leave(row: Row): void {
    const [next, before] = [at(this.#columns.next, row), at(this.#columns.before, row)];
    this.#wanted.set(this.#columns.ids.subarray(row * WORDS, (row + 1) * WORDS));
    if (this.#findJob() === row) {
      this.#byJob.remove(row);
      if (next !== row) this.#byJob.insert(next);
    }
    this.#columns.next[before] = next;
    this.#columns.before[next] = before;
  }

  #findJob(): Row | undefined {
    return this.#byJob.find(hashOf(this.#wanted, 0), (row) => this.#isWanted(row));
  }

  // ---- ids

  /** From now on this is the id that is looked for; false: it has no short form. */
  #want(jobId: string): boolean {
    return parseWords(jobId, this.#wanted);
  }

  #isWanted(row: Row): boolean {
    const [ids, wanted] = [this.#columns.ids, this.#wanted];
    for (let word = 0; word < WORDS; word++) if (ids[row * WORDS + word] !== wanted[word]) return false;
    return true;
  }

  #idOf(row: Row): string {
    const words = new DataView(new ArrayBuffer(WORDS * 4));
    for (let word = 0; word < WORDS; word++) words.setUint32(word * 4, at(this.#columns.ids, row * WORDS + word));
    return formatUuid(new Uint8Array(words.buffer));
  }

  #hashOfJob(row: Row): number {
    return hashOf(this.#columns.ids, row * WORDS);
  }

  #hashOfTask(row: Row): number {
    return mixed(mixed(this.#hashOfJob(row), at(this.#columns.visits, row)), at(this.#columns.slots, row));
  }
}

function at(column: { readonly [index: number]: number }, index: number): number {
  return column[index] ?? 0;
}

function hashOf(words: Uint32Array, from: number): number {
  let hash = 0;
  for (let word = 0; word < WORDS; word++) hash = mixed(hash, at(words, from + word));
  return hash;
}

function mixed(hash: number, value: number): number {
  let mix = Math.imul(hash ^ value, 0x9e3779b1);
  mix ^= mix >>> 15;
  mix = Math.imul(mix, 0x85ebca6b);
  return (mix ^ (mix >>> 13)) >>> 0;
}

/** Exactly what `formatUuid` writes: what is read back must be the same text. */
function parseWords(text: string, words: Uint32Array): boolean {
  if (text.length !== UUID_LENGTH) return false;
  let digits = 0;
  let word = 0;
  for (let index = 0; index < UUID_LENGTH; index++) {
    const code = text.charCodeAt(index);
    if (DASHES.has(index)) {
      if (code !== 45) return false;
      continue;
    }
    const digit = hexDigit(code);
    if (digit < 0) return false;
    word = (word << 4) | digit;
    digits += 1;
    if (digits % 8 === 0) words[digits / 8 - 1] = word >>> 0;
  }
  return true;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 102 ? code - 87 : -1;
}
