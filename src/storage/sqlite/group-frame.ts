/**
 * A group on its way to the hand that writes it: all texts as one, all numbers as one list. Two
 * things cross to another thread cheaply, where the thousands of small ones that a group is made of
 * do not. Nothing in it says what comes next: who takes it out asks for the same in the same order.
 */
import type { Unit } from "../port.ts";
import { type StoredText, toStored } from "./text.ts";

export type BesideJobs = Omit<Unit, "jobs">;

export interface GroupFrame {
  readonly text: string;
  readonly codes: Float64Array;
  /** Few units hold more than jobs: it crosses as it is. */
  readonly others: readonly BesideJobs[];
}

/** In the place of a text's length. */
const NO_TEXT = -1;
/** A number that is none; no number of a unit is this one. */
const NO_NUMBER = Number.NaN;
/** Between two texts, so that halves of a surrogate pair never become one where they meet. */
const BETWEEN = "\n";

const CODES_AT_FIRST = 1024;

const NOTHING: readonly never[] = [];

/** Used again for each group: what it has grown to need not grow again. */
export class FramePacker {
  readonly #texts: string[] = [];
  #codes = new Float64Array(CODES_AT_FIRST);
  #count = 0;
  #others: BesideJobs[] = [];

  text(text: string): void {
    this.#texts.push(text);
    this.number(text.length);
  }

  textIfAny(text: string | undefined): void {
    if (text === undefined) this.number(NO_TEXT);
    else this.text(text);
  }

  number(number: number): void {
    if (this.#count === this.#codes.length) this.#grow();
    this.#codes[this.#count++] = number;
  }

  numberIfAny(number: number | undefined): void {
    this.number(number ?? NO_NUMBER);
  }

  yes(isSo: boolean): void {
    this.number(isSo ? 1 : 0);
  }

  other(other: BesideJobs): void {
    this.#others.push(other);
  }

  /** It is empty afterwards. */
  take(): GroupFrame {
    const text = this.#texts.join(BETWEEN);
    const codes = this.#codes.slice(0, this.#count);
    const others = this.#others;
    this.clear();
    return { text, codes, others };
  }

  clear(): void {
    this.#texts.length = 0;
    this.#count = 0;
    this.#others = [];
  }

  #grow(): void {
    const grown = new Float64Array(this.#codes.length * 2);
    grown.set(this.#codes);
    this.#codes = grown;
  }
}

/** Its texts are parts of the group's, and hold on to all of it: `apart` is for what is kept. */
export class FrameReader {
  readonly #text: string;
  readonly #codes: Float64Array;
  readonly #others: readonly BesideJobs[];
  /** Then each of its texts is, and need not be asked. */
  readonly #isWellFormed: boolean;
  #at = 0;
  #textAt = 0;
  #otherAt = 0;

  constructor({ text, codes, others }: GroupFrame) {
    this.#text = text;
    this.#codes = codes;
    this.#others = others;
    this.#isWellFormed = text.isWellFormed();
  }

  get hasMore(): boolean {
    return this.#at < this.#codes.length;
  }

  text(): string {
    return this.#part(this.number());
  }

  textIfAny(): string | undefined {
    const length = this.number();
    return length === NO_TEXT ? undefined : this.#part(length);
  }

  stored(): StoredText {
    return this.storable(this.text());
  }

  storedIfAny(): StoredText | null {
    const length = this.number();
    return length === NO_TEXT ? null : this.storable(this.#part(length));
  }

  /** Of a text that came out of this frame. */
  storable(text: string): StoredText {
    return this.#isWellFormed ? text : toStored(text);
  }

  number(): number {
    return this.#codes[this.#at++] as number;
  }

  numberIfAny(): number | null {
    const number = this.number();
    return Number.isNaN(number) ? null : number;
  }

  yes(): boolean {
    return this.number() === 1;
  }

  other(): BesideJobs {
    return this.#others[this.#otherAt++] as BesideJobs;
  }

  /** As many as the number that comes next says. */
  list<Item>(take: (reader: FrameReader) => Item): readonly Item[] {
    const count = this.number();
    if (count === 0) return NOTHING;
    const items: Item[] = [];
    for (let index = 0; index < count; index++) items.push(take(this));
    return items;
  }

  #part(length: number): string {
    const from = this.#textAt;
    this.#textAt = from + length + BETWEEN.length;
    return this.#text.slice(from, from + length);
  }
}

/** A part of a text holds on to all of it: what is kept for longer is copied. */
export function apart(text: string): string {
  return `${text.slice(0, 1)}${text.slice(1)}`;
}
