/**
 * What a worker runs with. For each setting the first that says something counts: the command
 * line, then the options in the worker file (type, concurrency, limits, cost, resources, models,
 * dependencies), then the environment, then the default.
 */
import { resolve } from "node:path";
import type { JsonMap } from "../src/system/errors.ts";
import type { FilesSettings } from "../src/files/port.ts";
import { readFilesSettings } from "../src/files/settings.ts";
import type { RetryDelays } from "./backoff.ts";
import type { WorkerOptions } from "./contract.ts";
import {
  agreed,
  beginningWith,
  type Environment,
  flag,
  invalid,
  list,
  number,
  object,
  port,
  text,
  wholeNumber,
} from "./environment.ts";
import { DEFAULT_DATA_FOLDER, type Mode, type Orchestrator, readMode, readOrchestrators } from "./orchestrators.ts";
import { isRecord } from "./payload.ts";
import type { TaskLimits } from "./slots.ts";
import type { TaskDefinition } from "./definition.ts";

const DEFAULT_PAYLOAD_FOLDER = "/tmp/payloads";
const WORKER_ID = /^[\x21-\x7e]{1,200}$/;

export type TransportChoice = "auto" | "ws" | "poll";

/** What the command line says. */
export interface Overrides {
  readonly url?: string | undefined;
  /** The server's socket file: it beats an address. */
  readonly socket?: string | undefined;
  /** The address where nothing else says one. */
  readonly usualUrl?: string | undefined;
  /** Named by the user: its local door is the only one. */
  readonly dataDir?: string | undefined;
  readonly token?: string | undefined;
  readonly id?: string | undefined;
  readonly transport?: TransportChoice | undefined;
  readonly concurrency?: number | undefined;
  readonly shutdownMs?: number | undefined;
}

/** What the machine says about itself. */
export interface Machine {
  readonly hostname: string;
  readonly cpuCores: number;
  readonly ramGb: number;
  exists(path: string): boolean;
  /** Throws where it cannot be read. */
  readonly readText: (path: string) => string;
}

export interface SettingsSource {
  readonly environment: Environment;
  readonly options: Readonly<WorkerOptions>;
  readonly tasks: ReadonlyMap<string, TaskDefinition>;
  readonly overrides: Overrides;
  readonly machine: Machine;
  readonly newId: () => string;
}

export interface InstalledModel {
  readonly name: string;
  readonly version?: string;
}

export interface Settings {
  readonly workerId: string;
  /** Those that it serves, the preferred one first. */
  readonly orchestrators: readonly Orchestrator[];
  readonly mode: Mode;
  readonly transport: TransportChoice;
  readonly workerType: string;
  readonly hostname: string;
  readonly limits: TaskLimits;
  readonly costPerSecond: number;
  readonly resources: JsonMap;
  readonly installedModels: readonly InstalledModel[];
  readonly installedArtifacts: readonly unknown[];
  readonly installedSoftware: Readonly<Record<string, unknown>>;
  readonly costPerTask: Readonly<Record<string, number>>;
  /** What the user wants to be known of the worker beside all that. */
  readonly extra: Readonly<Record<string, string>>;
  readonly skillDependencies: Readonly<Record<string, readonly string[]>>;
  readonly websockets: boolean;
  readonly retry: RetryDelays;
  readonly heartbeatMs: number;
  readonly heartbeatDebounceMs: number;
  /** A handler that blocks the thread for longer loses its tasks; undefined: never. */
  readonly stallMs: number | undefined;
  readonly pollTimeoutMs: number;
  readonly pollErrorDelayMs: number;
  readonly idlePollDelayMs: number;
  readonly shutdownMs: number;
  readonly payloadFolder: string;
  /** Undefined: params and results name no files of a store. */
  readonly files: FilesSettings | undefined;
  /** Where results are kept until they are acknowledged; undefined: in memory alone. */
  readonly resultsFolder: string | undefined;
  /** Where `GET /health` answers. */
  readonly healthPort: number | undefined;
  /** What is odd and no reason to stop, as sentences. */
  readonly warnings: readonly string[];
}

export function readSettings(source: SettingsSource): Settings {
  const { environment, options, overrides, machine } = source;
  const warnings: string[] = [];
  const seconds = (name: string, fallback: number) => (number(environment, name, 0) ?? fallback) * 1000;
  const workerId = readWorkerId(source);
  return {
    workerId,
    orchestrators: readOrchestrators({ environment, overrides, machine, workerId }),
    mode: readMode(environment),
    transport: overrides.transport ?? "auto",
    workerType: options.workerType ?? text(environment, "WORKER_TYPE") ?? "generic-worker",
    hostname: machine.hostname,
    limits: readLimits(source, warnings),
    costPerSecond: options.costPerSecond ?? number(environment, "WORKER_COST_PER_SECOND", 0) ?? 0.01,
    resources: readResources(source),
    installedModels: (options.installedModels ?? list(environment, "INSTALLED_MODELS") ?? []).map(readModel),
    installedArtifacts: list(environment, "INSTALLED_ARTIFACTS") ?? [],
    installedSoftware: object(environment, "INSTALLED_SOFTWARE") ?? {},
    costPerTask: readCosts(environment),
    extra: beginningWith(environment, "WORKER_EXTRA_"),
    skillDependencies: options.skillDependencies ?? {},
    websockets: flag(environment, "WORKER_ENABLE_WEBSOCKETS") ?? true,
    retry: readRetry(environment),
    heartbeatMs: Math.max(100, seconds("HEARTBEAT_INTERVAL", 15)),
    stallMs: seconds("WORKER_STALL_SECONDS", 300) || undefined,
    heartbeatDebounceMs: seconds("WORKER_HEARTBEAT_DEBOUNCE_DELAY", 0.1),
    pollTimeoutMs: seconds("TASK_POLL_TIMEOUT", 30),
    pollErrorDelayMs: seconds("TASK_POLL_ERROR_DELAY", 5),
    idlePollDelayMs: seconds("IDLE_POLL_DELAY", 0.01),
    shutdownMs: overrides.shutdownMs ?? shutdownMs(environment),
    payloadFolder: text(environment, "WORKER_PAYLOAD_DIR", "TASK_FILES_DIR") ?? DEFAULT_PAYLOAD_FOLDER,
    files: readFiles(environment, warnings),
    resultsFolder: resultsFolder(source),
    healthPort: port(environment, "WORKER_PORT"),
    warnings,
  };
}

/** So long running tasks may go on once the worker has to stop. */
export function shutdownMs(environment: Environment): number {
  return (number(environment, "WORKER_SHUTDOWN_TIMEOUT", 0) ?? 30) * 1000;
}

function readWorkerId({ environment, overrides, newId }: SettingsSource): string {
  const workerId = overrides.id ?? text(environment, "WORKER_ID") ?? `worker-${newId()}`;
  if (WORKER_ID.test(workerId)) return workerId;
  throw invalid(`The worker id "${workerId}" cannot be used: give at most 200 letters, digits and signs of ASCII.`);
}

/** A name that was made for this start will not come back for what is kept under it. */
function resultsFolder({ environment, overrides }: SettingsSource): string | undefined {
  if ((overrides.id ?? text(environment, "WORKER_ID")) === undefined) return undefined;
  const own = text(environment, "WORKER_DATA_DIR");
  if (own !== undefined) return resolve(own);
  const shared = overrides.dataDir ?? text(environment, "ORCHESTRATOR_DATA_DIR", "DATA_DIR") ?? DEFAULT_DATA_FOLDER;
  return resolve(shared, "workers");
}

function readFiles(environment: Environment, warnings: string[]): FilesSettings | undefined {
  const read = readFilesSettings({
    endpoint: text(environment, "S3_ENDPOINT_URL"),
    region: text(environment, "S3_REGION"),
    accessKey: agreed(environment, "S3_ACCESS_KEY", "S3_ACCESS_KEY_ID"),
    secretKey: agreed(environment, "S3_SECRET_KEY", "S3_SECRET_ACCESS_KEY"),
    bucket: agreed(environment, "S3_BUCKET", "S3_BUCKET_NAME", "S3_DEFAULT_BUCKET"),
    concurrency: wholeNumber(environment, "S3_MAX_CONCURRENCY", 1),
    patienceSeconds: wholeNumber(environment, "S3_PATIENCE_SECONDS", 1),
  });
  warnings.push(...read.warnings);
  return read.settings;
}

function readLimits({ environment, options, overrides, tasks }: SettingsSource, warnings: string[]): TaskLimits {
  const total =
    overrides.concurrency ?? options.maxConcurrentTasks ?? wholeNumber(environment, "MAX_CONCURRENT_TASKS", 1);
  const limits = options.taskTypeLimits ?? {};
  if (total !== undefined) checkLimit("maxConcurrentTasks", total);
  for (const [name, limit] of Object.entries(limits)) checkLimit(`taskTypeLimits.${name}`, limit);
  const limitOfTask: Record<string, string> = {};
  for (const [name, task] of tasks) {
    const limit = task.limit ?? name;
    if (Object.hasOwn(limits, limit)) limitOfTask[name] = limit;
    else if (task.limit !== undefined) {
      warnings.push(
        `The task "${name}" names the limit "${limit}", which taskTypeLimits does not have: it is not limited.`,
      );
    }
  }
  const used = new Set(Object.values(limitOfTask));
  for (const name of Object.keys(limits)) {
    if (!used.has(name)) warnings.push(`taskTypeLimits has "${name}", which is neither a task nor the type of one.`);
  }
  return { total: total ?? 10, limits, limitOfTask };
}

function checkLimit(name: string, limit: number): void {
  if (!Number.isInteger(limit) || limit < 1) throw invalid(`${name} is ${limit}: give a whole number of at least 1.`);
}

/** The wire spells resources in snake case; `gpu` is called `gpu_info` there. */
function readResources({ environment, options, machine }: SettingsSource): JsonMap {
  const { cpuCores, ramGb, gpu, ...others } = options.resources ?? {};
  return {
    cpu_cores: cpuCores ?? wholeNumber(environment, "CPU_CORES", 0) ?? machine.cpuCores,
    ram_gb: ramGb ?? number(environment, "RAM_GB", 0) ?? machine.ramGb,
    gpu_info: isRecord(gpu) ? gpuInfo(gpu as JsonMap) : gpuFromEnvironment(environment),
    ...devices(environment),
    ...others,
  };
}

function devices(environment: Environment): JsonMap {
  const found = list(environment, "WORKER_DEVICES");
  return found === undefined ? {} : { devices: found as JsonMap[] };
}

/** A server that restarts is back within a second: the first tries come fast, unless somebody wants otherwise. */
function readRetry(environment: Environment): RetryDelays {
  const firstMs = (number(environment, "REGISTRATION_RETRY_INITIAL_DELAY", 0.01) ?? 0.1) * 1000;
  const longestMs = (number(environment, "REGISTRATION_RETRY_MAX_DELAY", 0.01) ?? 5) * 1000;
  return { firstMs, longestMs: Math.max(firstMs, longestMs) };
}

function readCosts(environment: Environment): Record<string, number> {
  const costs = object(environment, "COST_PER_SKILL") ?? {};
  for (const [task, cost] of Object.entries(costs)) {
    if (typeof cost === "number" && cost >= 0) continue;
    throw invalid(`COST_PER_SKILL has ${JSON.stringify(cost)} for "${task}": give a number of at least 0.`);
  }
  return costs as Record<string, number>;
}

function gpuInfo({ vramGb, ...others }: JsonMap): JsonMap {
  return vramGb === undefined ? others : { ...others, vram_gb: vramGb };
}

function gpuFromEnvironment(environment: Environment): JsonMap | null {
  const model = text(environment, "GPU_MODEL");
  if (model === undefined) return null;
  const id = text(environment, "GPU_ID");
  return { model, vram_gb: number(environment, "GPU_VRAM_GB", 0) ?? 0, ...(id !== undefined && { id }) };
}

function readModel(entry: unknown): InstalledModel {
  if (typeof entry === "string") return { name: entry };
  if (isRecord(entry) && typeof entry["name"] === "string") {
    const { name, version } = entry;
    return typeof version === "string" ? { name, version } : { name };
  }
  throw invalid(
    `The installed model ${JSON.stringify(entry)} has no name: give a text or {"name": "…", "version": "…"}.`,
  );
}
