/** A line of the log as text: one JSON document, or for people. */
import { isoTime } from "./iso.ts";
import type { LogLevel, LogLine } from "./log.ts";

export type LogFormat = "auto" | "json" | "text";

/** Auto: people read at a terminal, programs everywhere else. */
export function lineFormat(format: LogFormat, isTerminal: boolean): (line: LogLine, atMs: number) => string {
  const isText = format === "text" || (format === "auto" && isTerminal);
  return isText ? textLine : jsonLine;
}

export function jsonLine({ level, message, fields }: LogLine, atMs: number): string {
  const head = { time: isoTime(atMs), level, message };
  return `${jsonOf({ ...head, ...fields }) ?? jsonOf({ ...head, ...shown(fields) })}\n`;
}

export function textLine({ level, message, fields }: LogLine, atMs: number): string {
  const shown = Object.entries(fields).map(([name, value]) => ` ${name}=${shortText(value)}`);
  return `${isoTime(atMs).slice(11, 23)} ${padded(level)} ${message}${shown.join("")}\n`;
}

function padded(level: LogLevel): string {
  return level.padEnd(5);
}

function shortText(value: unknown): string {
  return typeof value === "string" && !/[\s"]/.test(value)
    ? value
    : (JSON.stringify(shownValue(value), readable) ?? "undefined");
}

/** A line of the log is nobody's failure: what cannot be written stands there as a word. */
function shown(fields: object): object {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, shownValue(value)]));
}

function shownValue(value: unknown): unknown {
  return value === undefined || jsonOf(value) !== undefined ? value : "(it cannot be shown as JSON)";
}

/** Undefined: it has none, or cannot be written. */
function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, readable);
  } catch {
    return undefined;
  }
}

/** An Error has no fields of its own for JSON, and a large integer no form. */
function readable(_name: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  return value instanceof Error ? ownStack(value) : value;
}

/** Without the frames of the compiled program, which tell a user nothing. */
function ownStack(error: Error): string {
  const lines = (error.stack ?? String(error)).split("\n");
  return lines.filter((line) => !/^\s*at .*(?:\/\$bunfs\/|[( ]node:|[( ]native)/.test(line)).join("\n");
}
