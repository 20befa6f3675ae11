/** The live workers as the dispatcher sees them: what each may take, how much more, and what it was given. */
import { limitName, type WorkerView } from "../../src/job/worker.ts";
import { type Candidate, choose } from "./choose.ts";
import { hasRoom, suits, type Verdict } from "./eligibility.ts";
import type { Held, Tally } from "./line.ts";
import type { TaskNeeds, TaskRun } from "./task.ts";
import { RunTable } from "./task-table.ts";

export class Hand implements Candidate {
  free = 0;
  load = 0;
  lastTurn = 0;
  /** By name of the limit. */
  readonly inUse = new Map<string, Tally>();
  /** What it was given and has not ended, attempt by attempt: a run that took too long goes on beside its successor. */
  readonly given = new RunTable<Held>();
  // Of its view, what is asked of every worker for each task that comes.
  /** Of tasks that it takes. */
  types: readonly string[] = [];
  hot: ReadonlySet<string> | undefined = undefined;
  /** Takes tasks, as far as it lies with the worker and not with the task. */
  isOpen = false;
  hasLimits = false;

  constructor(public view: WorkerView) {
    this.become(view);
  }

  become(view: WorkerView): void {
    this.view = view;
    this.types = [...view.tasks];
    this.hot = hotOf(view);
    this.isOpen = isOpen(view);
    this.hasLimits = view.limits.size > 0;
    for (const [name, tally] of this.inUse) if (tally.tasks === 0) this.inUse.delete(name);
  }

  limit(name: string): Tally {
    const known = this.inUse.get(name);
    if (known) return known;
    const tally = { tasks: 0 };
    this.inUse.set(name, tally);
    return tally;
  }
}

const NO_HANDS: readonly Hand[] = [];

/** Those that take tasks of one type, in the order in which they said so last. */
class HandsOfType {
  readonly #hands = new Set<Hand>();
  /** The same, for going through them. */
  #list: readonly Hand[] | undefined;

  get areNone(): boolean {
    return this.#hands.size === 0;
  }

  get list(): readonly Hand[] {
    return (this.#list ??= [...this.#hands]);
  }

  add(hand: Hand): void {
    this.#hands.add(hand);
    this.#list = undefined;
  }

  remove(hand: Hand): void {
    this.#hands.delete(hand);
    this.#list = undefined;
  }
}

export class Hands {
  readonly #all = new Map<string, Hand>();
  readonly #byType = new Map<string, HandsOfType>();
  #turns = 0;

  get(workerId: string): Hand | undefined {
    return this.#all.get(workerId);
  }

  all(): Iterable<Hand> {
    return this.#all.values();
  }

  ofType(type: string): readonly Hand[] {
    return this.#byType.get(type)?.list ?? NO_HANDS;
  }

  /** A worker is new, or is not what it was. */
  see(view: WorkerView): Hand {
    const known = this.#all.get(view.id);
    const hand = known ?? new Hand(view);
    if (known) {
      this.#leaveTypes(known);
      known.become(view);
    }
    this.#all.set(view.id, hand);
    for (const type of hand.types) this.#comeToType(type, hand);
    return hand;
  }

  gone(workerId: string): Hand | undefined {
    const hand = this.#all.get(workerId);
    if (!hand) return undefined;
    this.#all.delete(workerId);
    this.#leaveTypes(hand);
    return hand;
  }

  /** The best of those with room, as the task's strategy has it. */
  choose(order: TaskNeeds): Hand | undefined {
    return choose(order, this.ofType(order.type), acceptsOfItsTypes);
  }

  give(held: Held, hand: Hand): void {
    held.state = "assigned";
    held.workerId = hand.view.id;
    const before = hand.given.set(held);
    // Dropped, and claimed by the worker before it has ended: it takes up room once.
    if (before) leaveLimit(before);
    else hand.load += 1;
    hand.lastTurn = ++this.#turns;
    held.turn = hand.lastTurn;
    held.limit = hand.limit(limitName(hand.view, held.task.order.type));
    held.limit.tasks += 1;
  }

  /** False: it had not been given to it. */
  takeFrom(hand: Hand, run: TaskRun): boolean {
    const held = hand.given.get(run);
    if (!held) return false;
    hand.given.remove(held);
    hand.load -= 1;
    leaveLimit(held);
    return true;
  }

  #comeToType(type: string, hand: Hand): void {
    const known = this.#byType.get(type);
    if (known) return known.add(hand);
    const made = new HandsOfType();
    made.add(hand);
    this.#byType.set(type, made);
  }

  #leaveTypes(hand: Hand): void {
    for (const type of hand.types) {
      const hands = this.#byType.get(type);
      hands?.remove(hand);
      if (hands?.areNone === true) this.#byType.delete(type);
    }
  }
}

function leaveLimit(held: Held): void {
  if (held.limit) held.limit.tasks -= 1;
}

export function judgeHand(order: TaskNeeds, hand: Hand): Verdict {
  const suited = suits(order, hand.view);
  return suited.accepted ? hasRoom(order, hand.view, hand.free, hand.inUse) : suited;
}

/** The verdict alone. It is asked of each idle worker for each task that comes, and most tasks want no more than its type. */
export function accepts(order: TaskNeeds, hand: Hand): boolean {
  return acceptsOfItsTypes(order, hand) && hand.view.tasks.has(order.type);
}

/** Where it is known that the worker takes the task's type. */
function acceptsOfItsTypes(order: TaskNeeds, hand: Hand): boolean {
  if (hand.free <= 0) return false;
  const isPlain = order.requirements === undefined && order.maxCost === undefined && !hand.hasLimits;
  return isPlain ? hand.isOpen : judgeHand(order, hand).accepted;
}

function isOpen({ draining, status, reputation, reputationNeeded }: WorkerView): boolean {
  return !draining && status === "idle" && reputation >= reputationNeeded;
}

function hotOf({ hot }: WorkerView): ReadonlySet<string> | undefined {
  return hot.size > 0 ? hot : undefined;
}
