/** Entry of a thread that runs handlers. What handlers do to their thread is caught here, as far as it can be. */
import { inspect } from "node:util";
import type { LogLevel } from "../system/log.ts";
import { createRealSystem } from "../system/real.ts";
import { runningHandler } from "./marked.ts";
import { createMarkWriter } from "./running-mark.ts";
import { createThreadSession, type ThreadSession } from "./thread-session.ts";

declare const self: Worker;

function startSession(markBuffer: SharedArrayBuffer): ThreadSession {
  const system = createRealSystem({ level: "debug", write: (line) => session.log(line) });
  const session = createThreadSession({
    system,
    post: (text) => postMessage(text),
    mark: createMarkWriter(markBuffer),
  });
  redirectConsole((level, message) => session.log({ level, message, fields: fieldsOfRunning() }));
  process.on("unhandledRejection", (error) => session.stray(error));
  process.on("uncaughtException", (error) => session.stray(error));
  return session;
}

function fieldsOfRunning(): object {
  const running = runningHandler.getStore();
  return running ? { job_id: running.jobId, blueprint: running.blueprint, state: running.state } : {};
}

/** Standard output belongs to the program: a command's JSON must not be mixed with a handler's lines. */
function redirectConsole(write: (level: LogLevel, message: string) => void): void {
  const at =
    (level: LogLevel) =>
    (...parts: unknown[]) =>
      write(level, parts.map(textOf).join(" "));
  const methods = {
    log: at("info"),
    info: at("info"),
    debug: at("debug"),
    trace: at("debug"),
    warn: at("warn"),
    error: at("error"),
  };
  Object.assign(console, { ...methods, dir: at("info"), table: at("info") });
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : inspect(value);
}

let session: ThreadSession | undefined;

/** The first message is the memory for the mark, all others are batches. */
self.addEventListener("message", ({ data }: MessageEvent<SharedArrayBuffer | string>) => {
  if (typeof data !== "string") session = startSession(data);
  else session?.receive(data);
});
