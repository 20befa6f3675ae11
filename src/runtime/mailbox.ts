import { Queue } from "./queue.ts";

export const CAPACITY_DEFAULT = 10_000;

/** Two lanes: the system lane goes first and has no bound; the user lane is bounded and can be held back. */
export class Mailbox<Item> {
  readonly #capacity: number;
  readonly #user = new Queue<Item>();
  // Most actors never get a message in this lane: its queue comes with the first.
  #system: Queue<Item> | undefined;
  held = false;

  constructor(capacity = CAPACITY_DEFAULT) {
    this.#capacity = capacity;
  }

  get empty(): boolean {
    return this.#user.size === 0 && this.systemSize === 0;
  }

  get systemSize(): number {
    return this.#system === undefined ? 0 : this.#system.size;
  }

  /** User messages that may be taken now. */
  get userSize(): number {
    return this.held ? 0 : this.#user.size;
  }

  get ready(): boolean {
    return this.systemSize > 0 || this.userSize > 0;
  }

  /** False: full, and the message was not taken in. */
  offer(item: Item): boolean {
    if (this.#user.size >= this.#capacity) return false;
    this.#user.push(item);
    return true;
  }

  /** The user lane without its bound, for what the actor itself asked for. */
  push(item: Item): void {
    this.#user.push(item);
  }

  pushFirst(item: Item): void {
    this.#system ??= new Queue<Item>();
    this.#system.push(item);
  }

  putBack(items: readonly Item[]): void {
    for (let index = items.length - 1; index >= 0; index--) this.#user.pushFront(items[index] as Item);
  }

  takeSystem(): Item {
    return (this.#system as Queue<Item>).shift();
  }

  takeUser(): Item {
    return this.#user.shift();
  }

  /** What is left when the actor is gone, in the order in which it would have been handled. */
  drain(): Item[] {
    const left: Item[] = [];
    while (this.systemSize > 0) left.push(this.takeSystem());
    while (this.#user.size > 0) left.push(this.#user.shift());
    return left;
  }
}
