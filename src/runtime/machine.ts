import type { Clock, Timers } from "../system/clock.ts";
import type { Log } from "../system/log.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { Dispatcher } from "./dispatcher.ts";

/** What every actor of one system shares. */
export interface Machine {
  readonly dispatcher: Dispatcher;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly log: Log;
  readonly deadLetters: DeadLetters;
}
