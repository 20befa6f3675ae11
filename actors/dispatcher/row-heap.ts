import type { Row } from "./row-index.ts";
import { Heap } from "./heap.ts";

/** What the heap needs of the table that its rows are of. */
export interface RowOrder {
  /** Negative: `a` goes first. Never 0 for two rows. */
  compare(a: Row, b: Row): number;
  /** Where in its heap a row stands: kept with the row, so that it can be taken out of the middle. */
  readonly places: Uint32Array;
}

/** Rows of a table in their order. */
export class RowHeap {
  readonly #rows: Row[] = [];

  constructor(readonly order: RowOrder) {}

  get size(): number {
    return this.#rows.length;
  }

  peek(): Row | undefined {
    return this.#rows[0];
  }

  push(row: Row): void {
    this.#rows.push(row);
    this.#rise(this.#rows.length - 1, row);
  }

  /** It has to be in this heap. */
  remove(row: Row): void {
    const place = this.order.places[row] ?? 0;
    const last = this.#rows.pop();
    if (last === undefined || last === row) return;
    this.#rise(place, last);
    this.#sink(this.order.places[last] ?? 0, last);
  }

  /** The first so many, in order; they stay. */
  first(count: number): Row[] {
    const found: Row[] = [];
    const rows = this.#rows;
    const next = new Heap<number>((a, b) => this.order.compare(rows[a] ?? 0, rows[b] ?? 0));
    if (rows.length > 0) next.push(0);
    while (found.length < count) {
      const place = next.pop();
      const row = place === undefined ? undefined : rows[place];
      if (place === undefined || row === undefined) break;
      found.push(row);
      if (2 * place + 1 < rows.length) next.push(2 * place + 1);
      if (2 * place + 2 < rows.length) next.push(2 * place + 2);
    }
    return found;
  }

  #rise(from: number, row: Row): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#rows[parent] ?? 0;
      if (this.order.compare(above, row) <= 0) break;
      this.#set(place, above);
      place = parent;
    }
    this.#set(place, row);
  }

  #sink(from: number, row: Row): void {
    let place = from;
    for (;;) {
      const child = this.#lesser(2 * place + 1, 2 * place + 2);
      const below = this.#rows[child];
      if (below === undefined || this.order.compare(row, below) <= 0) break;
      this.#set(place, below);
      place = child;
    }
    this.#set(place, row);
  }

  #lesser(left: number, right: number): number {
    const a = this.#rows[left];
    const b = this.#rows[right];
    return a !== undefined && b !== undefined && this.order.compare(b, a) < 0 ? right : left;
  }

  #set(place: number, row: Row): void {
    this.#rows[place] = row;
    this.order.places[row] = place;
  }
}
