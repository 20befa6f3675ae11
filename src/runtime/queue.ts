const SLOTS_FIRST = 8;
/** A queue that once was longer than this gives its memory back when it is empty. */
const SLOTS_KEPT = 1024;

/**
 * First in, first out, in a ring: every step costs the same however long it is. Most queues never
 * hold more than one item at a time, and have no ring.
 */
export class Queue<Item> {
  #only: Item | undefined;
  #slots: (Item | undefined)[] | undefined;
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: Item): void {
    if (this.#size === 0 && this.#slots === undefined) this.#only = item;
    else {
      const slots = this.#withRoom();
      slots[(this.#head + this.#size) & (slots.length - 1)] = item;
    }
    this.#size += 1;
  }

  pushFront(item: Item): void {
    if (this.#size === 0 && this.#slots === undefined) this.#only = item;
    else {
      const slots = this.#withRoom();
      this.#head = (this.#head - 1) & (slots.length - 1);
      slots[this.#head] = item;
    }
    this.#size += 1;
  }

  /** Only when `size` says that there is one: `undefined` may itself be an item. */
  shift(): Item {
    this.#size -= 1;
    const slots = this.#slots;
    if (slots === undefined) {
      const only = this.#only as Item;
      this.#only = undefined;
      return only;
    }
    const item = slots[this.#head] as Item;
    slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (slots.length - 1);
    if (this.#size === 0 && slots.length > SLOTS_KEPT) {
      this.#slots = undefined;
      this.#head = 0;
    }
    return item;
  }

  /** The ring, in which one more has a place. */
  #withRoom(): (Item | undefined)[] {
    const before = this.#slots;
    if (before !== undefined && this.#size < before.length) return before;
    const slots = Array<Item | undefined>(before === undefined ? SLOTS_FIRST : before.length * 2).fill(undefined);
    if (before === undefined) {
      slots[0] = this.#only;
      this.#only = undefined;
    } else {
      for (let index = 0; index < this.#size; index++)
        slots[index] = before[(this.#head + index) & (before.length - 1)];
    }
    this.#slots = slots;
    this.#head = 0;
    return slots;
  }
}
