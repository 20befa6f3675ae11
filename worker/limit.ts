/**
 * A time limit for the other side. A handler that blocks this thread holds up what the other side
 * has said as well: a limit that comes late begins again, so that its answer is read first.
 */
import type { Cancel, Clock, Timers } from "../src/system/clock.ts";

const LATE_MS = 250;

export function limitOther(
  { timers, clock }: { readonly timers: Timers; readonly clock: Clock },
  limitMs: number,
  over: () => void,
): Cancel {
  let cancel: Cancel = () => undefined;
  const arm = () => {
    const dueMs = clock.monotonicMs() + limitMs;
    cancel = timers.after(limitMs, () => (clock.monotonicMs() - dueMs > LATE_MS ? arm() : over()));
  };
  arm();
  return () => cancel();
}
