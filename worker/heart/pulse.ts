/**
 * When a worker's heart speaks for it: once the thread that runs the handlers has stood still for a
 * while, and then at each interval until it turns again. It says what runs, so that the leases hold,
 * and that the worker is busy, so that nothing more comes that would wait.
 */
import type { HeartbeatBody } from "../../src/protocol/worker.ts";
import type { Cancel, Clock, Timers } from "../../src/system/clock.ts";
import type { BoardReader } from "./board.ts";

/** The thread that runs the handlers says so often that it turns. */
export const TURN_MS = 500;
const LOOK_MS = 500;
const BLOCKED_MS = 2000;

export interface PulseParts {
  readonly timers: Timers;
  readonly clock: Clock;
  readonly board: BoardReader;
  readonly intervalMs: number;
  readonly tasks: readonly string[];
  readonly workerId: string;
  /** To the orchestrators that are there, by their places on the list. */
  readonly send: (bodyFor: (place: number) => HeartbeatBody) => void;
}

export class Pulse {
  #turns = 0;
  #turnedMs: number;
  #spokeMs: number | undefined;
  #cancel: Cancel = () => undefined;

  constructor(private readonly parts: PulseParts) {
    this.#turnedMs = parts.clock.monotonicMs();
  }

  start(): void {
    this.#cancel = this.parts.timers.after(LOOK_MS, () => {
      this.#look();
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }

  #look(): void {
    const { board, clock, intervalMs } = this.parts;
    const nowMs = clock.monotonicMs();
    const { turns } = board;
    if (turns !== this.#turns) {
      this.#turns = turns;
      this.#turnedMs = nowMs;
      this.#spokeMs = undefined;
    }
    const isBlocked = nowMs - this.#turnedMs >= BLOCKED_MS;
    if (!isBlocked || (this.#spokeMs !== undefined && nowMs - this.#spokeMs < intervalMs)) return;
    this.#spokeMs = nowMs;
    board.stoodIn();
    this.#speak();
  }

  #speak(): void {
    const { board, send, tasks, workerId } = this.parts;
    const entries = board.entries();
    send((place) => ({
      worker_id: workerId,
      load: entries.length,
      status: "busy",
      supported_tasks: [...tasks],
      current_tasks: entries.filter(({ origin }) => origin === place).map(({ taskId }) => taskId),
    }));
  }
}
