import { relative } from "node:path";
import type { Finding } from "./port.ts";

/** `file:line:column: rule: what to do`, with the path as seen from `from` where it is given. */
export function formatFinding(finding: Finding, from?: string): string {
  const file = from === undefined ? finding.file : relative(from, finding.file) || finding.file;
  const mark = finding.severity === "warning" ? "warning " : "";
  return `${file}:${finding.line}:${finding.column}: ${mark}${finding.rule}: ${finding.message}`;
}

/** An error about a place in a file; without a place: about its first line. */
export function errorAt(
  place: { readonly file: string; readonly line?: number; readonly column?: number },
  rule: string,
  message: string,
): Finding {
  return { severity: "error", file: place.file, line: place.line ?? 1, column: place.column ?? 1, rule, message };
}

export function isError(finding: Finding): boolean {
  return finding.severity === "error";
}
