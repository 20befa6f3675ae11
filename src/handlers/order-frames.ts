/** Task orders on their way back from a handler thread. Most differ from the one before in their params alone. */
import type { TaskOrder } from "../job/model.ts";
import type { Packer, Unpacker } from "./packing.ts";

type OrderHead = Omit<TaskOrder, "params">;
type Loose<Fields> = { [Name in keyof Required<Fields>]: Fields[Name & keyof Fields] | undefined };

/** Handlers can make them up without end. */
const HEADS_MAX = 256;
const HEAD_LENGTH_MAX = 1024;

export class OrderWriter {
  #said: Loose<OrderHead> | undefined;

  write(packer: Packer, order: TaskOrder): void {
    if (this.#said && isSame(this.#said, order)) packer.optional(undefined);
    else {
      const head = headOf(order);
      packer.optional(JSON.stringify(head));
      // Not before: what could not be said is not like the next one.
      this.#said = head;
    }
    packer.text(order.params);
  }
}

// Named one by one, which costs less than leaving out one; the compiler misses none.
function headOf(order: TaskOrder): Loose<OrderHead> {
  return {
    type: order.type,
    transitions: order.transitions,
    eventTransitions: order.eventTransitions,
    strategy: order.strategy,
    priority: order.priority,
    maxCost: order.maxCost,
    requirements: order.requirements,
    dispatchTimeoutMs: order.dispatchTimeoutMs,
    timeoutMs: order.timeoutMs,
    retry: order.retry,
    paramsMetadata: order.paramsMetadata,
    outputSchema: order.outputSchema,
  };
}

/** What few orders have is not compared: with it, an order is said again. */
function isSame(said: Loose<OrderHead>, order: TaskOrder): boolean {
  return (
    said.type === order.type &&
    said.strategy === order.strategy &&
    said.priority === order.priority &&
    said.maxCost === order.maxCost &&
    said.dispatchTimeoutMs === order.dispatchTimeoutMs &&
    said.timeoutMs === order.timeoutMs &&
    said.paramsMetadata === order.paramsMetadata &&
    (said.eventTransitions ?? order.eventTransitions) === undefined &&
    (said.requirements ?? order.requirements) === undefined &&
    (said.outputSchema ?? order.outputSchema) === undefined &&
    areSame(said.retry, order.retry) &&
    areSame(said.transitions, order.transitions)
  );
}

type Flat = Readonly<Record<string, string | number>>;

function areSame(left: object | undefined, right: object): boolean {
  if (left === right) return true;
  return left !== undefined && holdsAll(left as Flat, right as Flat) && holdsAll(right as Flat, left as Flat);
}

function holdsAll(some: Flat, all: Flat): boolean {
  for (const name in all) if (some[name] !== all[name]) return false;
  return true;
}

interface KnownHead {
  readonly head: OrderHead;
  readonly isPlain: boolean;
}

/** Most heads have these five fields and no other. */
const PLAIN_FIELDS = 5;

/** The same texts come again and again, and each is parsed once. */
export class OrderReader {
  readonly #known = new Map<string, KnownHead>();
  #last: KnownHead | undefined;

  read(unpacker: Unpacker): TaskOrder {
    const text = unpacker.optional();
    if (text !== undefined) this.#last = this.#known.get(text) ?? this.#parse(text);
    if (!this.#last) throw new Error("an order came before the one that it is like");
    return orderOf(this.#last, unpacker.text());
  }

  #parse(text: string): KnownHead {
    const head = JSON.parse(text) as OrderHead;
    const known = { head, isPlain: Object.keys(head).length === PLAIN_FIELDS };
    if (text.length > HEAD_LENGTH_MAX) return known;
    if (this.#known.size >= HEADS_MAX) this.#known.clear();
    this.#known.set(text, known);
    return known;
  }
}

// Named one by one: a spread costs a multiple of it.
function orderOf({ head, isPlain }: KnownHead, params: string): TaskOrder {
  if (!isPlain) return { ...head, params };
  const { type, transitions, strategy, priority, retry } = head;
  return { type, params, transitions, strategy, priority, retry };
}
