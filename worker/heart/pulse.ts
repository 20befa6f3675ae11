/**
 * When a worker's heart speaks for it: once the thread that runs the handlers has stood still for a
 * while, and then at each interval until it turns again. It says what runs, so that the leases hold,
 * and that the worker is busy, so that nothing more comes that would wait. For a thread that stands
 * still too long it says nothing any more: what runs there may never end, and another worker has to
 * get the tasks.
 */
import type { HeartbeatBody } from "../../src/protocol/worker.ts";
import type { Cancel, Clock, Timers } from "../../src/system/clock.ts";
import type { BoardReader } from "./board.ts";

/** The thread that runs the handlers says so often that it turns. */
export const TURN_MS = 500;
const LOOK_MS = 500;
const BLOCKED_MS = 2000;
/** What passes between two looks beyond that, the whole process slept: nobody stood still in it. */
const LOOK_MS_MAX = 2 * LOOK_MS;

export interface PulseParts {
  readonly timers: Timers;
  readonly clock: Clock;
  readonly board: BoardReader;
  readonly intervalMs: number;
  /** A thread that stands still for so long is not spoken for any more; undefined: always. */
  readonly stallMs: number | undefined;
  readonly tasks: readonly string[];
  readonly workerId: string;
  /** To the orchestrators that are there, by their places on the list. */
  readonly send: (bodyFor: (place: number) => HeartbeatBody) => void;
  /** It is given up, with the names of what runs; told once. */
  readonly stalled: (types: readonly string[]) => void;
}

export class Pulse {
  #turns = 0;
  #lookedMs: number;
  #stoodMs = 0;
  #spokeMs: number | undefined;
  #isGivenUp = false;
  #cancel: Cancel = () => undefined;

  constructor(private readonly parts: PulseParts) {
    this.#lookedMs = parts.clock.monotonicMs();
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
    const { board, clock, intervalMs, stallMs } = this.parts;
    const nowMs = clock.monotonicMs();
    const { turns } = board;
    if (turns === this.#turns) this.#stoodMs += Math.min(nowMs - this.#lookedMs, LOOK_MS_MAX);
    else this.#turned(turns);
    this.#lookedMs = nowMs;
    if (stallMs !== undefined && this.#stoodMs >= stallMs) return this.#giveUp();
    const isBlocked = this.#stoodMs >= BLOCKED_MS;
    if (!isBlocked || (this.#spokeMs !== undefined && nowMs - this.#spokeMs < intervalMs)) return;
    this.#spokeMs = nowMs;
    board.stoodIn();
    this.#speak();
  }

  #turned(turns: number): void {
    this.#turns = turns;
    this.#stoodMs = 0;
    this.#spokeMs = undefined;
    this.#isGivenUp = false;
  }

  #giveUp(): void {
    if (this.#isGivenUp) return;
    this.#isGivenUp = true;
    const { board, stalled } = this.parts;
    // The thread that comes back has to say so at once.
    board.stoodIn();
    stalled(board.entries().map(({ type }) => type));
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
