/**
 * Heartbeats from a thread of their own. As long as the worker's thread turns it speaks for itself;
 * while a handler blocks it, the heart does.
 */
import type { Cancel } from "../../src/system/clock.ts";
import type { System } from "../../src/system/index.ts";
import type { Access } from "../access.ts";
import type { LogSettings } from "../log.ts";
import type { Board } from "./board.ts";
import { TURN_MS } from "./pulse.ts";

export type ToHeart =
  | {
      readonly type: "begin";
      readonly memory: SharedArrayBuffer;
      readonly intervalMs: number;
      readonly stallMs: number | undefined;
      readonly tasks: readonly string[];
      readonly workerId: string;
      readonly log: LogSettings;
    }
  /** How the orchestrator at this place of the list is reached now. */
  | {
      readonly type: "door";
      readonly place: number;
      readonly access: Pick<Access, "endpoint" | "workerId" | "token" | "tls">;
    };

export interface HeartOptions {
  readonly system: Pick<System, "timers" | "log">;
  /** Where the thread begins. */
  readonly thread: string;
  readonly board: Board;
  readonly intervalMs: number;
  /** A thread that stands still for so long is not spoken for any more; undefined: always. */
  readonly stallMs: number | undefined;
  readonly tasks: readonly string[];
  readonly workerId: string;
  readonly log: LogSettings;
  /** The heart has spoken for this thread, which turns again now. */
  readonly back: () => void;
}

export class Heart {
  readonly #thread: Worker;
  readonly #options: HeartOptions;
  #standIns = 0;
  #cancel: Cancel = () => undefined;

  constructor(options: HeartOptions) {
    const { thread, board, intervalMs, stallMs, tasks, workerId, log, system } = options;
    this.#options = options;
    this.#thread = new Worker(thread);
    this.#thread.unref();
    this.#thread.addEventListener("error", ({ message }) => {
      system.log.error("the heart of the worker stopped: a handler that blocks may lose its task", { reason: message });
    });
    this.#post({ type: "begin", memory: board.memory, intervalMs, stallMs, tasks, workerId, log });
    this.#turn();
  }

  reaches(place: number, { endpoint, workerId, token, tls }: Access): void {
    this.#post({ type: "door", place, access: { endpoint, workerId, tls, ...(token !== undefined && { token }) } });
  }

  stop(): void {
    this.#cancel();
    this.#thread.terminate();
  }

  #turn(): void {
    const { board, system, back } = this.#options;
    board.turn();
    const { standIns } = board;
    if (standIns !== this.#standIns) {
      this.#standIns = standIns;
      system.log.warn(
        "a handler blocked the worker's thread for seconds: what is slow has to be awaited, or run in a thread",
      );
      back();
    }
    this.#cancel = system.timers.after(TURN_MS, () => this.#turn());
  }

  #post(message: ToHeart): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.#thread.postMessage(message);
  }
}
