/**
 * Time as leases see it: it stands still while the server itself did. After a pause of the
 * process, a suspend or a jump of the wall clock no worker is late.
 */
import type { Clock, Timers } from "../../src/system/clock.ts";

export interface AttendedClock {
  nowMs(): number;
  stop(): void;
}

const SAMPLE_MS = 100;
const STALL_MS = 250;

export function createAttendedClock(clock: Clock, timers: Timers, onStall: (gapMs: number) => void): AttendedClock {
  let lastWallMs = clock.nowMs();
  let lastMonotonicMs = clock.monotonicMs();
  let attendedMs = 0;

  const sample = (): number => {
    const wallMs = clock.nowMs();
    const monotonicMs = clock.monotonicMs();
    const elapsedMs = monotonicMs - lastMonotonicMs;
    // The monotonic clock may leave out a suspend, the wall clock does not.
    const gapMs = Math.max(elapsedMs, wallMs - lastWallMs) - SAMPLE_MS;
    lastWallMs = wallMs;
    lastMonotonicMs = monotonicMs;
    if (gapMs > STALL_MS) onStall(gapMs);
    attendedMs += gapMs > STALL_MS ? SAMPLE_MS : elapsedMs;
    return attendedMs;
  };

  let stopped = false;
  let cancel = timers.after(SAMPLE_MS, tick);
  function tick(): void {
    sample();
    if (!stopped) cancel = timers.after(SAMPLE_MS, tick);
  }
  return {
    nowMs: sample,
    stop() {
      stopped = true;
      cancel();
    },
  };
}
