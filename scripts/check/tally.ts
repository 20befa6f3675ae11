/** Reads the totals that `bun test` prints at its end. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** A run that broke off, or that failed outside of any test, counts as one failure at least. */
export function readTally(output: string, exitCode: number): Tally {
  const plain = Bun.stripANSI(output);
  const last = (word: string) => Number([...plain.matchAll(new RegExp(`^ *(\\d+) ${word}\\b`, "gm"))].at(-1)?.[1] ?? 0);
  const failed = last("fail");
  return {
    passed: last("pass"),
    failed: exitCode === 0 ? failed : Math.max(1, failed, last("errors?")),
    skipped: last("skip") + last("todo"),
  };
}
