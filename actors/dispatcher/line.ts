/**
 * The tasks of one requirement class, in their order: the first of them whole, ready to be handed
 * out, and of the rest, once there are many, only what their order needs.
 */
import { Heap } from "./heap.ts";
import type { ParkedTasks } from "./parked.ts";
import { RowHeap } from "./row-heap.ts";
import { compareRanks, type QueuedTask, type Rank, type TaskNeeds } from "./task.ts";

/** A task that is queued or handed out. */
export interface Held extends Rank {
  task: QueuedTask;
  state: "queued" | "assigned" | "dropped";
  workerId: string | undefined;
  /** Where it waits; undefined: it went to a worker at once. */
  line: Line | undefined;
  readonly bytes: number;
}

const DROPPED_MIN = 64;

export class Line {
  readonly #whole = new Heap<Held>(compareRanks);
  /** In the heap and not wanted any more. */
  #dropped = 0;
  readonly parked: RowHeap;
  /** Of the bodies in memory. */
  bytes = 0;

  constructor(
    readonly number: number,
    readonly name: string,
    readonly needs: TaskNeeds,
    readonly table: ParkedTasks,
  ) {
    this.parked = new RowHeap(table);
  }

  /** With their bodies. */
  get whole(): number {
    return this.#whole.size - this.#dropped;
  }

  get isEmpty(): boolean {
    return this.whole === 0 && this.parked.size === 0;
  }

  /** The first of all; undefined: there is none, or its body has to be fetched. */
  get head(): Held | undefined {
    const head = this.#firstWhole();
    const row = this.parked.peek();
    return head && (row === undefined || this.table.compareWith(row, head) > 0) ? head : undefined;
  }

  /** Where the first of all stands; undefined: the line is empty. */
  get rank(): Rank | undefined {
    const row = this.parked.peek();
    return this.head ?? (row === undefined ? undefined : this.table.rankOf(row));
  }

  /** Before all that wait without a body. What comes after one of them waits like it: whole are the first ones alone. */
  isBeforeParked(rank: Rank): boolean {
    const row = this.parked.peek();
    return row === undefined || this.table.compareWith(row, rank) > 0;
  }

  push(held: Held): void {
    this.#whole.push(held);
    this.bytes += held.bytes;
  }

  /** The head goes to a worker. */
  shift(held: Held): void {
    this.#whole.pop();
    this.bytes -= held.bytes;
  }

  /** It stays in the heap until it comes to its head, or until too many like it do. Its state is not "queued" any more. */
  drop(held: Held): void {
    this.bytes -= held.bytes;
    this.#dropped += 1;
    if (this.#dropped < DROPPED_MIN || this.#dropped * 2 < this.#whole.size) return;
    this.#whole.keep((item) => item.state === "queued");
    this.#dropped = 0;
  }

  #firstWhole(): Held | undefined {
    for (let head = this.#whole.peek(); head; head = this.#whole.peek()) {
      if (head.state === "queued") return head;
      this.#whole.pop();
      this.#dropped -= 1;
    }
    return undefined;
  }
}
