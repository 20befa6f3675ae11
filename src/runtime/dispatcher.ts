import type { Clock, Scheduler } from "../system/clock.ts";
import { messageOf } from "../system/errors.ts";
import type { Log } from "../system/log.ts";
import { Queue } from "./queue.ts";

/** After so many messages the outside world gets a turn. */
export const SLICE_MESSAGES = 1024;
export const THROUGHPUT_DEFAULT = 64;

export interface Runnable {
  /** Handles up to so many messages, says how many there were, and enqueues itself again if there are more. */
  run(limit: number): number;
}

/** The run queue: actors with something to do take turns, and what has to wait for the end of a message runs between. */
export class Dispatcher {
  readonly #scheduler: Scheduler;
  readonly #log: Log;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #throughput: number;
  readonly #turns = new Queue<Runnable>();
  readonly #deferred = new Queue<() => void>();
  readonly #drain = () => this.#drainSlice();
  #armed = false;
  /** Counted over drains: a chain of short ones must not keep the outside waiting either. */
  #sinceInput = 0;

  /** When the turns that are being taken began: good enough to tell who was idle for long, and read once for many of them. */
  nowMs: number;

  constructor(scheduler: Scheduler, clock: Pick<Clock, "monotonicMs">, log: Log, throughput = THROUGHPUT_DEFAULT) {
    this.#scheduler = scheduler;
    this.#clock = clock;
    this.nowMs = clock.monotonicMs();
    this.#log = log;
    this.#throughput = Math.max(1, throughput);
  }

  /** At the end of the run queue. The caller sees to it that nobody stands in it twice. */
  enqueue(runnable: Runnable): void {
    this.#turns.push(runnable);
    if (!this.#armed) this.#arm();
  }

  /** Runs after the message at hand, before any other. */
  defer(task: () => void): void {
    this.#deferred.push(task);
    if (!this.#armed) this.#arm();
  }

  runDeferred(): void {
    while (this.#deferred.size > 0) this.#guarded(this.#deferred.shift());
  }

  #arm(): void {
    this.#armed = true;
    this.#scheduler.soon(this.#drain);
  }

  #drainSlice(): void {
    this.nowMs = this.#clock.monotonicMs();
    this.runDeferred();
    while (this.#turns.size > 0 && this.#sinceInput < SLICE_MESSAGES) {
      this.#takeTurn(this.#turns.shift());
      this.runDeferred();
    }
    if (this.#turns.size > 0) return this.#continueAfterInput();
    this.#armed = false;
  }

  #takeTurn(runnable: Runnable): void {
    const limit = Math.min(this.#throughput, SLICE_MESSAGES - this.#sinceInput);
    // A turn without a message counts too: empty ones must not go on for ever.
    let handled = 1;
    try {
      handled = Math.max(1, runnable.run(limit));
    } catch (error) {
      this.#report(error);
    }
    this.#sinceInput += handled;
  }

  #continueAfterInput(): void {
    this.#sinceInput = 0;
    this.#scheduler.afterInput(this.#drain);
  }

  #guarded(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.#report(error);
    }
  }

  /** What actors throw is caught where they run: this is a fault of the machine itself, and must not stop it. */
  #report(error: unknown): void {
    this.#log.error("The actor machine failed at a step and goes on.", { error: messageOf(error) });
  }
}
