/** A worker as a process: its log, its machine, the signals that end it. */
import { existsSync } from "node:fs";
import { availableParallelism, hostname, totalmem } from "node:os";
import { Refusal } from "../src/system/errors.ts";
import type { System } from "../src/system/index.ts";
import type { LogLevel } from "../src/system/log.ts";
import { type LogFormat, lineFormat } from "../src/system/log-line.ts";
import { createRealSystem } from "../src/system/real.ts";
import type { WorkerDefinition } from "./definition.ts";
import { accessNow } from "./access.ts";
import { describeEndpoint } from "./endpoint.ts";
import { type Environment, invalid, text } from "./environment.ts";
import { createPollTransport } from "./poll.ts";
import { WorkerService } from "./service.ts";
import { type Machine, type Overrides, readSettings, type Settings } from "./settings.ts";
import { createStreamTransport } from "./stream.ts";
import type { Transport } from "./transport.ts";

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const BYTES_PER_GB = 1024 ** 3;

export interface ProcessOptions {
  readonly overrides?: Overrides;
  readonly environment?: Environment;
  readonly system?: System;
  /** Aborts when the worker has to stop. Without it SIGTERM and SIGINT stop it. */
  readonly stop?: AbortSignal | undefined;
}

/** Runs the worker until it is stopped. Resolves with the refusal that ended it before, if one did. */
export async function runWorkerProcess(
  definition: WorkerDefinition,
  options: ProcessOptions,
): Promise<Refusal | undefined> {
  if (definition.tasks.size === 0) {
    throw new Refusal("NO_TASKS", 400, "The worker has no task: declare one with worker.task(name, handler).");
  }
  const environment = options.environment ?? process.env;
  const system = options.system ?? processSystem(environment);
  const settings = readSettings({
    environment,
    options: definition.options,
    tasks: definition.tasks,
    overrides: options.overrides ?? {},
    machine: thisMachine(),
    newId: () => system.ids.unique(),
  });
  for (const warning of settings.warnings) system.log.warn(warning);
  const service = new WorkerService({ system, definition, settings, transports: transportsFor(system, settings) });
  system.log.info("worker started", {
    worker_id: settings.access.workerId,
    orchestrator: describeEndpoint(accessNow(settings.access).endpoint),
    tasks: [...definition.tasks.keys()],
  });
  const forget = drainOnStop(service, options.stop);
  try {
    const refusal = await service.run();
    if (refusal) system.log.error(refusal.message, { code: refusal.code });
    else system.log.info("worker stopped");
    return refusal;
  } finally {
    forget();
  }
}

export function transportsFor(system: System, settings: Settings): readonly Transport[] {
  const stream = createStreamTransport(system, settings.access);
  const poll = createPollTransport(system, settings.access, settings);
  switch (settings.transport) {
    case "auto":
      return [stream, poll];
    case "ws":
      return [stream];
    case "poll":
      return [poll];
  }
}

/** Every further signal hurries: unfinished tasks are handed back at once, then nothing is waited for. */
function drainOnStop(service: WorkerService, stop: AbortSignal | undefined): () => void {
  const drain = () => void service.drain();
  const listen = () => {
    process.on("SIGTERM", drain);
    process.on("SIGINT", drain);
  };
  const stopped = () => {
    // Whoever owns the signal took the first one as well: only those after it are ours.
    listen();
    drain();
  };
  if (stop?.aborted) stopped();
  else if (stop) stop.addEventListener("abort", stopped, { once: true });
  else listen();
  return () => {
    process.off("SIGTERM", drain);
    process.off("SIGINT", drain);
    stop?.removeEventListener("abort", stopped);
  };
}

function thisMachine(): Machine {
  return {
    hostname: hostname(),
    cpuCores: availableParallelism(),
    ramGb: Math.round((totalmem() / BYTES_PER_GB) * 10) / 10,
    exists: existsSync,
  };
}

export function processSystem(environment: Environment): System {
  const level = text(environment, "LOG_LEVEL")?.toLowerCase() ?? "info";
  const known = LEVELS.find((name) => name === level || (name === "warn" && level === "warning"));
  if (!known) throw invalid(`LOG_LEVEL is "${level}": give one of ${LEVELS.join(", ")}.`);
  const format = lineFormat(formatOf(environment), process.stderr.isTTY === true);
  const system: System = createRealSystem({
    level: known,
    write: (line) => void process.stderr.write(format(line, system.clock.nowMs())),
  });
  return system;
}

function formatOf(environment: Environment): LogFormat {
  const wanted = text(environment, "LOG_FORMAT") ?? "auto";
  return wanted === "json" || wanted === "auto" ? wanted : "text";
}
