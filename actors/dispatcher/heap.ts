/** A binary heap. Equal items leave in the order in which they came. */
export class Heap<Item> {
  #items: Item[] = [];
  /** When each of them came, in the same place. */
  #orders: number[] = [];
  #added = 0;

  constructor(readonly compare: (a: Item, b: Item) => number) {}

  get size(): number {
    return this.#items.length;
  }

  peek(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    this.#rise(this.#items.length, item, this.#added++);
  }

  pop(): Item | undefined {
    const first = this.#items[0];
    const last = this.#items.pop();
    const order = this.#orders.pop();
    if (last === undefined || order === undefined) return undefined;
    if (this.#items.length > 0) this.#sink(0, last, order);
    return first;
  }

  /** In time that grows with the number of all. */
  count(isCounted: (item: Item) => boolean): number {
    return this.#items.reduce((count, item) => count + (isCounted(item) ? 1 : 0), 0);
  }

  /** Drops all others, in time that grows with their number. */
  keep(isKept: (item: Item) => boolean): void {
    const [items, orders] = [this.#items, this.#orders];
    this.#items = [];
    this.#orders = [];
    for (const [index, item] of items.entries())
      if (isKept(item)) this.#rise(this.#items.length, item, orders[index] ?? 0);
  }

  /** The place is empty: what stands above and goes after the item moves down. */
  #rise(from: number, item: Item, order: number): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#isBefore(item, order, parent)) break;
      this.#move(parent, place);
      place = parent;
    }
    this.#items[place] = item;
    this.#orders[place] = order;
  }

  /** The place is empty: what stands below and goes before the item moves up. */
  #sink(from: number, item: Item, order: number): void {
    let place = from;
    for (let child = this.#firstBelow(place); child !== undefined; child = this.#firstBelow(place)) {
      if (this.#isBefore(item, order, child)) break;
      this.#move(child, place);
      place = child;
    }
    this.#items[place] = item;
    this.#orders[place] = order;
  }

  /** The lesser of the two below. */
  #firstBelow(place: number): number | undefined {
    const left = 2 * place + 1;
    if (left >= this.#items.length) return undefined;
    const right = this.#items[left + 1];
    return right !== undefined && this.#isBefore(right, this.#orders[left + 1] ?? 0, left) ? left + 1 : left;
  }

  #isBefore(item: Item, order: number, place: number): boolean {
    const other = this.#items[place];
    return other !== undefined && (this.compare(item, other) || order - (this.#orders[place] ?? 0)) < 0;
  }

  #move(from: number, to: number): void {
    const item = this.#items[from];
    if (item === undefined) return;
    this.#items[to] = item;
    this.#orders[to] = this.#orders[from] ?? 0;
  }
}
