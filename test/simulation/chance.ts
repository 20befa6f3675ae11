/** Chance out of a seed: the same seed gives the same numbers. */
import type { Random } from "../../src/system/random.ts";

const GOLDEN = 0x9e3779b9;

export class Chance implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed ^ GOLDEN, 0x85ebca6b) >>> 0;
    this.next();
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => Math.floor(this.next() * 256));
  }

  /** Both bounds included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** True so many times in one. */
  is(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.next() * items.length)];
  }

  one<Item>(first: Item, ...others: readonly Item[]): Item {
    return this.pick([first, ...others]) ?? first;
  }

  /** By weight: mostly short, now and then long. */
  delayMs(most: number): number {
    const part = this.next();
    return Math.floor(part * part * part * most);
  }
}
