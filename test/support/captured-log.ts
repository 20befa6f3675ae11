import { createLog, type Log, type LogLine } from "../../src/system/log.ts";

/** A log that a test can read. */
export function capturedLog(): { readonly log: Log; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  return { lines, log: createLog((line) => void lines.push(line), "debug") };
}
