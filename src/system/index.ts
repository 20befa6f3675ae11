import type { Clock, Scheduler, Timers } from "./clock.ts";
import type { Ids } from "./ids.ts";
import type { Log } from "./log.ts";
import type { Random } from "./random.ts";

/** The outside world, passed to each part that needs it. */
export interface System {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly ids: Ids;
  readonly log: Log;
}
