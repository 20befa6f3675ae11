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
  return `${JSON.stringify({ time: isoTime(atMs), level, message, ...fields }, readableErrors)}\n`;
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
    : (JSON.stringify(value, readableErrors) ?? "undefined");
}

/** An Error has no fields of its own for JSON. */
function readableErrors(_name: string, value: unknown): unknown {
  return value instanceof Error ? ownStack(value) : value;
}

/** Without the frames of the compiled program, which tell a user nothing. */
function ownStack(error: Error): string {
  const lines = (error.stack ?? String(error)).split("\n");
  return lines.filter((line) => !/^\s*at .*(?:\/\$bunfs\/|[( ]node:|[( ]native)/.test(line)).join("\n");
}
