/** A binary heap. Equal items leave in the order in which they came. */
export class Heap<Item> {
  #items: { readonly item: Item; readonly order: number }[] = [];
  #added = 0;

  constructor(readonly compare: (a: Item, b: Item) => number) {}

  get size(): number {
    return this.#items.length;
  }

  peek(): Item | undefined {
    return this.#items[0]?.item;
  }

  push(item: Item): void {
    const items = this.#items;
    items.push({ item, order: this.#added++ });
    let index = items.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#swapIfBefore(index, parent)) return;
      index = parent;
    }
  }

  pop(): Item | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (!first || !last) return undefined;
    if (items.length > 0) {
      items[0] = last;
      this.#sink();
    }
    return first.item;
  }

  /** In time that grows with the number of all. */
  count(isCounted: (item: Item) => boolean): number {
    return this.#items.reduce((count, { item }) => count + (isCounted(item) ? 1 : 0), 0);
  }

  /** Drops all others, in time that grows with their number. */
  keep(isKept: (item: Item) => boolean): void {
    this.#items = this.#items.filter(({ item }) => isKept(item));
    for (let index = (this.#items.length >> 1) - 1; index >= 0; index--) this.#sink(index);
  }

  #sink(from = 0): void {
    let index = from;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      const child = right < this.#items.length && this.#isBefore(right, left) ? right : left;
      if (child >= this.#items.length || !this.#swapIfBefore(child, index)) return;
      index = child;
    }
  }

  #swapIfBefore(a: number, b: number): boolean {
    if (!this.#isBefore(a, b)) return false;
    const [first, second] = [this.#items[a], this.#items[b]];
    if (first && second) {
      this.#items[a] = second;
      this.#items[b] = first;
    }
    return true;
  }

  #isBefore(a: number, b: number): boolean {
    const [first, second] = [this.#items[a], this.#items[b]];
    if (!first || !second) return false;
    return (this.compare(first.item, second.item) || first.order - second.order) < 0;
  }
}
