/** The machine's own clock and chance: the only file that touches them. */
import { createIds } from "./ids.ts";
import type { System } from "./index.ts";
import { createLog, type LogLevel, type LogLine } from "./log.ts";

// Asking for random bytes in small portions is slow: a pool is filled at once and handed out.
const POOL_BYTES = 8192;

const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

function pooledRandom() {
  let pool = new Uint8Array(0);
  let used = 0;
  return {
    next: () => Math.random(),
    bytes(count: number) {
      if (used + count > pool.length) {
        pool = crypto.getRandomValues(new Uint8Array(Math.max(POOL_BYTES, count)));
        used = 0;
      }
      const taken = pool.slice(used, used + count);
      used += count;
      return taken;
    },
  };
}

export interface RealSystemOptions {
  readonly level?: LogLevel;
  readonly write: (line: LogLine) => void;
}

export function createRealSystem(options: RealSystemOptions): System {
  const random = pooledRandom();
  return {
    clock,
    random,
    ids: createIds(clock, random),
    log: createLog(options.write, options.level),
    timers: {
      after(delayMs, run) {
        const timer = setTimeout(run, Math.max(0, Math.min(delayMs, 2 ** 31 - 1)));
        return () => clearTimeout(timer);
      },
    },
    scheduler: { soon: (run) => queueMicrotask(run), afterInput: (run) => void setImmediate(run) },
  };
}
