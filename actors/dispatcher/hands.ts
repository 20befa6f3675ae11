/** The live workers as the dispatcher sees them: what each may take, how much more, and what it was given. */
import { limitName, type WorkerView } from "../../src/job/worker.ts";
import { type Candidate, choose } from "./choose.ts";
import { hasRoom, suits, type Verdict } from "./eligibility.ts";
import type { Held } from "./line.ts";
import type { TaskNeeds } from "./task.ts";

export interface Hand {
  view: WorkerView;
  free: number;
  load: number;
  lastTurn: number;
  readonly inUse: Map<string, number>;
  /** What it was given and has not ended, attempt by attempt: a run that took too long goes on beside its successor. */
  readonly given: Map<string, Given>;
}

interface Given {
  readonly held: Held;
  /** The limit that it counts under, whatever the worker says of its limits later. */
  readonly limit: string;
}

export class Hands {
  readonly #all = new Map<string, Hand>();
  readonly #byType = new Map<string, Set<Hand>>();
  #turns = 0;

  get(workerId: string): Hand | undefined {
    return this.#all.get(workerId);
  }

  all(): Iterable<Hand> {
    return this.#all.values();
  }

  ofType(type: string): Iterable<Hand> {
    return this.#byType.get(type) ?? [];
  }

  /** A worker is new, or is not what it was. */
  see(view: WorkerView): Hand {
    const known = this.#all.get(view.id);
    const hand = known ?? { view, free: 0, load: 0, lastTurn: 0, inUse: new Map(), given: new Map() };
    if (known) this.#leaveTypes(known);
    hand.view = view;
    this.#all.set(view.id, hand);
    for (const type of view.tasks) this.#comeToType(type, hand);
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
    const hands = this.#byType.get(order.type);
    const chosen = hands && choose(order, candidates(order, hands));
    return chosen && this.#all.get(chosen.view.id);
  }

  give(held: Held, hand: Hand): void {
    held.state = "assigned";
    held.workerId = hand.view.id;
    const limit = limitName(hand.view, held.task.order.type);
    // Dropped, and claimed by the worker before it has ended: it takes up room once.
    this.takeFrom(hand, held.task.key, held.task.attempt);
    hand.given.set(givenName(held.task.key, held.task.attempt), { held, limit });
    hand.load += 1;
    hand.lastTurn = ++this.#turns;
    count(hand.inUse, limit, 1);
  }

  /** False: it had not been given to it. */
  takeFrom(hand: Hand, key: string, attempt: number): boolean {
    const name = givenName(key, attempt);
    const given = hand.given.get(name);
    if (!given) return false;
    hand.given.delete(name);
    hand.load -= 1;
    count(hand.inUse, given.limit, -1);
    return true;
  }

  #comeToType(type: string, hand: Hand): void {
    const known = this.#byType.get(type);
    if (known) known.add(hand);
    else this.#byType.set(type, new Set([hand]));
  }

  #leaveTypes(hand: Hand): void {
    for (const type of hand.view.tasks) {
      const hands = this.#byType.get(type);
      hands?.delete(hand);
      if (hands?.size === 0) this.#byType.delete(type);
    }
  }
}

export function judgeHand(order: TaskNeeds, hand: Hand): Verdict {
  const suited = suits(order, hand.view);
  return suited.accepted ? hasRoom(order, hand.view, hand.free, hand.inUse) : suited;
}

/** The verdict alone. It is asked of each idle worker for each task that comes, and most tasks want no more than its type. */
export function accepts(order: TaskNeeds, hand: Hand): boolean {
  const { draining, status, limits, tasks, reputation, reputationNeeded } = hand.view;
  const isPlain = order.requirements === undefined && order.maxCost === undefined && limits.size === 0;
  if (!isPlain) return judgeHand(order, hand).accepted;
  const isFree = hand.free > 0 && !draining && status === "idle";
  return isFree && reputation >= reputationNeeded && tasks.has(order.type);
}

/** Adds, and forgets what is at nothing. */
export function count(map: Map<string, number>, key: string, by: number): void {
  const sum = (map.get(key) ?? 0) + by;
  if (sum > 0) map.set(key, sum);
  else map.delete(key);
}

function* candidates(order: TaskNeeds, hands: Iterable<Hand>): Iterable<Candidate> {
  for (const hand of hands) if (hand.free > 0 && accepts(order, hand)) yield hand;
}

function givenName(key: string, attempt: number): string {
  return `${key}/${attempt}`;
}
