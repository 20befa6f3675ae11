/** A worker as a process: its log, its machine, the signals that end it. */
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, hostname, totalmem } from "node:os";
import { openS3Store } from "../src/files/s3/index.ts";
import { describeFiles } from "../src/files/settings.ts";
import { messageOf, Refusal } from "../src/system/errors.ts";
import type { System } from "../src/system/index.ts";
import type { WorkerDefinition } from "./definition.ts";
import { placeNow } from "./access.ts";
import type { Environment } from "./environment.ts";
import { createFileExchange, type FileExchange } from "./file-exchange.ts";
import { serveHealth } from "./health.ts";
import { type LogSettings, processSystem, readLogSettings } from "./log.ts";
import type { Orchestrator } from "./orchestrators.ts";
import { createPollTransport } from "./poll.ts";
import { type HeartPlace, WorkerService } from "./service.ts";
import { type Machine, type Overrides, readSettings, type Settings } from "./settings.ts";
import { Shelf } from "./shelf.ts";
import { createStreamTransport } from "./stream.ts";
import type { Transport } from "./transport.ts";

/** Where another one can do its work, an orchestrator that does not answer is left sooner. */
const SILENCE_OF_SEVERAL_MS = 2500;
/** Where it lies beside the sources. The compiled program knows another place, and says so. */
const S3_SDK = new URL("../src/files/s3/sdk.ts", import.meta.url).href;
const BYTES_PER_GB = 1024 ** 3;

export interface ProcessOptions {
  readonly overrides?: Overrides;
  readonly environment?: Environment;
  readonly system?: System;
  /** Aborts when the worker has to stop. Without it SIGTERM and SIGINT stop it. */
  readonly stop?: AbortSignal | undefined;
  /** Where the thread of the worker's heart begins; undefined: the worker has none. */
  readonly heartThread?: string | undefined;
  /** How that thread writes what it has to say; left out: as the environment says. */
  readonly heartLog?: LogSettings;
  /** The address of the module that speaks with the store of files. */
  readonly filesSdk?: string | undefined;
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
  const system = options.system ?? processSystem(readLogSettings(environment));
  const settings = readSettings({
    environment,
    options: definition.options,
    tasks: definition.tasks,
    overrides: options.overrides ?? {},
    machine: thisMachine(),
    newId: () => system.ids.unique(),
  });
  for (const warning of settings.warnings) system.log.warn(warning);
  let service: WorkerService | undefined;
  const { healthPort } = settings;
  const health = healthPort === undefined ? undefined : serveHealth(healthPort, () => service?.isDraining === true);
  const shelf = openShelf(system, settings);
  const transportsOf = (orchestrator: Orchestrator) => transportsFor(system, settings, orchestrator);
  service = new WorkerService({
    system,
    definition,
    settings,
    transportsOf,
    shelf,
    heart: heartFor(options),
    exchange: exchangeFor(system, settings, options.filesSdk ?? S3_SDK),
  });
  system.log.info("worker started", {
    worker_id: settings.workerId,
    orchestrator: settings.orchestrators.map(({ access }) => placeNow(access)).join(", "),
    tasks: [...definition.tasks.keys()],
    ...(health && { health_port: health.port }),
  });
  const forget = drainOnStop(service, options.stop);
  try {
    const refusal = await service.run();
    if (refusal) system.log.error(refusal.message, { code: refusal.code });
    else system.log.info("worker stopped");
    return refusal;
  } finally {
    forget();
    shelf?.close();
    await health?.stop();
  }
}

function heartFor({ heartThread: thread, heartLog, environment }: ProcessOptions): HeartPlace | undefined {
  if (thread === undefined) return undefined;
  return { thread, log: heartLog ?? readLogSettings(environment ?? process.env) };
}

function exchangeFor(system: System, { files, payloadFolder }: Settings, sdk: string): FileExchange | undefined {
  if (!files) return undefined;
  system.log.info("S3 is on: params that begin with s3:// are downloaded, and files in results are uploaded", {
    ...describeFiles(files),
    payload_folder: payloadFolder,
  });
  const store = openS3Store({ system, settings: files, sdk, patienceMs: files.patienceMs });
  return createFileExchange({ store, payloadFolder });
}

/** A worker goes on without: then a result that is not acknowledged dies with its process. */
function openShelf(system: System, { resultsFolder: folder, workerId, orchestrators }: Settings): Shelf | undefined {
  if (folder === undefined) return undefined;
  try {
    const shelf = new Shelf({ folder, workerId, system });
    const known = new Set(orchestrators.map(({ name }) => name));
    for (const origin of shelf.origins()) {
      const results = shelf.of(origin).length;
      const fields = { orchestrator: origin, results, file: shelf.path };
      if (known.has(origin)) system.log.info("results of an earlier start are handed in", fields);
      else system.log.warn("results wait for an orchestrator that this worker does not serve now", fields);
    }
    return shelf;
  } catch (error) {
    system.log.warn(
      "results are kept in memory alone: set WORKER_DATA_DIR to a folder that the worker may write, so that they outlive it",
      { folder, reason: messageOf(error) },
    );
    return undefined;
  }
}

function transportsFor(system: System, settings: Settings, { access }: Orchestrator): readonly Transport[] {
  const isSeveral = settings.orchestrators.length > 1;
  const silenceMs = isSeveral ? SILENCE_OF_SEVERAL_MS : undefined;
  const stream = createStreamTransport(system, access, silenceMs);
  const poll = createPollTransport(system, access, { ...settings, silenceMs });
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
    readText: (path) => readFileSync(path, "utf8"),
  };
}
