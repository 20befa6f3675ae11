/**
 * Tasks that wait without their bodies: what they are ordered and found by, as columns of numbers,
 * some 90 bytes a task and nothing for the garbage collector to look at. A million of them wait
 * for a worker that never came at the price of one array each.
 */
import { hexDigit } from "../../src/system/hex.ts";
import type { RowOrder } from "./row-heap.ts";
import { type Row, RowIndex } from "./row-index.ts";
import { bytesOf, type QueuedTask, type Rank, type WaitingTask } from "./task.ts";

const ROWS_FIRST = 1_024;
const NONE = 0xffff_ffff;
const BEGUN = 1;
const AGAIN = 2;
/** Of an id: four numbers of 32 bits. */
const WORDS = 4;
/** How an id is written, and where in it the digits stand. */
const ID = Buffer.from("00000000-0000-0000-0000-000000000000", "latin1");
const DASHES = [8, 13, 18, 23];
const DIGITS = Uint32Array.from(Array.from(ID.keys()).filter((place) => !DASHES.includes(place)));
const DASH = 45;

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
  /** What is looked for: a job's id, and which of its tasks. */
  readonly #wanted = new Uint32Array(WORDS);
  #wantedVisit = 0;
  #wantedSlot = 0;
  readonly #isJob = (row: Row): boolean => this.#isWanted(row);
  readonly #isTask = (row: Row): boolean =>
    this.#columns.visits[row] === this.#wantedVisit &&
    this.#columns.slots[row] === this.#wantedSlot &&
    this.#isWanted(row);

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
    this.#wantedVisit = visit;
    this.#wantedSlot = slot;
    return this.#byTask.find(mixed(mixed(hashOf(this.#wanted, 0), visit), slot), this.#isTask);
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
      floatAt(this.#columns.priorities, b) - floatAt(this.#columns.priorities, a) ||
      (flagsAt(this.#columns.flags, b) & BEGUN) - (flagsAt(this.#columns.flags, a) & BEGUN) ||
      floatAt(this.#columns.queuedAtMs, a) - floatAt(this.#columns.queuedAtMs, b) ||
      floatAt(this.#columns.arrivals, a) - floatAt(this.#columns.arrivals, b)
    );
  }

  compareWith(row: Row, rank: Rank): number {
    return (
      rank.priority - floatAt(this.#columns.priorities, row) ||
      (rank.begun ? BEGUN : 0) - (flagsAt(this.#columns.flags, row) & BEGUN) ||
      floatAt(this.#columns.queuedAtMs, row) - rank.queuedAtMs ||
      floatAt(this.#columns.arrivals, row) - rank.arrival
    );
  }

  rankOf(row: Row): Rank {
    return {
      priority: floatAt(this.#columns.priorities, row),
      begun: (flagsAt(this.#columns.flags, row) & BEGUN) !== 0,
      queuedAtMs: floatAt(this.#columns.queuedAtMs, row),
      arrival: floatAt(this.#columns.arrivals, row),
    };
  }

  arrivalOf(row: Row): number {
    return floatAt(this.#columns.arrivals, row);
  }

  /** `jobId`: for who has it as a text already. */
  read(row: Row, jobId = this.#idOf(row)): WaitingTask {
    const again = (flagsAt(this.#columns.flags, row) & AGAIN) !== 0;
    return {
      jobId,
      visit: at(this.#columns.visits, row),
      slot: at(this.#columns.slots, row),
      attempt: this.attemptOf(row),
      begun: (flagsAt(this.#columns.flags, row) & BEGUN) !== 0,
      queuedAtMs: floatAt(this.#columns.queuedAtMs, row),
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
    const next = at(this.#columns.next, row);
    const before = at(this.#columns.before, row);
    for (let word = 0; word < WORDS; word++) this.#wanted[word] = at(this.#columns.ids, row * WORDS + word);
    if (this.#findJob() === row) {
      this.#byJob.remove(row);
      if (next !== row) this.#byJob.insert(next);
    }
    this.#columns.next[before] = next;
    this.#columns.before[next] = before;
  }

  #findJob(): Row | undefined {
    return this.#byJob.find(hashOf(this.#wanted, 0), this.#isJob);
  }

  // ---- ids

  /** From now on this is the id that is looked for; false: it has no short form. */
  #want(jobId: string): boolean {
    return parseWords(jobId, this.#wanted);
  }

  #isWanted(row: Row): boolean {
    const { ids } = this.#columns;
    for (let word = 0; word < WORDS; word++) if (ids[row * WORDS + word] !== this.#wanted[word]) return false;
    return true;
  }

  #idOf(row: Row): string {
    return formatWords(this.#columns.ids, row * WORDS);
  }

  #hashOfJob(row: Row): number {
    return hashOf(this.#columns.ids, row * WORDS);
  }

  #hashOfTask(row: Row): number {
    return mixed(mixed(this.#hashOfJob(row), at(this.#columns.visits, row)), at(this.#columns.slots, row));
  }
}

// One reader for each kind of column: one for all of them would have to ask each time which it is.

function at(column: Uint32Array, index: number): number {
  return column[index] ?? 0;
}

function floatAt(column: Float64Array, index: number): number {
  return column[index] ?? 0;
}

function flagsAt(column: Uint8Array, index: number): number {
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

/** Exactly what `formatWords` writes: what is read back must be the same text. */
function parseWords(text: string, words: Uint32Array): boolean {
  if (text.length !== ID.length) return false;
  for (const place of DASHES) if (text.charCodeAt(place) !== DASH) return false;
  let word = 0;
  for (let index = 0; index < DIGITS.length; index++) {
    const digit = valueOf(text.charCodeAt(at(DIGITS, index)));
    if (digit < 0) return false;
    word = (word << 4) | digit;
    if (index % 8 === 7) words[index >>> 3] = word >>> 0;
  }
  return true;
}

/** Written in place, and read as one text. */
function formatWords(words: Uint32Array, from: number): string {
  for (let index = 0; index < DIGITS.length; index++) {
    ID[at(DIGITS, index)] = hexDigit(at(words, from + (index >>> 3)) >>> (28 - 4 * (index % 8)));
  }
  return ID.toString("latin1");
}

/** Of a digit; less than nothing where it is none. */
function valueOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 102 ? code - 87 : -1;
}
