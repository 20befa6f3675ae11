/** When heartbeats are sent: at an interval, and soon after something changed. */
import type { HeartbeatBody } from "../src/protocol/worker.ts";
import type { Cancel, Timers } from "../src/system/clock.ts";

export interface HeartbeatParts {
  readonly timers: Timers;
  readonly intervalMs: number;
  readonly debounceMs: number;
  readonly body: () => HeartbeatBody;
  readonly send: (body: HeartbeatBody) => void;
}

export class Heartbeat {
  #interval: Cancel | undefined;
  #soon: Cancel | undefined;
  #lastSent = "";
  #saidBusy = false;

  constructor(private readonly parts: HeartbeatParts) {}

  start(): void {
    this.now();
  }

  now(): void {
    this.#beat(this.parts.body());
  }

  /**
   * Changes within the delay share one heartbeat; a further change does not put it off. That the
   * worker is busy no more is said at once: until then it gets nothing.
   */
  changed(): void {
    if (this.#saidBusy) {
      const body = this.parts.body();
      if (body.status !== "busy") return this.#beat(body);
    }
    if (this.#soon) return;
    this.#soon = this.parts.timers.after(this.parts.debounceMs, () => {
      this.#soon = undefined;
      const body = this.parts.body();
      // A short task is over before its heartbeat is due: nothing has changed then.
      if (JSON.stringify(body) !== this.#lastSent) this.#beat(body);
    });
  }

  stop(): void {
    this.#interval?.();
    this.#soon?.();
    this.#soon = undefined;
  }

  #beat(body: HeartbeatBody): void {
    this.#interval?.();
    this.#interval = this.parts.timers.after(this.parts.intervalMs, () => this.#beat(this.parts.body()));
    this.#lastSent = JSON.stringify(body);
    this.#saidBusy = body.status === "busy";
    this.parts.send(body);
  }
}
