export type LogLevel = "debug" | "info" | "warn" | "error";

export interface Log {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
  /** The same log with fields that every line gets. */
  with(fields: object): Log;
}

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: object;
}

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

export function createLog(write: (line: LogLine) => void, least: LogLevel = "info", common: object = {}): Log {
  const at = (level: LogLevel) => (message: string, fields?: object) => {
    if (RANK[level] >= RANK[least]) write({ level, message, fields: { ...common, ...fields } });
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    with: (fields) => createLog(write, least, { ...common, ...fields }),
  };
}

export const silentLog: Log = createLog(() => undefined, "error");
