/** How a worker's log is written: by its own thread, and by its heart while that one stands still. */
import type { System } from "../src/system/index.ts";
import type { LogLevel } from "../src/system/log.ts";
import { type LogFormat, lineFormat } from "../src/system/log-line.ts";
import { createRealSystem } from "../src/system/real.ts";
import { type Environment, invalid, text } from "./environment.ts";

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export interface LogSettings {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

export function readLogSettings(environment: Environment): LogSettings {
  const level = text(environment, "LOG_LEVEL")?.toLowerCase() ?? "info";
  const known = LEVELS.find((name) => name === level || (name === "warn" && level === "warning"));
  if (!known) throw invalid(`LOG_LEVEL is "${level}": give one of ${LEVELS.join(", ")}.`);
  return { level: known, format: formatOf(environment) };
}

export function processSystem({ level, format }: LogSettings): System {
  const lineOf = lineFormat(format, process.stderr.isTTY === true);
  const system: System = createRealSystem({
    level,
    write: (line) => void process.stderr.write(lineOf(line, system.clock.nowMs())),
  });
  return system;
}

function formatOf(environment: Environment): LogFormat {
  const wanted = text(environment, "LOG_FORMAT") ?? "auto";
  return wanted === "json" || wanted === "auto" ? wanted : "text";
}
