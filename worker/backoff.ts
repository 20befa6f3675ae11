import type { Random } from "../src/system/random.ts";

// A server that restarts is back within a second: the first tries come fast, and no two workers in step.
const FIRST_MS = 100;
const LONGEST_MS = 5000;
const DOUBLINGS_MAX = 16;

/** How long to wait before try number `failures`, from 1. */
export function backoffMs(failures: number, random: Random): number {
  const fullMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, DOUBLINGS_MAX));
  return fullMs * (0.5 + random.next() / 2);
}
