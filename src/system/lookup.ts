/** So many may go before the map is made anew, and half of what is left. */
const GONE_MIN = 64;
/** To copy more takes too long at once. */
const COPIED_MAX = 30_000;

/**
 * A map for things that come and go by the thousands. The runtime's own Map, when much passes through
 * it, is made anew inside now and then, and each of its old insides points to the next: once one of
 * them counts as old, the quick collections take all that ever lay in those after it for alive
 * (measured: a third of all that a busy server makes). So it is copied before that goes on for long:
 * nothing leads from the one before to the copy.
 */
export class Lookup<Key, Value> {
  #map = new Map<Key, Value>();
  #gone = 0;

  get size(): number {
    return this.#map.size;
  }

  has(key: Key): boolean {
    return this.#map.has(key);
  }

  get(key: Key): Value | undefined {
    return this.#map.get(key);
  }

  set(key: Key, value: Value): void {
    this.#map.set(key, value);
  }

  delete(key: Key): boolean {
    if (!this.#map.delete(key)) return false;
    this.#gone += 1;
    if (this.#gone >= GONE_MIN + this.#map.size / 2) this.#renew();
    return true;
  }

  clear(): void {
    this.#map = new Map();
    this.#gone = 0;
  }

  /** In the order in which they came, as they are now: what comes meanwhile may not be seen, what goes may be. */
  values(): IterableIterator<Value> {
    return this.#map.values();
  }

  #renew(): void {
    if (this.#map.size <= COPIED_MAX) this.#map = new Map(this.#map);
    this.#gone = 0;
  }
}
