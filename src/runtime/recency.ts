/** What has a place in an order. It knows its neighbours, so that moving it costs the same however many there are. */
export abstract class Ranked {
  usedMs = 0;
  before: Ranked | undefined;
  after: Ranked | undefined;
}

/** Things in the order of their last use, the longest unused first. Each stands in one order at most. */
export class Recency<Item extends Ranked> {
  #oldest: Ranked | undefined;
  #newest: Ranked | undefined;

  get oldest(): Item | undefined {
    return this.#oldest as Item | undefined;
  }

  use(item: Item, nowMs: number): void {
    item.usedMs = nowMs;
    if (item === this.#newest) return;
    this.remove(item);
    item.before = this.#newest;
    if (this.#newest === undefined) this.#oldest = item;
    else this.#newest.after = item;
    this.#newest = item;
  }

  remove(item: Item): void {
    if (item.before !== undefined) item.before.after = item.after;
    else if (this.#oldest === item) this.#oldest = item.after;
    if (item.after !== undefined) item.after.before = item.before;
    else if (this.#newest === item) this.#newest = item.before;
    item.before = undefined;
    item.after = undefined;
  }
}
