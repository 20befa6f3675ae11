import type { Random } from "../src/system/random.ts";

export interface RetryDelays {
  readonly firstMs: number;
  readonly longestMs: number;
}

const DOUBLINGS_MAX = 16;

/** How long to wait before try number `failures`, from 1. No two workers are in step. */
export function backoffMs(failures: number, random: Random, { firstMs, longestMs }: RetryDelays): number {
  const fullMs = Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, DOUBLINGS_MAX));
  return fullMs * (0.5 + random.next() / 2);
}
