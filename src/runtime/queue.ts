const SLOTS_FIRST = 8;
/** A queue that once was longer than this gives its memory back when it is empty. */
const SLOTS_KEPT = 1024;

/** First in, first out, in a ring: every step costs the same however long it is. */
export class Queue<Item> {
  #slots: (Item | undefined)[] = [];
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: Item): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = item;
    this.#size += 1;
  }

  pushFront(item: Item): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#slots.length - 1);
    this.#slots[this.#head] = item;
    this.#size += 1;
  }

  /** Only when `size` says that there is one: `undefined` may itself be an item. */
  shift(): Item {
    const item = this.#slots[this.#head] as Item;
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#size -= 1;
    if (this.#size === 0 && this.#slots.length > SLOTS_KEPT) this.#slots = [];
    return item;
  }

  #grow(): void {
    const slots = Array<Item | undefined>(Math.max(SLOTS_FIRST, this.#slots.length * 2)).fill(undefined);
    for (let index = 0; index < this.#size; index++) {
      slots[index] = this.#slots[(this.#head + index) & (this.#slots.length - 1)];
    }
    this.#slots = slots;
    this.#head = 0;
  }
}
