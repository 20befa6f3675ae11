/** Reads what `bun test` prints: the totals at its end, and what it says before each test that failed. */
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

const LINES_MAX = 80;
const ENDED = /^\((pass|skip|todo)\) |^\S+\.test\.ts:$/;

/** Each failed test with what was said just before it, once: `bun test` names them again at its end. */
export function readFailures(output: string): readonly string[] {
  const told = new Map<string, string>();
  let before: string[] = [];
  for (const line of Bun.stripANSI(output).split("\n")) {
    if (line.startsWith("(fail) ")) {
      if (!told.has(line)) told.set(line, [...before.slice(-LINES_MAX), line].join("\n"));
      before = [];
    } else if (ENDED.test(line)) before = [];
    else before.push(line);
  }
  return [...told.values()];
}
