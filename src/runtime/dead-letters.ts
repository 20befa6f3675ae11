import { messageOf } from "../system/errors.ts";
import type { Log } from "../system/log.ts";
import type { DeadLetter } from "./types.ts";

export type DeadLetterListener = (letter: DeadLetter) => void;

export class DeadLetters {
  readonly #log: Log;
  readonly #listeners = new Set<DeadLetterListener>();
  #count = 0;
  #publishing = false;

  constructor(log: Log) {
    this.#log = log;
  }

  get count(): number {
    return this.#count;
  }

  listen(listener: DeadLetterListener): () => void {
    // Wrapped, so that the same function given twice is two subscriptions.
    const own: DeadLetterListener = (letter) => listener(letter);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  publish(path: string, message: unknown, reason: DeadLetter["reason"]): void {
    this.#count += 1;
    if (this.#publishing) return this.#logNested(path, reason);
    this.#publishing = true;
    for (const listener of this.#listeners) this.#call(listener, { path, message, reason });
    this.#publishing = false;
  }

  #call(listener: DeadLetterListener, letter: DeadLetter): void {
    try {
      listener(letter);
    } catch (error) {
      this.#log.error("A listener for dead letters failed.", { path: letter.path, error: messageOf(error) });
    }
  }

  /** A letter that a listener caused is not published again: that could go on for ever. */
  #logNested(path: string, reason: DeadLetter["reason"]): void {
    this.#log.warn("A listener for dead letters caused another one.", { path, reason });
  }
}
