/**
 * What the dispatcher does with each message. Its tables are changed in place, since they can be
 * large; nothing outside is touched: what has to happen is returned as effects.
 */
import { costOf, limitName, type WorkerView } from "../../src/job/worker.ts";
import { assertNever } from "../../src/system/errors.ts";
import { type Candidate, choose } from "./choose.ts";
import { hasRoom, suits, type Verdict } from "./eligibility.ts";
import { Heap } from "./heap.ts";
import type { DispatcherEffect, DispatcherMessage } from "./messages.ts";
import { classOf, compareTasks, type QueuedTask } from "./task.ts";

interface TaskClass {
  readonly name: string;
  readonly type: string;
  readonly queue: Heap<Held>;
  /** In the queue and not wanted any more. */
  dropped: number;
}

/** A task that is queued or handed out. */
interface Held {
  task: QueuedTask;
  state: "queued" | "assigned" | "dropped";
  workerId: string | undefined;
}

interface Hand {
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

const DROPPED_MIN = 64;

export class Dispatch {
  readonly #held = new Map<string, Held>();
  readonly #heldByJob = new Map<string, number>();
  readonly #classes = new Map<string, TaskClass>();
  readonly #classesByType = new Map<string, Set<TaskClass>>();
  readonly #hands = new Map<string, Hand>();
  readonly #handsByType = new Map<string, Set<Hand>>();
  #turns = 0;
  #queued = 0;
  #effects: DispatcherEffect[] = [];

  get queued(): number {
    return this.#queued;
  }

  /** Whether the job has a task here, queued or handed out. */
  holds(jobId: string): boolean {
    return this.#heldByJob.has(jobId);
  }

  /** Who has it: undefined if it is not here. */
  whereIs(key: string): { readonly state: "queued" | "assigned"; readonly workerId: string | undefined } | undefined {
    const held = this.#held.get(key);
    return held && held.state !== "dropped" ? { state: held.state, workerId: held.workerId } : undefined;
  }

  /** Every live worker's answer to this task, now. */
  judge(task: QueuedTask): { readonly workerId: string; readonly verdict: Verdict }[] {
    return [...this.#hands.values()].map((hand) => ({ workerId: hand.view.id, verdict: judgeHand(task, hand) }));
  }

  decide(message: DispatcherMessage): readonly DispatcherEffect[] {
    this.#effects = [];
    this.#take(message);
    return this.#effects;
  }

  #take(message: DispatcherMessage): void {
    switch (message.type) {
      case "queue":
        return this.#queue(message.task);
      case "drop":
        return this.#drop(message.key);
      case "cancel":
        return this.#cancel(message);
      case "worker":
        return this.#worker(message.view);
      case "worker-gone":
        return this.#workerGone(message.workerId);
      case "credit":
        return this.#credit(message.workerId, message.tasks);
      case "returned":
        return this.#returned(message.workerId, message.task);
      case "ended":
        return this.#ended(message.workerId, message.key, message.attempt);
      case "claimed":
        return this.#claimed(message.workerId, message.task);
      default:
        return assertNever(message);
    }
  }

  #queue(task: QueuedTask): void {
    const known = this.#held.get(task.key);
    if (known && known.task.attempt >= task.attempt) return;
    if (known) this.#forget(known);
    if (this.#isTooExpensive(task)) return;
    const held: Held = { task, state: "queued", workerId: undefined };
    this.#hold(held);
    this.#push(held);
    this.#matchTask(held);
  }

  #push(held: Held): void {
    const name = classOf(held.task.order);
    let taskClass = this.#classes.get(name);
    if (!taskClass) {
      const { type } = held.task.order;
      taskClass = { name, type, queue: new Heap((a, b) => compareTasks(a.task, b.task)), dropped: 0 };
      this.#classes.set(name, taskClass);
      setOf(this.#classesByType, type).add(taskClass);
    }
    taskClass.queue.push(held);
    this.#queued += 1;
  }

  /** The first of a class that is still wanted; an empty class goes. */
  #head(taskClass: TaskClass): Held | undefined {
    for (let head = taskClass.queue.peek(); head; head = taskClass.queue.peek()) {
      if (head.state === "queued") return head;
      taskClass.queue.pop();
      taskClass.dropped -= 1;
    }
    this.#classes.delete(taskClass.name);
    removeFrom(this.#classesByType, taskClass.type, taskClass);
    return undefined;
  }

  /** A new task: if it is the first of its class, the best of the workers with room gets it. */
  #matchTask(held: Held): void {
    const { order } = held.task;
    const taskClass = this.#classes.get(classOf(order));
    const hands = this.#handsByType.get(order.type);
    if (!taskClass || !hands || this.#head(taskClass) !== held) return;
    const chosen = choose(order, candidates(held.task, hands));
    const hand = chosen && this.#hands.get(chosen.view.id);
    if (hand) this.#assign(taskClass, held, hand);
  }

  /** A worker with room: it gets the best heads of the classes that it suits, while it has room. */
  #matchWorker(hand: Hand): void {
    while (hand.free > 0) {
      let best: { taskClass: TaskClass; head: Held } | undefined;
      for (const type of hand.view.tasks) {
        for (const taskClass of this.#classesByType.get(type) ?? []) {
          const head = this.#head(taskClass);
          if (!head || (best && compareTasks(head.task, best.head.task) >= 0)) continue;
          if (judgeHand(head.task, hand).accepted) best = { taskClass, head };
        }
      }
      if (!best) return;
      this.#assign(best.taskClass, best.head, hand);
    }
  }

  #assign(taskClass: TaskClass, held: Held, hand: Hand): void {
    taskClass.queue.pop();
    this.#queued -= 1;
    this.#give(held, hand);
    hand.free -= 1;
    this.#effects.push({ type: "assign", workerId: hand.view.id, task: held.task });
  }

  #give(held: Held, hand: Hand): void {
    held.state = "assigned";
    held.workerId = hand.view.id;
    const limit = limitName(hand.view, held.task.order.type);
    hand.given.set(givenName(held.task.key, held.task.attempt), { held, limit });
    hand.load += 1;
    hand.lastTurn = ++this.#turns;
    count(hand.inUse, limit, 1);
  }

  #drop(key: string): void {
    const held = this.#held.get(key);
    if (!held) return;
    if (held.state === "assigned" && held.workerId !== undefined) {
      this.#effects.push({ type: "stop-task", workerId: held.workerId, key, cancel: false });
    }
    this.#forget(held);
  }

  #cancel(message: Extract<DispatcherMessage, { type: "cancel" }>): void {
    const held = this.#held.get(message.key);
    if (held?.state === "assigned" && held.workerId !== undefined) {
      this.#effects.push({ type: "stop-task", workerId: held.workerId, key: message.key, cancel: true });
      return;
    }
    if (held) this.#forget(held);
    const { jobId, visit, slot, attempt } = message;
    this.#effects.push({ type: "withdrawn", jobId, visit, slot, attempt });
  }

  #worker(view: WorkerView): void {
    const known = this.#hands.get(view.id);
    const hand = known ?? { view, free: 0, load: 0, lastTurn: 0, inUse: new Map(), given: new Map() };
    if (known) for (const type of known.view.tasks) removeFrom(this.#handsByType, type, known);
    hand.view = view;
    this.#hands.set(view.id, hand);
    for (const type of view.tasks) setOf(this.#handsByType, type).add(hand);
    this.#failTooExpensive(hand.view.tasks);
    this.#matchWorker(hand);
  }

  #workerGone(workerId: string): void {
    const hand = this.#hands.get(workerId);
    if (!hand) return;
    this.#hands.delete(workerId);
    for (const type of hand.view.tasks) removeFrom(this.#handsByType, type, hand);
    for (const { held } of hand.given.values()) {
      if (this.#held.get(held.task.key) === held) this.#queueAgain(held);
    }
    this.#failTooExpensive(hand.view.tasks);
  }

  #credit(workerId: string, tasks: number): void {
    const hand = this.#hands.get(workerId);
    if (!hand) return;
    hand.free += tasks;
    this.#matchWorker(hand);
  }

  #returned(workerId: string, task: QueuedTask): void {
    const hand = this.#hands.get(workerId);
    // One that began anew since gives back what this one was never given: no credit was used for it.
    if (hand && this.#takeFrom(hand, task.key, task.attempt)) hand.free += 1;
    const held = this.#held.get(task.key);
    if (held?.workerId === workerId && held.task.attempt === task.attempt) this.#queueAgain(held);
    if (hand) this.#matchWorker(hand);
  }

  #queueAgain(held: Held): void {
    held.state = "dropped";
    const again: Held = { task: { ...held.task, again: true }, state: "queued", workerId: undefined };
    this.#held.set(held.task.key, again);
    this.#push(again);
    this.#matchTask(again);
  }

  #ended(workerId: string, key: string, attempt: number): void {
    const hand = this.#hands.get(workerId);
    if (hand) this.#takeFrom(hand, key, attempt);
    const held = this.#held.get(key);
    if (held?.workerId === workerId && held.task.attempt === attempt) this.#forget(held);
    if (hand) this.#matchWorker(hand);
  }

  #claimed(workerId: string, task: QueuedTask): void {
    const known = this.#held.get(task.key);
    if (known?.workerId === workerId && known.task.attempt === task.attempt) return;
    if (known) this.#forget(known);
    const held: Held = { task, state: "assigned", workerId };
    this.#hold(held);
    const hand = this.#hands.get(workerId);
    if (hand) this.#give(held, hand);
  }

  /** False: it had not been given to it. */
  #takeFrom(hand: Hand, key: string, attempt: number): boolean {
    const name = givenName(key, attempt);
    const given = hand.given.get(name);
    if (!given) return false;
    hand.given.delete(name);
    hand.load -= 1;
    count(hand.inUse, given.limit, -1);
    return true;
  }

  #hold(held: Held): void {
    this.#held.set(held.task.key, held);
    count(this.#heldByJob, held.task.jobId, 1);
  }

  #forget(held: Held): void {
    if (held.state === "queued") this.#leaveQueue(held);
    held.state = "dropped";
    if (this.#held.get(held.task.key) !== held) return;
    this.#held.delete(held.task.key);
    count(this.#heldByJob, held.task.jobId, -1);
  }

  /** It stays in the heap until it comes to its head, or until too many like it do. */
  #leaveQueue(held: Held): void {
    this.#queued -= 1;
    const taskClass = this.#classes.get(classOf(held.task.order));
    if (!taskClass) return;
    taskClass.dropped += 1;
    if (taskClass.dropped < DROPPED_MIN || taskClass.dropped * 2 < taskClass.queue.size) return;
    taskClass.queue.keep((item) => item.state === "queued" && item !== held);
    taskClass.dropped = 0;
  }

  /** With a cost limit that no otherwise suitable live worker meets, waiting would be for nothing. */
  #isTooExpensive(task: QueuedTask): boolean {
    const { maxCost, type } = task.order;
    if (maxCost === undefined) return false;
    const suitable = [...(this.#handsByType.get(type) ?? [])].filter(
      (hand) => suits(task.order, hand.view, true).accepted,
    );
    if (suitable.length === 0 || suitable.some((hand) => costOf(hand.view, type) <= maxCost)) return false;
    const cheapest = Math.min(...suitable.map((hand) => costOf(hand.view, type)));
    const found = Number.isFinite(cheapest)
      ? `the cheapest takes ${cheapest} a second`
      : "none of them says what it costs";
    const message = `No suitable worker runs ${type} for at most ${maxCost} a second: ${found}. Raise maxCost or start a cheaper worker.`;
    this.#effects.push({ type: "too-expensive", task, message });
    return true;
  }

  /** A worker of these types came, changed or went: what waits under a cost limit is judged again. */
  #failTooExpensive(types: Iterable<string>): void {
    for (const type of types) {
      for (const taskClass of this.#classesByType.get(type) ?? []) {
        for (let head = this.#head(taskClass); head; head = this.#head(taskClass)) {
          if (!this.#isTooExpensive(head.task)) break;
          this.#forget(head);
        }
      }
    }
  }
}

function givenName(key: string, attempt: number): string {
  return `${key}/${attempt}`;
}

function judgeHand(task: QueuedTask, hand: Hand): Verdict {
  const suited = suits(task.order, hand.view);
  return suited.accepted ? hasRoom(task.order, hand.view, hand.free, hand.inUse) : suited;
}

function* candidates(task: QueuedTask, hands: Iterable<Hand>): Iterable<Candidate> {
  for (const hand of hands) if (hand.free > 0 && judgeHand(task, hand).accepted) yield hand;
}

function setOf<Value>(map: Map<string, Set<Value>>, key: string): Set<Value> {
  const known = map.get(key);
  if (known) return known;
  const made = new Set<Value>();
  map.set(key, made);
  return made;
}

function removeFrom<Value>(map: Map<string, Set<Value>>, key: string, value: Value): void {
  const set = map.get(key);
  set?.delete(value);
  if (set?.size === 0) map.delete(key);
}

function count(map: Map<string, number>, key: string, by: number): void {
  const sum = (map.get(key) ?? 0) + by;
  if (sum > 0) map.set(key, sum);
  else map.delete(key);
}
