import type { Cancel, Clock, Timers } from "../system/clock.ts";
import { Ranked, Recency } from "./recency.ts";

/** What has a time limit. */
export abstract class Limited extends Ranked {
  /** Those of its length, while the limit is set. */
  line: Line | undefined;

  abstract late(): void;
}

/**
 * Time limits that are mostly never reached. Those of one length come due in the order in which they
 * were set, so that one timer serves them all, and setting and lifting one costs next to nothing.
 */
export class Deadlines {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #timers: Timers;
  readonly #byLength = new Map<number, Line>();

  constructor(clock: Pick<Clock, "monotonicMs">, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  set(lengthMs: number, limited: Limited): void {
    let line = this.#byLength.get(lengthMs);
    if (line === undefined) {
      line = new Line(lengthMs, this.#clock, this.#timers);
      this.#byLength.set(lengthMs, line);
    }
    line.add(limited);
  }
}

/** Where none is set it does nothing. */
export function lift(limited: Limited): void {
  limited.line?.lift(limited);
}

/** All limits of one length. */
class Line {
  readonly #inOrder = new Recency<Limited>();
  #cancel: Cancel | undefined;

  constructor(
    readonly lengthMs: number,
    readonly clock: Pick<Clock, "monotonicMs">,
    readonly timers: Timers,
  ) {}

  add(limited: Limited): void {
    limited.line = this;
    this.#inOrder.use(limited, this.clock.monotonicMs());
    if (this.#cancel === undefined) this.#arm(this.lengthMs);
  }

  lift(limited: Limited): void {
    this.#remove(limited);
    if (this.#inOrder.oldest === undefined) this.#rest();
  }

  #remove(limited: Limited): void {
    limited.line = undefined;
    this.#inOrder.remove(limited);
  }

  #rest(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    // A timer may come a fraction too early.
    const untilMs = this.clock.monotonicMs() - this.lengthMs + 1;
    try {
      for (let limited = this.#dueBy(untilMs); limited !== undefined; limited = this.#dueBy(untilMs)) {
        this.#remove(limited);
        limited.late();
      }
    } finally {
      // Also after one that failed: the others are still held.
      this.#rest();
      const next = this.#inOrder.oldest;
      if (next !== undefined) this.#arm(Math.max(0, next.usedMs + this.lengthMs - this.clock.monotonicMs()));
    }
  }

  #dueBy(untilMs: number): Limited | undefined {
    const { oldest } = this.#inOrder;
    return oldest !== undefined && oldest.usedMs <= untilMs ? oldest : undefined;
  }

  #arm(delayMs: number): void {
    this.#cancel = this.timers.after(delayMs, () => this.#look());
  }
}
