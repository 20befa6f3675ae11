import { inspect } from "node:util";
import type { LogLevel } from "../system/log.ts";

/**
 * Makes log lines of what the code in this thread prints. Standard output belongs to the program: a
 * command's JSON must not be mixed with the lines of a blueprint.
 */
export function redirectOutput(write: (level: LogLevel, message: string) => void): void {
  const at =
    (level: LogLevel) =>
    (...parts: unknown[]) =>
      write(level, parts.map(textOf).join(" "));
  const info = at("info");
  const debug = at("debug");
  Object.assign(console, { log: info, info, dir: info, table: info, debug, trace: debug });
  Object.assign(console, { warn: at("warn"), error: at("error") });
  process.stdout.write = (chunk: string | Uint8Array) => {
    write("info", (typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk)).trimEnd());
    return true;
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : inspect(value);
}
