/** What `orchestrator run` shows of the log: what handlers and tasks say, and what goes wrong. */
import type { LogFormat } from "../system/log-line.ts";
import { jsonLine, textLine } from "../system/log-line.ts";
import type { LogLine } from "../system/log.ts";

/** There is one job, one blueprint and one worker: naming them in each line tells nothing. */
const KNOWN_FIELDS: ReadonlySet<string> = new Set(["job_id", "blueprint", "worker_id", "task_id", "code"]);

export interface RunLogOptions {
  readonly format: LogFormat;
  /** The server's and the worker's own lines too. */
  readonly showsAll: boolean;
  /** Nobody can be asked outside of this program: that a message reached nobody is told in better words. */
  readonly asksNobody?: boolean;
  readonly nowMs: () => number;
  readonly say: (text: string) => void;
}

export function createRunLog({
  format,
  showsAll,
  asksNobody = false,
  nowMs,
  say,
}: RunLogOptions): (line: LogLine) => void {
  return (line) => {
    const isOfJob = "job_id" in line.fields;
    if (!showsAll && !isOfJob && (line.level === "info" || line.level === "debug")) return;
    if (!showsAll && asksNobody && "kind" in line.fields && line.fields.kind === "approval") return;
    say(format === "json" ? jsonLine(line, nowMs()) : textLine(shortened(line), nowMs()));
  };
}

function shortened({ level, message, fields }: LogLine): LogLine {
  const told = Object.entries(fields).filter(([name]) => !KNOWN_FIELDS.has(name));
  return { level, message, fields: Object.fromEntries(told) };
}
