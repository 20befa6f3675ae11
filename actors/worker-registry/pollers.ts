/** The processes of one worker that poll and say which they are: at which of its connections each is. */
import type { Caller } from "../../src/protocol/process.ts";

/** Beyond that the one that has registered longest ago is forgotten: processes come and go for years. */
const SESSIONS_MAX = 1_000;

export class Pollers {
  readonly #connections = new Map<string, number>();

  /** Whether there has been one. */
  get some(): boolean {
    return this.#connections.size > 0;
  }

  /** False: it has said something newer since, or this before. */
  registered({ session, connection }: Caller): boolean {
    if ((this.#connections.get(session) ?? 0) >= connection) return false;
    this.#connections.delete(session);
    this.#connections.set(session, connection);
    const [oldest] = this.#connections.keys();
    if (oldest !== undefined && this.#connections.size > SESSIONS_MAX) this.#connections.delete(oldest);
    return true;
  }

  /** What its process has given up. */
  isOver({ session, connection }: Caller): boolean {
    return (this.#connections.get(session) ?? 0) > connection;
  }
}
