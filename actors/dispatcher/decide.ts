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
import { accepts, type Hand, Hands, judgeHand } from "./hands.ts";
import { Held, type Line } from "./line.ts";
import { Lines } from "./lines.ts";
import type { DispatcherEffect, DispatcherMessage } from "./messages.ts";
import { ParkedTasks } from "./parked.ts";
import type { Row } from "./row-index.ts";
import {
  compareRanks,
  parseKey,
  type QueuedTask,
  type TaskNeeds,
  type TaskPlace,
  type TaskRun,
  type WaitingTask,
} from "./task.ts";
import { TaskTable } from "./task-table.ts";

/** Bodies of waiting tasks that are kept in memory, all classes together. */
export const BODY_BYTES_MAX = 64 * 1024 * 1024;
/** A line that hands out and has fewer bodies than this asks for more, so many at once; fewer where they are large. */
const BODIES_LOW = 128;
const BODIES_FETCHED = 256;
/** Of the bytes for bodies: what one line may fetch at once, whatever the others have. */
const FETCHED_SHARE = 8;
/** Tasks failed for their cost limit at once: each of them brings its job into memory. */
const COSTS_AT_ONCE = 256;
const NOTHING: readonly DispatcherEffect[] = [];

export class Dispatch {
  /** Whole ones, queued or handed out. */
  readonly #held = new TaskTable<Held>();
  readonly #parked = new ParkedTasks();
  readonly #lines = new Lines(this.#parked);
  readonly #hands = new Hands();
  /** Lines that wait for bodies, by number. */
  readonly #fetching = new Map<number, TaskNeeds>();
  #arrivals = 0;
  #queued = 0;
  #bytes = 0;
  #isHeldBack = false;
  #effects: DispatcherEffect[] | undefined;

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
    return this.#held.hasJob(jobId) || this.#parked.hasJob(jobId);
  }

  /** Who has it: undefined if it is not here. */
  whereIs(key: string): { readonly state: "queued" | "assigned"; readonly workerId: string | undefined } | undefined {
    const place = parseKey(key);
    const held = this.#held.get(place);
    if (held && held.state !== "dropped") return { state: held.state, workerId: held.workerId };
    return this.#rowOf(place) === undefined ? undefined : { state: "queued", workerId: undefined };
  }

  /** Every live worker's answer to this task, now. */
  judge(task: { readonly order: TaskNeeds }): { readonly workerId: string; readonly verdict: Verdict }[] {
    return [...this.#hands.all()].map((hand) => ({ workerId: hand.view.id, verdict: judgeHand(task.order, hand) }));
  }

  decide(message: DispatcherMessage): readonly DispatcherEffect[] {
    this.#effects = undefined;
    this.#take(message);
    return this.#effects ?? NOTHING;
  }

  #does(effect: DispatcherEffect): void {
    if (this.#effects === undefined) this.#effects = [effect];
    else this.#effects.push(effect);
  }

  #take(message: DispatcherMessage): void {
    switch (message.type) {
      case "queue":
        return this.#queue(message.task);
      case "drop":
        return this.#drop(message);
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
        return this.#failTooExpensiveOf(message.taskType);
      default:
        return assertNever(message);
    }
  }

  // ---- into the queue

  #queue(task: QueuedTask): void {
    const known = this.#held.get(task);
    if (known && known.task.attempt >= task.attempt) return;
    if (known) this.#forget(known);
    const row = this.#rowOf(task);
    if (row !== undefined && this.#parked.attemptOf(row) >= task.attempt) return;
    if (row !== undefined) this.#forgetParked(row);
    const expense = this.#tooExpensive(task.order);
    if (expense === undefined) this.#enter(task);
    else this.#does({ type: "too-expensive", task, message: expense });
  }

  /** If it is the first of its class, the best of the workers with room gets it; else it waits. */
  #enter(task: QueuedTask): void {
    const { order } = task;
    const held = new Held(task, ++this.#arrivals);
    const first = this.#lines.find(order)?.rank;
    const hand = first && compareRanks(first, held) < 0 ? undefined : this.#choose(order);
    // While bodies are fetched a worker with room may be waiting for a better one.
    if (hand && this.#fetching.size === 0) {
      this.#held.set(held);
      return this.#handOut(held, hand);
    }
    this.#wait(held);
    if (hand) this.#takeBest(hand);
  }

  #wait(held: Held): void {
    const { order } = held.task;
    const line = this.#lines.find(order) ?? this.#lines.open(order);
    this.#queued += 1;
    const hasRoom = line.bytes + held.bytes <= this.bodyBytesMax - this.#bytes;
    if (!(hasRoom && line.isBeforeParked(held)) && this.#park(held, line)) return;
    this.#held.set(held);
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
    const line = this.#bestLine(hand);
    if (!line) return false;
    const { head } = line;
    if (head) this.#assign(line, head, hand);
    const isLow = line.whole < BODIES_LOW && line.bytes <= this.#fetchedBytesMax;
    if (!head || isLow) this.#fetch(line);
    return head !== undefined;
  }

  /** Whose first goes before the first of all others that the worker may take. */
  #bestLine(hand: Hand): Line | undefined {
    if (this.#lines.count === 0) return undefined;
    // Which of the two is shorter: no two tasks stand at the same place, so that it does not matter who is asked first.
    if (this.#lines.count < hand.types.length) return bestOf(this.#lines.all(), hand, undefined);
    let best: Line | undefined;
    for (const type of hand.types) best = bestOf(this.#lines.ofType(type), hand, best);
    return best;
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
    this.#lines.tidy(line);
    this.#handOut(held, hand);
  }

  #handOut(held: Held, hand: Hand): void {
    this.#hands.give(held, hand);
    hand.free -= 1;
    this.#does({ type: "assign", workerId: hand.view.id, task: held.task });
  }

  #open(): void {
    if (!this.#isHeldBack) return;
    this.#isHeldBack = false;
    for (const line of this.#lines.all()) this.#matchAll(line.needs);
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
    this.#does({ type: "fetch", line: line.number, tasks });
  }

  #takeBodies({ line: number, tasks, bodies }: Extract<DispatcherMessage, { type: "bodies" }>): void {
    const needs = this.#fetching.get(number);
    this.#fetching.delete(number);
    const line = this.#lines.numbered(number);
    for (const [index, waiting] of tasks.entries()) {
      const row = this.#rowOf(waiting);
      // Meanwhile it may have been dropped, and come back as another run.
      if (!line || row === undefined || this.#parked.attemptOf(row) !== waiting.attempt) continue;
      const body = bodies[index];
      if (!body) {
        this.#forgetParked(row);
        continue;
      }
      const { order, checkpoint, trace } = body;
      const task = { ...this.#parked.read(row, waiting.jobId), order, checkpoint, trace };
      const held = new Held(task, this.#parked.arrivalOf(row));
      line.parked.remove(row);
      this.#parked.remove(row);
      this.#held.set(held);
      this.#keepWhole(held, line);
    }
    // Whoever waited for one that is gone by now looks for something else.
    if (needs) this.#matchAll(needs);
  }

  #rowOf({ jobId, visit, slot }: TaskPlace): Row | undefined {
    return this.#parked.find(jobId, visit, slot);
  }

  #forgetParked(row: Row): void {
    const line = this.#lines.numbered(this.#parked.lineOf(row));
    line?.parked.remove(row);
    this.#parked.remove(row);
    this.#queued -= 1;
    if (line) this.#lines.tidy(line);
  }

  // ---- what is in hand

  #drop(place: TaskPlace): void {
    const held = this.#held.get(place);
    if (!held) {
      const row = this.#rowOf(place);
      if (row !== undefined) this.#forgetParked(row);
      return;
    }
    if (held.state === "assigned" && held.workerId !== undefined) {
      this.#does({ type: "stop-task", workerId: held.workerId, task: held.task, cancel: false });
    }
    this.#forget(held);
  }

  #cancel(run: TaskRun): void {
    const { jobId, visit, slot, attempt } = run;
    const held = this.#held.get(run);
    if (held?.state === "assigned" && held.workerId !== undefined) {
      this.#does({ type: "stop-task", workerId: held.workerId, task: held.task, cancel: true });
      return;
    }
    if (held) this.#forget(held);
    else this.#drop(run);
    this.#does({ type: "withdrawn", jobId, visit, slot, attempt });
  }

  #worker(view: WorkerView): void {
    const hand = this.#hands.see(view);
    this.#failTooExpensive(hand.types);
    this.#matchWorker(hand);
  }

  #workerGone(workerId: string): void {
    const hand = this.#hands.gone(workerId);
    if (!hand) return;
    // In the order in which they went to it.
    for (const held of hand.given.values().toSorted((a, b) => a.turn - b.turn)) {
      if (this.#held.get(held.task) === held) this.#queueAgain(held);
    }
    this.#failTooExpensive(hand.types);
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
    if (hand && this.#hands.takeFrom(hand, task)) hand.free += 1;
    const held = this.#held.get(task);
    if (held?.workerId === workerId && held.task.attempt === task.attempt) this.#queueAgain(held);
    if (hand) this.#matchWorker(hand);
  }

  #queueAgain(held: Held): void {
    this.#forget(held);
    this.#enter({ ...held.task, again: true });
  }

  #ended({ workerId, task, credit = 0 }: Extract<DispatcherMessage, { type: "ended" }>): void {
    const hand = this.#hands.get(workerId);
    if (hand) {
      this.#hands.takeFrom(hand, task);
      hand.free += credit;
    }
    const held = this.#held.get(task);
    if (held?.workerId === workerId && held.task.attempt === task.attempt) this.#forget(held);
    if (hand) this.#matchWorker(hand);
  }

  #claimed(workerId: string, task: QueuedTask): void {
    const known = this.#held.get(task);
    const isOut = known?.state === "assigned" && known.task.attempt === task.attempt;
    if (isOut && known.workerId === workerId) return;
    const row = this.#rowOf(task);
    const attempt = known?.task.attempt ?? (row === undefined ? 0 : this.#parked.attemptOf(row));
    const held = this.#heldBy(workerId, task);
    if (isOut) {
      // While the job was asked, the task went out to another worker: that one counts. This one has it until it hears.
      this.#does({ type: "stop-task", workerId, task, cancel: false });
    } else if (attempt <= task.attempt) {
      // Else a claim that was long on its way is of a run that was replaced: that one goes on beside its successor.
      if (known) this.#forget(known);
      if (row !== undefined) this.#forgetParked(row);
      this.#held.set(held);
    }
    const hand = this.#hands.get(workerId);
    if (hand) this.#hands.give(held, hand);
  }

  #heldBy(workerId: string, task: QueuedTask): Held {
    const held = new Held(task, ++this.#arrivals);
    held.state = "assigned";
    held.workerId = workerId;
    return held;
  }

  #forget(held: Held): void {
    const isQueued = held.state === "queued";
    held.state = "dropped";
    if (isQueued) this.#leaveQueue(held);
    this.#held.remove(held);
  }

  #leaveQueue(held: Held): void {
    this.#queued -= 1;
    this.#bytes -= held.bytes;
    held.line?.drop(held);
    if (held.line) this.#lines.tidy(held.line);
  }

  // ---- cost limits

  /** With a cost limit that no otherwise suitable live worker meets, waiting would be for nothing: what the job is told. */
  #tooExpensive(order: TaskNeeds): string | undefined {
    return order.maxCost === undefined ? undefined : this.#tooExpensiveFor(order, order.maxCost);
  }

  #tooExpensiveFor(order: TaskNeeds, maxCost: number): string | undefined {
    const { type } = order;
    const suitable = this.#hands.ofType(type).filter((hand) => isAble(order, hand.view).accepted);
    if (suitable.length === 0 || suitable.some((hand) => costOf(hand.view, type) <= maxCost)) return undefined;
    const cheapest = Math.min(...suitable.map((hand) => costOf(hand.view, type)));
    const found = Number.isFinite(cheapest)
      ? `the cheapest takes ${cheapest} a second`
      : "none of them says what it costs";
    return `No suitable worker runs ${type} for at most ${maxCost} a second: ${found}. Raise maxCost or start a cheaper worker.`;
  }

  /** A worker of these types came, changed or went: what waits under a cost limit is judged again. */
  #failTooExpensive(types: readonly string[]): void {
    for (const type of types) this.#failTooExpensiveOf(type);
  }

  #failTooExpensiveOf(type: string): void {
    for (const line of this.#lines.ofType(type)) {
      const message = this.#tooExpensive(line.needs);
      if (message !== undefined) this.#failFirst(line, message);
    }
  }

  /** Not all of a long line at once: each job that is told comes into memory and writes. */
  #failFirst(line: Line, message: string): void {
    for (let failed = 0; failed < COSTS_AT_ONCE && !line.isEmpty; failed++) {
      const task = this.#leaveAsFirst(line);
      if (task) this.#does({ type: "too-expensive", task, message });
    }
    if (!line.isEmpty) this.#does({ type: "judge-costs-later", taskType: line.needs.type });
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

/** Of these and the one before them. */
function bestOf(lines: Iterable<Line>, hand: Hand, before: Line | undefined): Line | undefined {
  let best = before;
  let bestRank = before?.rank;
  for (const line of lines) {
    const { rank } = line;
    if (!rank || (bestRank && compareRanks(rank, bestRank) >= 0) || !accepts(line.needs, hand)) continue;
    best = line;
    bestRank = rank;
  }
  return best;
}
