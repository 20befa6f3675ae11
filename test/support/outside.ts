/** The outside as a test commands it: it takes what is sent, refuses it, or hangs. */
import type { Delivery, Sender } from "../../src/notify/port.ts";
import type { OutboxRow } from "../../src/storage/port.ts";

export class Outside implements Sender {
  /** Each try, in order. */
  readonly tries: OutboxRow[] = [];
  /** How a row fares; undefined: its receiver hangs. */
  fate: (row: OutboxRow) => Delivery | undefined = () => ({ type: "delivered" });
  sending = 0;
  sendingMost = 0;
  readonly #hanging = new Map<string, (delivery: Delivery) => void>();

  get hanging(): readonly string[] {
    return [...this.#hanging.keys()];
  }

  /** Whoever hangs comes back. */
  release(delivery: Delivery = { type: "delivered" }): void {
    for (const resolve of this.#hanging.values()) resolve(delivery);
  }

  async send(row: OutboxRow, signal: AbortSignal): Promise<Delivery> {
    this.tries.push(row);
    this.sending += 1;
    this.sendingMost = Math.max(this.sending, this.sendingMost);
    try {
      return this.fate(row) ?? (await this.#hang(row, signal));
    } finally {
      this.sending -= 1;
    }
  }

  #hang(row: OutboxRow, signal: AbortSignal): Promise<Delivery> {
    const { promise, resolve } = Promise.withResolvers<Delivery>();
    this.#hanging.set(row.id, resolve);
    signal.addEventListener("abort", () => resolve({ type: "failed", error: "was given up" }));
    return promise.finally(() => this.#hanging.delete(row.id));
  }
}
