import type { Cancel } from "../system/clock.ts";

/** Who wants to hear of one end. Each hears of it once. */
export class Watchers {
  readonly #notices = new Set<() => void>();
  readonly #emptied: () => void;

  constructor(emptied: () => void = () => undefined) {
    this.#emptied = emptied;
  }

  add(notify: () => void): Cancel {
    const notice = () => notify();
    this.#notices.add(notice);
    return () => {
      if (this.#notices.delete(notice) && this.#notices.size === 0) this.#emptied();
    };
  }

  notify(): void {
    const notices = [...this.#notices];
    this.#notices.clear();
    for (const notice of notices) notice();
  }
}
