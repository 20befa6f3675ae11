/**
 * Virtual time for processes that come and go. Whatever a process asked for dies with it; while it
 * stands still, what is due for it waits. The same calls give the same order.
 */
import { drainMicrotasks } from "bun:jsc";
import type { Cancel, Clock, Scheduler, Timers } from "../../src/system/clock.ts";

/** More steps than this at one moment is a loop that never comes to rest. */
const STEPS_MAX = 200_000;

interface Alarm {
  dueMs: number;
  readonly order: number;
  readonly owner: Process | undefined;
  run: (() => void) | undefined;
}

interface Job {
  readonly owner: Process;
  readonly run: () => void;
}

export class VirtualTime implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  #made = 0;
  /** A heap by due time, then by order of creation. */
  readonly #alarms: Alarm[] = [];
  #soon: Job[] = [];
  #input: Job[] = [];
  steps = 0;

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#wallMs = startMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  shiftWall(byMs: number): void {
    this.#wallMs += byMs;
  }

  /** Code that computes for so long: nothing else happens meanwhile. */
  block(forMs: number): void {
    this.#monotonicMs += forMs;
    this.#wallMs += forMs;
  }

  at(delayMs: number, run: () => void, owner?: Process): Cancel {
    const dueMs = this.#monotonicMs + Math.max(0, Math.floor(delayMs));
    const alarm: Alarm = { dueMs, order: this.#made++, owner, run };
    this.#push(alarm);
    return () => {
      alarm.run = undefined;
    };
  }

  soon(owner: Process, run: () => void): void {
    this.#soon.push({ owner, run });
  }

  afterInput(owner: Process, run: () => void): void {
    this.#input.push({ owner, run });
  }

  /** Rings the next alarm and lets everything come to rest; false: nothing is left to ring. */
  next(): boolean {
    for (;;) {
      const alarm = this.#pop();
      if (!alarm) return false;
      const { run, owner } = alarm;
      if (!run || (owner && !owner.alive)) continue;
      if (owner && owner.stoodStillUntilMs > Math.max(alarm.dueMs, this.#monotonicMs)) {
        alarm.dueMs = owner.stoodStillUntilMs;
        this.#push(alarm);
        continue;
      }
      const byMs = Math.max(0, alarm.dueMs - this.#monotonicMs);
      this.#monotonicMs += byMs;
      this.#wallMs += byMs;
      if (owner?.step() !== false) run();
      this.settle();
      return true;
    }
  }

  /** Until nothing more can happen without time moving. */
  settle(): void {
    drainMicrotasks();
    for (let steps = 0; this.#soon.length > 0 || this.#input.length > 0; steps++) {
      if (steps > STEPS_MAX) throw new Error("work never came to rest: is something scheduling itself for ever?");
      while (this.#soon.length > 0) this.#runAll("soon");
      this.#runAll("input");
    }
  }

  #runAll(kind: "soon" | "input"): void {
    const jobs = kind === "soon" ? this.#soon : this.#input;
    if (kind === "soon") this.#soon = [];
    else this.#input = [];
    for (const { owner, run } of jobs) {
      this.steps += 1;
      if (owner.alive && owner.step()) run();
      drainMicrotasks();
    }
  }

  #push(alarm: Alarm): void {
    const heap = this.#alarms;
    let index = heap.push(alarm) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (!above || !isBefore(alarm, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = alarm;
  }

  #pop(): Alarm | undefined {
    const heap = this.#alarms;
    const first = heap[0];
    const last = heap.pop();
    if (!last || last === first) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const left = heap[child];
      const right = heap[child + 1];
      if (!left) break;
      if (right && isBefore(right, left)) child += 1;
      const least = heap[child];
      if (!least || !isBefore(least, last)) break;
      heap[index] = least;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(a: Alarm, b: Alarm): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/** One run of a program: its timers and turns end with it. */
export class Process implements Timers, Scheduler {
  alive = true;
  stoodStillUntilMs = 0;
  #stepsLeft = Number.POSITIVE_INFINITY;
  readonly #deaths: (() => void)[] = [];

  constructor(readonly time: VirtualTime) {}

  after(delayMs: number, run: () => void): Cancel {
    return this.time.at(delayMs, run, this);
  }

  soon(run: () => void): void {
    this.time.soon(this, run);
  }

  afterInput(run: () => void): void {
    this.time.afterInput(this, run);
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve));
  }

  /** It will die so many steps of its work from now. */
  dieAfter(steps: number): void {
    this.#stepsLeft = Math.min(this.#stepsLeft, steps);
  }

  standStill(forMs: number): void {
    this.stoodStillUntilMs = this.time.monotonicMs() + forMs;
  }

  /** Counts one step of its work; false: it died before it. */
  step(): boolean {
    this.#stepsLeft -= 1;
    if (this.#stepsLeft < 0) this.die();
    return this.alive;
  }

  onDeath(run: () => void): void {
    if (this.alive) this.#deaths.push(run);
    else run();
  }

  die(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const run of this.#deaths.splice(0)) run();
  }
}
