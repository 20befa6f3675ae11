/**
 * Who is let in. A job that was let in counts from that moment on, written or not, until it is over:
 * so there are never more than the limit, whatever is under way. What is known here is rebuilt from
 * the store at each start, and nobody is let in before it is complete.
 */
import type { Standing } from "../../src/job/waiting.ts";
import { assertNever } from "../../src/system/errors.ts";
import { Heap } from "../dispatcher/heap.ts";
import type { GateEffect, GateMessage, Place } from "./messages.ts";

/** So many of one group may be on their way in at once: a limit that goes lets in no flood. */
const ON_THE_WAY_MAX = 256;
/** Entries of those who left are dropped once they are more than this and than those who wait. */
const STALE_MAX = 1_000;

/** In a longer line nobody is told at which place it stands. */
const POSITION_MAX = 10_000;

interface Known {
  place: Place;
  state: "waiting" | "admitted" | "in";
  /** Of the sweep, in which it came or was seen. */
  round: number;
}

interface Group {
  readonly blueprint: string;
  max: number;
  /** Let in, written or not. */
  inside: number;
  onTheWay: number;
  waiting: number;
  readonly queue: Heap<Known>;
}

export interface Crowd {
  readonly inside: number;
  readonly waiting: number;
}

export class Gates {
  readonly #known = new Map<string, Known>();
  readonly #groups = new Map<string, Group>();
  readonly #paused = new Set<string>();
  /** Over since the start, while what the store says of it may still be on its way here; undefined: that is over. */
  #gone: Set<string> | undefined = new Set();
  #round = 1;

  decide(message: GateMessage): readonly GateEffect[] {
    switch (message.type) {
      case "arrived":
        return message.isOld && this.#isTold(message.place.jobId) ? [] : this.#arrived(message.place);
      case "entered":
        return message.isOld && this.#isTold(message.place.jobId) ? [] : this.#entered(message.place);
      case "left":
        this.#gone?.add(message.jobId);
        return this.#left(message.jobId);
      case "open":
        this.#gone = undefined;
        return this.#settleAll();
      case "paused":
        this.#paused.add(message.blueprint);
        return [];
      case "resumed":
        this.#paused.delete(message.blueprint);
        return this.#settleAll(message.blueprint);
      case "limits":
        for (const group of this.#groups.values()) group.max = message.limits.get(group.blueprint) ?? group.max;
        return this.#settleAll();
      case "seen":
        for (const jobId of message.jobIds) {
          const known = this.#known.get(jobId);
          if (known) known.round = this.#round;
        }
        return [];
      case "seen-all":
        return this.#dropUnseen();
      default:
        return assertNever(message);
    }
  }

  /** Whether it waits here for its turn: then there is nothing else that could move it. */
  holds(jobId: string): boolean {
    return this.#known.get(jobId)?.state === "waiting";
  }

  /** Its position counts from 1. */
  standing(jobId: string): Standing | undefined {
    const known = this.#known.get(jobId);
    if (!known) return undefined;
    const isPaused = this.#paused.has(known.place.blueprint);
    const group = this.#groups.get(known.place.group);
    if (!group || known.state !== "waiting") return { isPaused };
    return { isPaused, position: this.#position(known, group), ...(Number.isFinite(group.max) && { max: group.max }) };
  }

  crowd(blueprint: string): Crowd {
    const groups = [...this.#groups.values()].filter((group) => group.blueprint === blueprint);
    return {
      inside: groups.reduce((sum, { inside }) => sum + inside, 0),
      waiting: groups.reduce((sum, { waiting }) => sum + waiting, 0),
    };
  }

  #isTold(jobId: string): boolean {
    return this.#known.has(jobId) || this.#gone?.has(jobId) === true;
  }

  #arrived(place: Place): readonly GateEffect[] {
    const known = this.#known.get(place.jobId);
    const isSame = known?.place.visit === place.visit;
    if (isSame && known?.state === "admitted") return [admit(place)];
    if (isSame && known?.state === "waiting") return this.#settle(this.#group(place));
    // It says that it waits, and it knows: whatever it was in before is over.
    const freed = known ? this.#left(place.jobId) : [];
    const group = this.#group(place);
    const waiting: Known = { place, state: "waiting", round: this.#round };
    this.#known.set(place.jobId, waiting);
    group.waiting += 1;
    group.queue.push(waiting);
    return [...freed, ...this.#settle(group)];
  }

  #entered(place: Place): readonly GateEffect[] {
    const known = this.#known.get(place.jobId);
    if (known?.state === "in") return [];
    if (known) this.#forget(known);
    this.#known.set(place.jobId, { place, state: "in", round: this.#round });
    const group = this.#group(place);
    group.inside += 1;
    return this.#settle(group);
  }

  #left(jobId: string): readonly GateEffect[] {
    const known = this.#known.get(jobId);
    if (!known) return [];
    this.#forget(known);
    const group = this.#groups.get(known.place.group);
    return group ? this.#settle(group) : [];
  }

  #forget({ place, state }: Known): void {
    this.#known.delete(place.jobId);
    const group = this.#groups.get(place.group);
    if (!group) return;
    if (state === "waiting") group.waiting -= 1;
    else group.inside -= 1;
    if (state === "admitted") group.onTheWay -= 1;
    if (group.waiting + group.inside === 0) this.#groups.delete(place.group);
  }

  #group({ group: name, blueprint, max }: Place): Group {
    let group = this.#groups.get(name);
    if (!group) {
      group = { blueprint, max, inside: 0, onTheWay: 0, waiting: 0, queue: new Heap<Known>(before) };
      this.#groups.set(name, group);
    }
    group.max = max;
    return group;
  }

  #settleAll(blueprint?: string): readonly GateEffect[] {
    const groups = [...this.#groups.values()].filter((group) => (blueprint ?? group.blueprint) === group.blueprint);
    return groups.flatMap((group) => this.#settle(group));
  }

  #settle(group: Group): readonly GateEffect[] {
    if (this.#gone || this.#paused.has(group.blueprint)) return [];
    this.#tidy(group);
    const admitted: GateEffect[] = [];
    while (group.waiting > 0 && group.inside < group.max && group.onTheWay < ON_THE_WAY_MAX) {
      const next = group.queue.pop();
      if (!next) break;
      if (!this.#waits(next)) continue;
      next.state = "admitted";
      group.waiting -= 1;
      group.inside += 1;
      group.onTheWay += 1;
      admitted.push(admit(next.place));
    }
    return admitted;
  }

  #waits(known: Known): boolean {
    return known.state === "waiting" && this.#known.get(known.place.jobId) === known;
  }

  #tidy(group: Group): void {
    if (group.queue.size > STALE_MAX + 2 * group.waiting) group.queue.keep((known) => this.#waits(known));
  }

  /** Undefined: so many wait that counting them for everybody who asks would keep the others waiting. */
  #position(known: Known, { queue }: Group): number | undefined {
    if (queue.size > POSITION_MAX) return undefined;
    return 1 + queue.count((other) => this.#waits(other) && before(other, known) < 0);
  }

  /** A whole round of the sweep has not seen them: they are over, and the word of it was lost. */
  #dropUnseen(): readonly GateEffect[] {
    const unseen = [...this.#known.values()].filter(({ round }) => round < this.#round);
    this.#round += 1;
    return unseen.flatMap(({ place: { jobId } }) => [{ type: "found-gone", jobId } as const, ...this.#left(jobId)]);
  }
}

function admit({ jobId, visit }: Place): GateEffect {
  return { type: "admit", jobId, visit };
}

/** By priority, then by age: ids grow with time. */
function before({ place: a }: Known, { place: b }: Known): number {
  return b.priority - a.priority || (a.jobId < b.jobId ? -1 : Number(a.jobId > b.jobId));
}
