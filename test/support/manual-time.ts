/** Time that stands still until a test or a simulator moves it. The same calls give the same order. */
import type { Cancel, Clock, Scheduler, Timers } from "../../src/system/clock.ts";

/** More steps than this in one go is a loop that never comes to rest. */
const STEPS_MAX = 5_000_000;
const TURNS_MAX = 10_000;

interface Alarm {
  readonly dueMs: number;
  readonly run: () => void;
  cancelled: boolean;
}

export class ManualTime implements Clock, Timers, Scheduler {
  #wallMs: number;
  #monotonicMs = 0;
  /** By due time, then in the order of their creation. */
  #alarms: Alarm[] = [];
  #soon: (() => void)[] = [];
  #afterInput: (() => void)[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#wallMs = startMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** The wall clock is set to another time; timers and the monotonic clock do not notice. */
  shiftWall(byMs: number): void {
    this.#wallMs += byMs;
  }

  after(delayMs: number, run: () => void): Cancel {
    const alarm: Alarm = { dueMs: this.#monotonicMs + Math.max(0, Math.floor(delayMs)), run, cancelled: false };
    this.#alarms.splice(this.#placeOf(alarm.dueMs), 0, alarm);
    return () => {
      alarm.cancelled = true;
    };
  }

  #placeOf(dueMs: number): number {
    let low = 0;
    let high = this.#alarms.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#alarms[middle]?.dueMs ?? 0) <= dueMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  afterInput(run: () => void): void {
    this.#afterInput.push(run);
  }

  /** When the next timer is due, on the monotonic clock. */
  get nextDueMs(): number | undefined {
    return this.#alarms.find((alarm) => !alarm.cancelled)?.dueMs;
  }

  get pendingTimers(): number {
    return this.#alarms.filter((alarm) => !alarm.cancelled).length;
  }

  /** Input turns that were asked for and have not come. */
  get pendingInputTurns(): number {
    return this.#afterInput.length;
  }

  /** What was asked for `soon`, until nothing of it is left; input turns wait. */
  runSoon(): void {
    let steps = 0;
    while (this.#soon.length > 0) {
      const batch = this.#soon;
      this.#soon = [];
      for (const run of batch) run();
      steps += batch.length;
      if (steps > STEPS_MAX) throw new Error("work never came to rest: is something scheduling itself for ever?");
    }
  }

  /** All that can run without time moving, timers that are due included. */
  runUntilIdle(): void {
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      this.runSoon();
      const turns = this.#afterInput;
      this.#afterInput = [];
      for (const run of turns) {
        run();
        this.runSoon();
      }
      if (turns.length === 0 && !this.#ringNext(this.#monotonicMs)) return;
    }
    throw new Error("work never came to rest: is something scheduling itself for ever?");
  }

  /** Moves both clocks, stopping at each timer on the way. */
  advance(ms: number): void {
    this.runUntilIdle();
    const untilMs = this.#monotonicMs + ms;
    while (this.#ringNext(untilMs)) this.runUntilIdle();
    this.#moveTo(untilMs);
    this.runUntilIdle();
  }

  #ringNext(untilMs: number): boolean {
    const alarm = this.#alarms[0];
    if (alarm === undefined || alarm.dueMs > untilMs) return false;
    this.#alarms.shift();
    if (alarm.cancelled) return true;
    this.#moveTo(alarm.dueMs);
    alarm.run();
    return true;
  }

  #moveTo(monotonicMs: number): void {
    const byMs = Math.max(0, monotonicMs - this.#monotonicMs);
    this.#monotonicMs += byMs;
    this.#wallMs += byMs;
  }

  /** As `runUntilIdle`, and promises settle too: their callbacks run until nothing comes of them. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      this.runUntilIdle();
      await new Promise<void>((resolve) => void setImmediate(resolve));
      if (this.#soon.length === 0 && this.#afterInput.length === 0) return;
    }
    throw new Error("promises never came to rest: is something awaiting itself for ever?");
  }
}
