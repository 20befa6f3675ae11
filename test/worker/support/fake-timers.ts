import type { Timers } from "../../../src/system/clock.ts";

/** Time that stands still until the test moves it. */
export class FakeTimers implements Timers {
  #nowMs = 0;
  #due: Array<{ readonly atMs: number; readonly run: () => void }> = [];

  after(delayMs: number, run: () => void): () => void {
    const entry = { atMs: this.#nowMs + Math.max(0, delayMs), run };
    this.#due.push(entry);
    return () => {
      this.#due = this.#due.filter((other) => other !== entry);
    };
  }

  get waiting(): number {
    return this.#due.length;
  }

  pass(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const [next] = this.#due.toSorted((one, other) => one.atMs - other.atMs);
      if (!next || next.atMs > endMs) break;
      this.#nowMs = next.atMs;
      this.#due = this.#due.filter((entry) => entry !== next);
      next.run();
    }
    this.#nowMs = endMs;
  }
}
