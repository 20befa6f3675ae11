/** The answer to a turn on its way back from a handler thread. */
import type { StoreUse } from "../job/data-store.ts";
import type { JobError, TaskOrder } from "../job/model.ts";
import type { Packer, Unpacker } from "./packing.ts";
import type { Ending, Step, TurnReply } from "./port.ts";

const OTHER = 0;
const ENDED = 1;
const TASKS = 2;
/** A step takes whole hundredths of a millisecond. */
const HUNDREDTHS = 100;
/** Handlers can make them up without end. */
const HEADS_MAX = 256;
const HEAD_LENGTH_MAX = 1024;

export function writeReply(packer: Packer, reply: TurnReply): void {
  packer.number(reply.steps.length);
  for (const step of reply.steps) writeStep(packer, step);
  packer.optional(reply.stateHistory);
  writeEnding(packer, reply.ending);
  writeRest(packer, reply);
}

function writeStep(packer: Packer, { state, startedAtMs, durationMs, next, patch, error }: Step): void {
  packer.text(state);
  packer.number(startedAtMs);
  packer.number(Math.round(durationMs * HUNDREDTHS));
  packer.optional(next);
  packer.optional(patch);
  packer.optional(error && JSON.stringify(error));
}

function writeEnding(packer: Packer, ending: Ending): void {
  if (ending.kind === "tasks") return writeTasks(packer, ending);
  const isPlain = ending.kind === "ended" && !ending.error;
  packer.number(isPlain ? ENDED : OTHER);
  packer.text(isPlain ? ending.state : JSON.stringify(ending));
}

type Tasks = Extract<Ending, { kind: "tasks" }>;
type TasksRest = Pick<Tasks, "children" | "into" | "join">;

function writeTasks(packer: Packer, { state, orders, children, into, join }: Tasks): void {
  packer.number(TASKS);
  packer.text(state);
  packer.number(orders.length);
  for (const order of orders) {
    packer.text(JSON.stringify(headOf(order)));
    packer.text(order.params);
  }
  const isPlain = children === undefined && into === undefined && join === undefined;
  packer.optional(isPlain ? undefined : JSON.stringify({ children, into, join } satisfies Loose<TasksRest>));
}

type Loose<Fields> = { [Name in keyof Required<Fields>]: Fields[Name & keyof Fields] | undefined };
type OrderHead = Omit<TaskOrder, "params">;

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

/** What few replies have. The values that a use writes follow as they are. */
interface Rest {
  readonly crashes: number | undefined;
  readonly again: true | undefined;
  readonly dataStores: readonly KeysOfUse[] | undefined;
}

type KeysOfUse = Omit<StoreUse, "writes"> & { readonly keys: readonly string[] };

function writeRest(packer: Packer, { crashes, again, dataStores }: TurnReply): void {
  if (crashes === undefined && again === undefined && dataStores === undefined) return packer.number(0);
  const uses = dataStores?.map(({ writes, ...use }) => ({ ...use, keys: writes.map(([key]) => key) }));
  packer.optional(JSON.stringify({ crashes, again, dataStores: uses } satisfies Rest));
  for (const { writes } of dataStores ?? []) for (const [, json] of writes) packer.optional(json);
}

type Writable<Fields> = { -readonly [Name in keyof Fields]: Fields[Name] };

/** What is said of an order beside its params: the same texts come again and again, and each is parsed once. */
class OrderHeads {
  readonly #known = new Map<string, OrderHead>();
  #lastText = "";
  #last: OrderHead | undefined;

  read(unpacker: Unpacker): OrderHead {
    const text = unpacker.likely(this.#lastText);
    if (this.#last && text === this.#lastText) return this.#last;
    this.#last = this.#headOf(text);
    this.#lastText = text;
    return this.#last;
  }

  #headOf(text: string): OrderHead {
    const known = this.#known.get(text);
    if (known) return known;
    const head = JSON.parse(text) as OrderHead;
    if (text.length > HEAD_LENGTH_MAX) return head;
    if (this.#known.size >= HEADS_MAX) this.#known.clear();
    this.#known.set(text, head);
    return head;
  }
}

export class ReplyReader {
  readonly #heads = new OrderHeads();
  /** Read last: most jobs of an hour are in few states. */
  #state = "";

  read(unpacker: Unpacker): TurnReply {
    const steps: Step[] = [];
    for (let count = unpacker.number(); count > 0; count--) steps.push(this.#readStep(unpacker));
    const stateHistory = unpacker.optional();
    const reply: Writable<TurnReply> = { steps, ending: this.#readEnding(unpacker) };
    if (stateHistory !== undefined) reply.stateHistory = stateHistory;
    const rest = unpacker.optional();
    if (rest !== undefined) addRest(reply, JSON.parse(rest) as Rest, unpacker);
    return reply;
  }

  #readState(unpacker: Unpacker): string {
    return (this.#state = unpacker.likely(this.#state));
  }

  #readStep(unpacker: Unpacker): Step {
    const step: Writable<Step> = {
      state: this.#readState(unpacker),
      startedAtMs: unpacker.number(),
      durationMs: unpacker.number() / HUNDREDTHS,
    };
    const next = unpacker.optional();
    const patch = unpacker.optional();
    const error = unpacker.optional();
    if (next !== undefined) step.next = next;
    if (patch !== undefined) step.patch = patch;
    if (error !== undefined) step.error = JSON.parse(error) as JobError;
    return step;
  }

  #readEnding(unpacker: Unpacker): Ending {
    const kind = unpacker.number();
    if (kind === OTHER) return JSON.parse(unpacker.text()) as Ending;
    const state = this.#readState(unpacker);
    return kind === TASKS ? this.#readTasks(state, unpacker) : { kind: "ended", state };
  }

  #readTasks(state: string, unpacker: Unpacker): Tasks {
    const orders: TaskOrder[] = [];
    for (let count = unpacker.number(); count > 0; count--) {
      const head = this.#heads.read(unpacker);
      orders.push(orderOf(head, unpacker.text()));
    }
    const rest = unpacker.optional();
    if (rest === undefined) return { kind: "tasks", state, orders };
    return { kind: "tasks", state, orders, ...(JSON.parse(rest) as TasksRest) };
  }
}

function addRest(reply: Writable<TurnReply>, { crashes, again, dataStores }: Rest, unpacker: Unpacker): void {
  if (crashes !== undefined) reply.crashes = crashes;
  if (again) reply.again = again;
  if (!dataStores) return;
  reply.dataStores = dataStores.map(({ keys, ...use }) => ({
    ...use,
    writes: keys.map((key) => [key, unpacker.optional()] as const),
  }));
}

/** Most heads have these five fields and no other. */
const PLAIN_FIELDS = 5;

// Named one by one: a spread costs a multiple of it.
function orderOf(head: OrderHead, params: string): TaskOrder {
  if (Object.keys(head).length > PLAIN_FIELDS) return { ...head, params };
  const { type, transitions, strategy, priority, retry } = head;
  return { type, params, transitions, strategy, priority, retry };
}
