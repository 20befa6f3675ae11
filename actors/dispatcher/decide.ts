/**
 * What the dispatcher does with each message. Its tables are changed in place, since they can be
 * large; nothing outside is touched: what has to happen is returned as effects.
 *
 * A task that waits is whole in memory as long as its class takes no more room than is left for all
 * others: short queues always are. What comes to a long one is parked: its place in the order stays
 * here, its body in the store, and is fetched before its turn comes. The order is that of one queue.
 */
import { costOf, type WorkerView } from "../../src/job/worker.ts";
import { assertNever } from "../../src/system/errors.ts";
import { isAble, type Verdict } from "./eligibility.ts";
import { accepts, count, type Hand, Hands, judgeHand } from "./hands.ts";
import { type Held, Line } from "./line.ts";
import type { DispatcherEffect, DispatcherMessage } from "./messages.ts";
import { ParkedTasks } from "./parked.ts";
import type { Row } from "./row-index.ts";
import {
  bytesOf,
  classOf,
  compareRanks,
  parseKey,
  type QueuedTask,
  type Rank,
  type TaskNeeds,
  type WaitingTask,
} from "./task.ts";

/** Bodies of waiting tasks that are kept in memory, all classes together. */
export const BODY_BYTES_MAX = 64 * 1024 * 1024;
/** A line that hands out and has fewer bodies than this asks for more, so many at once; fewer where they are large. */
const BODIES_LOW = 128;
const BODIES_FETCHED = 256;
/** Of the bytes for bodies: what one line may fetch at once, whatever the others have. */
const FETCHED_SHARE = 8;
/** Tasks failed for their cost limit at once: each of them brings its job into memory. */
const COSTS_AT_ONCE = 256;

export class Dispatch {
  /** Whole ones, queued or handed out. */
  readonly #held = new Map<string, Held>();
  readonly #heldByJob = new Map<string, number>();
  readonly #parked = new ParkedTasks();
  readonly #lines = new Map<string, Line>();
  readonly #linesByNumber = new Map<number, Line>();
  readonly #linesByType = new Map<string, Set<Line>>();
  readonly #hands = new Hands();
  /** Lines that wait for bodies, by number. */
  readonly #fetching = new Map<number, TaskNeeds>();
  #arrivals = 0;
  #lineNumbers = 0;
  #queued = 0;
  #bytes = 0;
  #isHeldBack = false;
  #effects: DispatcherEffect[] = [];

  readonly #fetchedBytesMax: number;

  constructor(readonly bodyBytesMax = BODY_BYTES_MAX) {
    this.#fetchedBytesMax = bodyBytesMax / FETCHED_SHARE;
  }

  get queued(): number {
    return this.#queued;
  }

  /** Of the queued ones: those without a body in memory. */
  get parked(): number {
    return this.#parked.size;
  }

  /** Whether the job has a task here, queued or handed out. */
  holds(jobId: string): boolean {
    return this.#heldByJob.has(jobId) || this.#parked.hasJob(jobId);
  }

  /** Who has it: undefined if it is not here. */
  whereIs(key: string): { readonly state: "queued" | "assigned"; readonly workerId: string | undefined } | undefined {
    const held = this.#held.get(key);
    if (held && held.state !== "dropped") return { state: held.state, workerId: held.workerId };
    return this.#rowOf(key) === undefined ? undefined : { state: "queued", workerId: undefined };
  }

  /** Every live worker's answer to this task, now. */
  judge(task: { readonly order: TaskNeeds }): { readonly workerId: string; readonly verdict: Verdict }[] {
    return [...this.#hands.all()].map((hand) => ({ workerId: hand.view.id, verdict: judgeHand(task.order, hand) }));
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
        return this.#ended(message);
      case "claimed":
        return this.#claimed(message.workerId, message.task);
      case "bodies":
        return this.#takeBodies(message);
      case "hold":
        this.#isHeldBack = true;
        return;
      case "open":
        return this.#open();
      case "judge-costs":
        return this.#failTooExpensive([message.taskType]);
      default:
        return assertNever(message);
    }
  }

  // ---- into the queue

  #queue(task: QueuedTask): void {
    const known = this.#held.get(task.key);
    if (known && known.task.attempt >= task.attempt) return;
    if (known) this.#forget(known);
    const row = this.#parked.find(task.jobId, task.visit, task.slot);
    if (row !== undefined && this.#parked.attemptOf(row) >= task.attempt) return;
    if (row !== undefined) this.#forgetParked(row);
    const expense = this.#tooExpensive(task.order);
    if (expense === undefined) this.#enter(task);
    else this.#effects.push({ type: "too-expensive", task, message: expense });
  }

  /** If it is the first of its class, the best of the workers with room gets it; else it waits. */
  #enter(task: QueuedTask): void {
    const { order, begun, queuedAtMs } = task;
    const arrival = ++this.#arrivals;
    const rank: Rank = { priority: order.priority, begun, queuedAtMs, arrival };
    const held: Held = { ...rank, task, state: "queued", workerId: undefined, line: undefined, bytes: bytesOf(task) };
    const first = this.#lines.get(classOf(order))?.rank;
    const hand = first && compareRanks(first, rank) < 0 ? undefined : this.#choose(order);
    // While bodies are fetched a worker with room may be waiting for a better one.
    if (hand && this.#fetching.size === 0) {
      this.#hold(held);
      return this.#handOut(held, hand);
    }
    this.#wait(held);
    if (hand) this.#takeBest(hand);
  }

  #wait(held: Held): void {
    const line = this.#lineFor(held.task.order);
    this.#queued += 1;
    const hasRoom = line.bytes + held.bytes <= this.bodyBytesMax - this.#bytes;
    if (!(hasRoom && line.isBeforeParked(held)) && this.#park(held, line)) return;
    this.#hold(held);
    this.#keepWhole(held, line);
  }

  /** False: its job's id has no short form. */
  #park(held: Held, line: Line): boolean {
    const row = this.#parked.add(held.task, held.arrival, line.number);
    if (row === undefined) return false;
    line.parked.push(row);
    return true;
  }

  #keepWhole(held: Held, line: Line): void {
    held.line = line;
    line.push(held);
    this.#bytes += held.bytes;
  }

  #lineFor(order: TaskNeeds): Line {
    const name = classOf(order);
    const known = this.#lines.get(name);
    if (known) return known;
    const { type, strategy, maxCost, requirements } = order;
    const needs = { type, strategy, ...(maxCost !== undefined && { maxCost }), ...(requirements && { requirements }) };
    const line = new Line(++this.#lineNumbers, name, needs, this.#parked);
    this.#lines.set(name, line);
    this.#linesByNumber.set(line.number, line);
    setOf(this.#linesByType, type).add(line);
    return line;
  }

  /** A line that nothing waits in goes. */
  #tidy(line: Line): void {
    if (!line.isEmpty) return;
    this.#lines.delete(line.name);
    this.#linesByNumber.delete(line.number);
    removeFrom(this.#linesByType, line.needs.type, line);
  }

  // ---- out of the queue

  #choose(order: TaskNeeds): Hand | undefined {
    return this.#isHeldBack ? undefined : this.#hands.choose(order);
  }

  /** A worker with room: it gets the best heads of the classes that it suits, while it has room. */
  #matchWorker(hand: Hand): void {
    while (this.#takeBest(hand));
  }

  /** False: there is nothing for it, or the best there is has to be fetched first. */
  #takeBest(hand: Hand): boolean {
    if (hand.free <= 0 || this.#isHeldBack) return false;
    let best: { readonly line: Line; readonly rank: Rank } | undefined;
    for (const type of hand.view.tasks) {
      for (const line of this.#linesByType.get(type) ?? []) {
        const { rank } = line;
        if (!rank || (best && compareRanks(rank, best.rank) >= 0)) continue;
        if (accepts(line.needs, hand)) best = { line, rank };
      }
    }
    if (!best) return false;
    const { line } = best;
    const { head } = line;
    if (head) this.#assign(line, head, hand);
    const isLow = line.whole < BODIES_LOW && line.bytes <= this.#fetchedBytesMax;
    if (!head || isLow) this.#fetch(line);
    return head !== undefined;
  }

  /** All workers of this type that have room: one task each by turns, as the strategy has it. */
  #matchAll(needs: TaskNeeds): void {
    for (let hand = this.#choose(needs); hand && this.#takeBest(hand); hand = this.#choose(needs));
    for (const hand of this.#hands.ofType(needs.type)) this.#matchWorker(hand);
  }

  #assign(line: Line, held: Held, hand: Hand): void {
    line.shift(held);
    this.#bytes -= held.bytes;
    this.#queued -= 1;
    this.#tidy(line);
    this.#handOut(held, hand);
  }

  #handOut(held: Held, hand: Hand): void {
    this.#hands.give(held, hand);
    hand.free -= 1;
    this.#effects.push({ type: "assign", workerId: hand.view.id, task: held.task });
  }

  #open(): void {
    if (!this.#isHeldBack) return;
    this.#isHeldBack = false;
    for (const line of this.#lines.values()) this.#matchAll(line.needs);
  }

  // ---- bodies

  #fetch(line: Line): void {
    if (line.parked.size === 0 || this.#fetching.has(line.number)) return;
    this.#fetching.set(line.number, line.needs);
    let bytes = 0;
    const tasks: WaitingTask[] = [];
    for (const row of line.parked.first(BODIES_FETCHED)) {
      bytes += this.#parked.bytesOf(row);
      if (tasks.length > 0 && bytes > this.#fetchedBytesMax) break;
      tasks.push(this.#parked.read(row));
    }
    this.#effects.push({ type: "fetch", line: line.number, tasks });
  }

  #takeBodies({ line: number, tasks, bodies }: Extract<DispatcherMessage, { type: "bodies" }>): void {
    const needs = this.#fetching.get(number);
    this.#fetching.delete(number);
    const line = this.#linesByNumber.get(number);
    for (const [index, { jobId, visit, slot, attempt }] of tasks.entries()) {
      const row = this.#parked.find(jobId, visit, slot);
      // Meanwhile it may have been dropped, and come back as another run.
      if (!line || row === undefined || this.#parked.attemptOf(row) !== attempt) continue;
      const body = bodies[index];
      if (!body) {
        this.#forgetParked(row);
        continue;
      }
      const task = { ...body, ...this.#parked.read(row) };
      const rank = this.#parked.rankOf(row);
      line.parked.remove(row);
      this.#parked.remove(row);
      const held: Held = { ...rank, task, state: "queued", workerId: undefined, line, bytes: bytesOf(task) };
      this.#hold(held);
      this.#keepWhole(held, line);
    }
    // Whoever waited for one that is gone by now looks for something else.
    if (needs) this.#matchAll(needs);
  }

  #rowOf(key: string): Row | undefined {
    const place = this.#parked.size > 0 ? parseKey(key) : undefined;
    return place && this.#parked.find(place.jobId, place.visit, place.slot);
  }

  #forgetParked(row: Row): void {
    const line = this.#linesByNumber.get(this.#parked.lineOf(row));
    line?.parked.remove(row);
    this.#parked.remove(row);
    this.#queued -= 1;
    if (line) this.#tidy(line);
  }

  // ---- what is in hand

  #drop(key: string): void {
    const held = this.#held.get(key);
    if (!held) {
      const row = this.#rowOf(key);
      if (row !== undefined) this.#forgetParked(row);
      return;
    }
    if (held.state === "assigned" && held.workerId !== undefined) {
      this.#effects.push({ type: "stop-task", workerId: held.workerId, key, cancel: false });
    }
    this.#forget(held);
  }

  #cancel(message: Extract<DispatcherMessage, { type: "cancel" }>): void {
    const { key, jobId, visit, slot, attempt } = message;
    const held = this.#held.get(key);
    if (held?.state === "assigned" && held.workerId !== undefined) {
      this.#effects.push({ type: "stop-task", workerId: held.workerId, key, cancel: true });
      return;
    }
    if (held) this.#forget(held);
    else this.#drop(key);
    this.#effects.push({ type: "withdrawn", jobId, visit, slot, attempt });
  }

  #worker(view: WorkerView): void {
    const hand = this.#hands.see(view);
    this.#failTooExpensive(hand.view.tasks);
    this.#matchWorker(hand);
  }

  #workerGone(workerId: string): void {
    const hand = this.#hands.gone(workerId);
    if (!hand) return;
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
    if (hand && this.#hands.takeFrom(hand, task.key, task.attempt)) hand.free += 1;
    const held = this.#held.get(task.key);
    if (held?.workerId === workerId && held.task.attempt === task.attempt) this.#queueAgain(held);
    if (hand) this.#matchWorker(hand);
  }

  #queueAgain(held: Held): void {
    this.#forget(held);
    this.#enter({ ...held.task, again: true });
  }

  #ended({ workerId, key, attempt, credit = 0 }: Extract<DispatcherMessage, { type: "ended" }>): void {
    const hand = this.#hands.get(workerId);
    if (hand) {
      this.#hands.takeFrom(hand, key, attempt);
      hand.free += credit;
    }
    const held = this.#held.get(key);
    if (held?.workerId === workerId && held.task.attempt === attempt) this.#forget(held);
    if (hand) this.#matchWorker(hand);
  }

  #claimed(workerId: string, task: QueuedTask): void {
    const known = this.#held.get(task.key);
    const isOut = known?.state === "assigned" && known.task.attempt === task.attempt;
    if (isOut && known.workerId === workerId) return;
    const row = this.#parked.find(task.jobId, task.visit, task.slot);
    const attempt = known?.task.attempt ?? (row === undefined ? 0 : this.#parked.attemptOf(row));
    const held = this.#heldBy(workerId, task);
    if (isOut) {
      // While the job was asked, the task went out to another worker: that one counts. This one has it until it hears.
      this.#effects.push({ type: "stop-task", workerId, key: task.key, cancel: false });
    } else if (attempt <= task.attempt) {
      // Else a claim that was long on its way is of a run that was replaced: that one goes on beside its successor.
      if (known) this.#forget(known);
      if (row !== undefined) this.#forgetParked(row);
      this.#hold(held);
    }
    const hand = this.#hands.get(workerId);
    if (hand) this.#hands.give(held, hand);
  }

  #heldBy(workerId: string, task: QueuedTask): Held {
    const { order, begun, queuedAtMs } = task;
    const rank: Rank = { priority: order.priority, begun, queuedAtMs, arrival: ++this.#arrivals };
    return { ...rank, task, state: "assigned", workerId, line: undefined, bytes: bytesOf(task) };
  }

  #hold(held: Held): void {
    this.#held.set(held.task.key, held);
    count(this.#heldByJob, held.task.jobId, 1);
  }

  #forget(held: Held): void {
    const isQueued = held.state === "queued";
    held.state = "dropped";
    if (isQueued) this.#leaveQueue(held);
    if (this.#held.get(held.task.key) !== held) return;
    this.#held.delete(held.task.key);
    count(this.#heldByJob, held.task.jobId, -1);
  }

  #leaveQueue(held: Held): void {
    this.#queued -= 1;
    this.#bytes -= held.bytes;
    held.line?.drop(held);
    if (held.line) this.#tidy(held.line);
  }

  // ---- cost limits

  /** With a cost limit that no otherwise suitable live worker meets, waiting would be for nothing: what the job is told. */
  #tooExpensive(order: TaskNeeds): string | undefined {
    const { maxCost, type } = order;
    if (maxCost === undefined) return undefined;
    const suitable = [...this.#hands.ofType(type)].filter((hand) => isAble(order, hand.view).accepted);
    if (suitable.length === 0 || suitable.some((hand) => costOf(hand.view, type) <= maxCost)) return undefined;
    const cheapest = Math.min(...suitable.map((hand) => costOf(hand.view, type)));
    const found = Number.isFinite(cheapest)
      ? `the cheapest takes ${cheapest} a second`
      : "none of them says what it costs";
    return `No suitable worker runs ${type} for at most ${maxCost} a second: ${found}. Raise maxCost or start a cheaper worker.`;
  }

  /** A worker of these types came, changed or went: what waits under a cost limit is judged again. */
  #failTooExpensive(types: Iterable<string>): void {
    for (const type of types) {
      for (const line of this.#linesByType.get(type) ?? []) {
        const message = this.#tooExpensive(line.needs);
        if (message !== undefined) this.#failFirst(line, message);
      }
    }
  }

  /** Not all of a long line at once: each job that is told comes into memory and writes. */
  #failFirst(line: Line, message: string): void {
    for (let failed = 0; failed < COSTS_AT_ONCE && !line.isEmpty; failed++) {
      const task = this.#leaveAsFirst(line);
      if (task) this.#effects.push({ type: "too-expensive", task, message });
    }
    if (!line.isEmpty) this.#effects.push({ type: "judge-costs-later", taskType: line.needs.type });
  }

  #leaveAsFirst(line: Line): WaitingTask | undefined {
    const { head } = line;
    if (head) {
      this.#forget(head);
      return head.task;
    }
    const row = line.parked.peek();
    if (row === undefined) return undefined;
    const task = this.#parked.read(row);
    this.#forgetParked(row);
    return task;
  }
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
