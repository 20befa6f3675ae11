import type { Cancel, Clock, Timers } from "../system/clock.ts";
import { Place, Recency } from "./recency.ts";

/**
 * Time limits that are mostly never reached. Those of one length come due in the order in which they
 * were set, so that one timer serves them all, and setting and lifting one costs next to nothing.
 */
export class Deadlines implements Timers {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #timers: Timers;
  readonly #byLength = new Map<number, Line>();

  constructor(clock: Pick<Clock, "monotonicMs">, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  after(delayMs: number, run: () => void): Cancel {
    let line = this.#byLength.get(delayMs);
    if (line === undefined) {
      line = new Line(delayMs, this.#clock, this.#timers);
      this.#byLength.set(delayMs, line);
    }
    return line.add(run);
  }
}

/** All limits of one length. */
class Line {
  readonly #inOrder = new Recency<() => void>();
  #cancel: Cancel | undefined;

  constructor(
    readonly lengthMs: number,
    readonly clock: Pick<Clock, "monotonicMs">,
    readonly timers: Timers,
  ) {}

  add(run: () => void): Cancel {
    const place = new Place(run);
    this.#inOrder.use(place, this.clock.monotonicMs());
    this.#arm(this.lengthMs);
    return () => {
      this.#inOrder.remove(place);
      if (this.#inOrder.oldest === undefined) this.#rest();
    };
  }

  #rest(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    // A timer may come a fraction too early.
    const untilMs = this.clock.monotonicMs() - this.lengthMs + 1;
    try {
      for (let place = this.#dueBy(untilMs); place !== undefined; place = this.#dueBy(untilMs)) {
        this.#inOrder.remove(place);
        place.item();
      }
    } finally {
      // Also after one that failed: the others are still held.
      this.#rest();
      const next = this.#inOrder.oldest;
      if (next !== undefined) this.#arm(Math.max(0, next.usedMs + this.lengthMs - this.clock.monotonicMs()));
    }
  }

  #dueBy(untilMs: number): Place<() => void> | undefined {
    const { oldest } = this.#inOrder;
    return oldest !== undefined && oldest.usedMs <= untilMs ? oldest : undefined;
  }

  #arm(delayMs: number): void {
    this.#cancel ??= this.timers.after(delayMs, () => this.#look());
  }
}
