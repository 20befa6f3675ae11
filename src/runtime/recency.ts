/** One place in the order. It knows its neighbours, so that moving it costs the same however many there are. */
export class Place<Item> {
  usedMs = 0;
  before: Place<Item> | undefined;
  after: Place<Item> | undefined;

  constructor(readonly item: Item) {}
}

/** Things in the order of their last use, the longest unused first. */
export class Recency<Item> {
  #oldest: Place<Item> | undefined;
  #newest: Place<Item> | undefined;

  get oldest(): Place<Item> | undefined {
    return this.#oldest;
  }

  use(place: Place<Item>, nowMs: number): void {
    place.usedMs = nowMs;
    if (place === this.#newest) return;
    this.remove(place);
    place.before = this.#newest;
    if (this.#newest === undefined) this.#oldest = place;
    else this.#newest.after = place;
    this.#newest = place;
  }

  remove(place: Place<Item>): void {
    if (place.before !== undefined) place.before.after = place.after;
    else if (this.#oldest === place) this.#oldest = place.after;
    if (place.after !== undefined) place.after.before = place.before;
    else if (this.#newest === place) this.#newest = place.before;
    place.before = undefined;
    place.after = undefined;
  }
}
