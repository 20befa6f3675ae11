/**
 * Finds rows of a table by a hash of theirs. Numbers in one array, since a million strings as keys
 * would take more memory than the rows, and time of each garbage collection.
 */
export type Row = number;

const SLOTS_MIN = 64;

export class RowIndex {
  /** A row's number plus one; 0: free. Never more than half full. */
  #slots = new Int32Array(SLOTS_MIN);
  #size = 0;

  constructor(readonly hashOf: (row: Row) => number) {}

  insert(row: Row): void {
    if ((this.#size + 1) * 2 > this.#slots.length) this.#grow();
    this.#put(row);
    this.#size += 1;
  }

  find(hash: number, fits: (row: Row) => boolean): Row | undefined {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const row = (slots[at] ?? 0) - 1;
      if (row < 0) return undefined;
      if (fits(row)) return row;
    }
  }

  /** It has to be there. What stands behind it moves up, so that no gap hides it. */
  remove(row: Row): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let gap = this.hashOf(row) & mask;
    while (slots[gap] !== row + 1) gap = (gap + 1) & mask;
    this.#size -= 1;
    for (let at = (gap + 1) & mask; ; at = (at + 1) & mask) {
      const entry = slots[at] ?? 0;
      if (entry === 0) break;
      const home = this.hashOf(entry - 1) & mask;
      // It may stand in the gap if that is not before the place where one begins to look for it.
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      slots[gap] = entry;
      gap = at;
    }
    slots[gap] = 0;
  }

  #put(row: Row): void {
    const mask = this.#slots.length - 1;
    let at = this.hashOf(row) & mask;
    while (this.#slots[at] !== 0) at = (at + 1) & mask;
    this.#slots[at] = row + 1;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(before.length * 2);
    for (const entry of before) if (entry !== 0) this.#put(entry - 1);
  }
}
