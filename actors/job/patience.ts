/**
 * A creation waits a moment for its first handler, so that both go into one unit. One timer
 * serves all creations: the moment is the same for each, so they end in the order they began.
 */
import type { Ref } from "../../src/runtime/types.ts";
import type { Cancel, Clock, Timers } from "../../src/system/clock.ts";

interface Waiting<Message> {
  readonly untilMs: number;
  readonly ref: Ref<Message>;
  readonly message: Message;
  isOver: boolean;
}

export class Patience<Message> {
  #waiting: Waiting<Message>[] = [];
  #armed = false;

  constructor(
    readonly clock: Clock,
    readonly timers: Timers,
    readonly patienceMs: number,
  ) {}

  /**
   * Sends the message, ahead of others, when the patience is over, unless it is called off: to one that
   * had left memory by then, it would bring it back from the store for nothing.
   */
  lose(ref: Ref<Message>, message: Message): Cancel {
    const waiting = { untilMs: this.clock.monotonicMs() + this.patienceMs, ref, message, isOver: false };
    this.#waiting.push(waiting);
    if (!this.#armed) this.#arm(this.patienceMs);
    return () => {
      waiting.isOver = true;
    };
  }

  #arm(delayMs: number): void {
    this.#armed = true;
    this.timers.after(delayMs, () => this.#sweep());
  }

  #sweep(): void {
    this.#armed = false;
    const nowMs = this.clock.monotonicMs();
    const first = this.#waiting.findIndex((waiting) => waiting.untilMs > nowMs);
    const over = this.#waiting.splice(0, first === -1 ? this.#waiting.length : first);
    for (const { ref, message, isOver } of over) if (!isOver) ref.tellFirst(message);
    const next = this.#waiting[0];
    if (next) this.#arm(next.untilMs - nowMs);
  }
}
