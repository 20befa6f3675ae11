/**
 * The fields of messages in one text, one behind the other: whole numbers as varints, a character
 * for seven bits, and texts behind their lengths, as they are. No field costs a string of its own
 * before all are joined, and nothing is encoded a second time.
 */

/** A character below it ends its number, one from it on goes on. All of them lie in one byte. */
const MORE = 128;

export class Packer {
  #parts: string[] = [];
  #characters = 0;

  /** Of the texts so far. */
  get characters(): number {
    return this.#characters;
  }

  /** A whole one from 0: what is none becomes one, since nothing behind it could be read otherwise. */
  number(value: number): void {
    let rest = value >= 0 && value < Number.POSITIVE_INFINITY ? Math.floor(value) : 0;
    while (rest >= MORE) {
      const high = Math.floor(rest / MORE);
      this.#parts.push(String.fromCharCode(MORE + (rest - high * MORE)));
      rest = high;
    }
    this.#parts.push(String.fromCharCode(rest));
  }

  /** A whole one of either sign. */
  difference(value: number): void {
    this.number(value < 0 ? -2 * value - 1 : 2 * value);
  }

  text(text: string): void {
    this.number(text.length);
    this.#add(text);
  }

  optional(text: string | undefined): void {
    if (text === undefined) return this.number(0);
    this.number(text.length + 1);
    this.#add(text);
  }

  /** Where it stands: what comes behind can be taken back. */
  get mark(): number {
    return this.#parts.length;
  }

  backTo(mark: number): void {
    this.#parts.length = mark;
  }

  /** All of it; from here on it is empty. */
  take(): string {
    const text = this.#parts.join("");
    this.#parts = [];
    this.#characters = 0;
    return text;
  }

  #add(text: string): void {
    this.#parts.push(text);
    this.#characters += text.length;
  }
}

/** Reads what a packer wrote, in the same order. */
export class Unpacker {
  readonly #packed: string;
  #at = 0;

  constructor(packed: string) {
    this.#packed = packed;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#packed.length;
  }

  number(): number {
    let value = 0;
    let weight = 1;
    for (;;) {
      const part = this.#packed.charCodeAt(this.#at++);
      if (!(part >= MORE)) return value + part * weight;
      value += (part - MORE) * weight;
      weight *= MORE;
    }
  }

  difference(): number {
    const value = this.number();
    return value % 2 === 0 ? value / 2 : (value + 1) / -2;
  }

  text(): string {
    return this.#take(this.number());
  }

  optional(): string | undefined {
    const length = this.number();
    return length === 0 ? undefined : this.#take(length - 1);
  }

  /** A text that is likely to be the one at hand: then it costs no string of its own. */
  likely(guess: string): string {
    const length = this.number();
    if (length !== guess.length || !this.#packed.startsWith(guess, this.#at)) return this.#take(length);
    this.#at += length;
    return guess;
  }

  #take(length: number): string {
    this.#at += length;
    return this.#packed.slice(this.#at - length, this.#at);
  }
}
