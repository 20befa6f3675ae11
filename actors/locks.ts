import { Lookup } from "../src/system/lookup.ts";

/** One after the other for each name, in the order in which they came. */
export class Locks {
  readonly #tails = new Lookup<string, Promise<void>>();

  /** All names are taken at once, so that nobody holds one and waits for another in a circle. */
  async hold<Value>(names: readonly string[], run: () => Promise<Value>): Promise<Value> {
    if (names.length === 0) return run();
    const before = names.map((name) => this.#tails.get(name));
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const name of names) this.#tails.set(name, promise);
    try {
      await Promise.all(before);
      return await run();
    } finally {
      for (const name of names) if (this.#tails.get(name) === promise) this.#tails.delete(name);
      resolve();
    }
  }
}
