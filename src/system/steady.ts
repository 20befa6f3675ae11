/**
 * The wall clock as it was at the start, carried on by the monotonic one: for what is due after a
 * while. A jump of the wall clock neither delays it nor brings it forward.
 */
import type { Clock } from "./clock.ts";

export type SteadyClock = Pick<Clock, "nowMs">;

export function createSteadyClock(clock: Clock): SteadyClock {
  const offsetMs = clock.nowMs() - clock.monotonicMs();
  return { nowMs: () => Math.floor(offsetMs + clock.monotonicMs()) };
}
