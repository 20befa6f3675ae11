/** A line of the log as text: one JSON document, or for people. */
import { isoTime } from "./iso.ts";
import type { LogLine } from "./log.ts";

export function jsonLine(line: LogLine, atMs: number): string {
  return `${JSON.stringify({ time: isoTime(atMs), level: line.level, message: line.message, ...line.fields })}\n`;
}

export function textLine(line: LogLine, atMs: number): string {
  const fields = Object.entries(line.fields).map(([name, value]) => ` ${name}=${shown(value)}`);
  return `${isoTime(atMs).slice(11, 23)} ${line.level.padEnd(5)} ${line.message}${fields.join("")}\n`;
}

function shown(value: unknown): string {
  return typeof value === "string" && !/[\s"]/.test(value) ? value : (JSON.stringify(value) ?? "undefined");
}
