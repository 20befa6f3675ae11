/**
 * A creation waits a moment for its first handler, so that both go into one unit. One timer
 * serves all creations: the moment is the same for each, so they end in the order they began.
 */
import type { Ref } from "../../src/runtime/types.ts";
import type { Clock, Timers } from "../../src/system/clock.ts";

interface Waiting<Message> {
  readonly untilMs: number;
  readonly ref: Ref<Message>;
  readonly message: Message;
}

export class Patience<Message> {
  #waiting: Waiting<Message>[] = [];
  #armed = false;

  constructor(
    readonly clock: Clock,
    readonly timers: Timers,
    readonly patienceMs: number,
  ) {}

  /** Sends the message, ahead of others, when the patience is over. The receiver ignores it if all is done by then. */
  lose(ref: Ref<Message>, message: Message): void {
    this.#waiting.push({ untilMs: this.clock.monotonicMs() + this.patienceMs, ref, message });
    if (!this.#armed) this.#arm(this.patienceMs);
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
    for (const { ref, message } of over) ref.tellFirst(message);
    const next = this.#waiting[0];
    if (next) this.#arm(next.untilMs - nowMs);
  }
}
