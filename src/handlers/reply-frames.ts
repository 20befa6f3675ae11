/** The answer to a turn on its way back from a handler thread. */
import type { StoreUse } from "../job/data-store.ts";
import type { JobError, TaskOrder } from "../job/model.ts";
import { OrderReader, OrderWriter } from "./order-frames.ts";
import type { Packer, Unpacker } from "./packing.ts";
import type { Ending, Step, TurnReply } from "./port.ts";

const OTHER = 0;
const ENDED = 1;
const TASKS = 2;
/** What a step has of what not all have. */
const HAS_NEXT = 1;
const HAS_PATCH = 2;
const HAS_ERROR = 4;
/** A step takes whole hundredths of a millisecond. */
const HUNDREDTHS = 100;

/** Of one thread: what it said last is not said again. */
export class ReplyWriter {
  readonly #orders = new OrderWriter();
  #startedAtMs = 0;

  write(packer: Packer, reply: TurnReply): void {
    packer.number(reply.steps.length);
    for (const step of reply.steps) this.#writeStep(packer, step);
    packer.optional(reply.stateHistory);
    this.#writeEnding(packer, reply.ending);
    writeRest(packer, reply);
  }

  #writeStep(packer: Packer, { state, startedAtMs, durationMs, next, patch, error }: Step): void {
    const has = (next === undefined ? 0 : HAS_NEXT) + (patch === undefined ? 0 : HAS_PATCH) + (error ? HAS_ERROR : 0);
    packer.text(state);
    // A handler may have set another clock in the place of its thread's.
    const atMs = Number.isFinite(startedAtMs) ? Math.round(startedAtMs) : this.#startedAtMs;
    packer.difference(atMs - this.#startedAtMs);
    packer.number(Math.round(durationMs * HUNDREDTHS));
    packer.number(has);
    this.#startedAtMs = atMs;
    if (next !== undefined) packer.text(next);
    if (patch !== undefined) packer.text(patch);
    if (error) packer.text(JSON.stringify(error));
  }

  #writeEnding(packer: Packer, ending: Ending): void {
    if (ending.kind === "tasks") return this.#writeTasks(packer, ending);
    const isPlain = ending.kind === "ended" && !ending.error;
    packer.number(isPlain ? ENDED : OTHER);
    packer.text(isPlain ? ending.state : JSON.stringify(ending));
  }

  #writeTasks(packer: Packer, { state, orders, children, into, join }: Tasks): void {
    packer.number(TASKS);
    packer.text(state);
    packer.number(orders.length);
    for (const order of orders) this.#orders.write(packer, order);
    const isPlain = children === undefined && into === undefined && join === undefined;
    packer.optional(isPlain ? undefined : JSON.stringify({ children, into, join } satisfies Loose<TasksRest>));
  }
}

type Tasks = Extract<Ending, { kind: "tasks" }>;
type TasksRest = Pick<Tasks, "children" | "into" | "join">;
type Loose<Fields> = { [Name in keyof Required<Fields>]: Fields[Name & keyof Fields] | undefined };

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

export class ReplyReader {
  readonly #orders = new OrderReader();
  /** Read last: most jobs of an hour are in few states. */
  #state = "";
  #startedAtMs = 0;

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
    const state = this.#readState(unpacker);
    this.#startedAtMs += unpacker.difference();
    const durationMs = unpacker.number() / HUNDREDTHS;
    const step: Writable<Step> = { state, startedAtMs: this.#startedAtMs, durationMs };
    const has = unpacker.number();
    if (has & HAS_NEXT) step.next = unpacker.text();
    if (has & HAS_PATCH) step.patch = unpacker.text();
    if (has & HAS_ERROR) step.error = JSON.parse(unpacker.text()) as JobError;
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
    for (let count = unpacker.number(); count > 0; count--) orders.push(this.#orders.read(unpacker));
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
