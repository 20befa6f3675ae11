/**
 * The tasks of one requirement class, in their order: the first of them whole, ready to be handed
 * out, and of the rest, once there are many, only what their order needs.
 */
import { Heap } from "./heap.ts";
import type { ParkedTasks } from "./parked.ts";
import { RowHeap } from "./row-heap.ts";
import { bytesOf, compareRanks, type QueuedTask, type Rank, type TaskNeeds } from "./task.ts";

/** A task that is queued or handed out. */
export class Held implements Rank {
  readonly priority: number;
  readonly begun: boolean;
  readonly queuedAtMs: number;
  readonly bytes: number;
  state: "queued" | "assigned" | "dropped" = "queued";
  workerId: string | undefined = undefined;
  /** Where it waits; undefined: it went to a worker at once. */
  line: Line | undefined = undefined;
  /** When it went to its worker, counted in hand-outs. */
  turn = 0;
  /** The limit of its worker that it counts under, whatever the worker says of its limits later. */
  limit: Tally | undefined = undefined;

  constructor(
    readonly task: QueuedTask,
    readonly arrival: number,
  ) {
    this.priority = task.order.priority;
    this.begun = task.begun;
    this.queuedAtMs = task.queuedAtMs;
    this.bytes = bytesOf(task);
  }
}

/** How many tasks there are of a kind. */
export interface Tally {
  tasks: number;
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

  /** Whether it is of the same class, as far as that is seen without making a text of it. */
  isPlainlyFor({ type, strategy, maxCost, requirements }: TaskNeeds): boolean {
    const { needs } = this;
    const isPlain = maxCost === undefined && requirements === undefined;
    if (!isPlain || needs.maxCost !== undefined || needs.requirements !== undefined) return false;
    return needs.type === type && needs.strategy === strategy;
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
