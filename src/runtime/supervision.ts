import { type Log } from "../system/log.ts";
import { messageOf } from "../system/errors.ts";
import type { Directive, Supervision } from "./types.ts";

export const SUPERVISION_DEFAULT: Supervision = { decide: () => "restart", maxRestarts: 10, windowMs: 60_000 };

/** What the supervisor says to a failure. One that fails at deciding passes the matter on. */
export function directiveFor(supervision: Supervision, error: unknown, log: Log): Directive {
  try {
    return supervision.decide(error);
  } catch (failure) {
    log.error("A supervisor failed at deciding; the failure escalates.", { error: messageOf(failure) });
    return "escalate";
  }
}

/** Counts restarts in a sliding window, and starts that failed one after another whatever the time. */
export class RestartLimit {
  #times: number[] = [];
  #failedStarts = 0;

  /** False: this restart would be one too many. */
  allows(supervision: Supervision, nowMs: number): boolean {
    // Failed starts count beyond the window too: a short window must not let them loop for ever.
    if (this.#failedStarts > supervision.maxRestarts) return false;
    this.#times = this.#times.filter((time) => nowMs - time < supervision.windowMs);
    if (this.#times.length >= supervision.maxRestarts) return false;
    this.#times.push(nowMs);
    return true;
  }

  startFailed(): void {
    this.#failedStarts += 1;
  }

  started(): void {
    this.#failedStarts = 0;
  }
}
