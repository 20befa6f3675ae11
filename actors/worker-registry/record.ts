/** What a worker says of itself, in every generation's spelling, read into what the rules of dispatch need. */
import type { WorkerView } from "../../src/job/worker.ts";
import type { JsonMap, JsonValue } from "../../src/system/errors.ts";
import type { Trust } from "./reputation.ts";

/** A shallow merge, as a heartbeat asks for it: null says "not stated", it does not erase. */
export function mergeRecord(record: JsonMap, update: JsonMap): JsonMap {
  const merged: JsonMap = { ...record };
  for (const [name, value] of Object.entries(update)) {
    if (value === undefined || (value === null && name in merged)) continue;
    merged[name] = value;
  }
  return merged;
}

/** What a worker says, without what only others may say of it, and without what it proved itself by. */
export function ownWords(said: JsonMap): JsonMap {
  const { reputation: _, security: __, ...own } = said;
  return own;
}

const TRUSTED: Trust = { reputation: 1, reputationNeeded: 0 };

export function viewOf(id: string, record: JsonMap, draining: boolean, trust: Trust = TRUSTED): WorkerView {
  const resources = asMap(record["resources"]);
  const capabilities = asMap(record["capabilities"]);
  return {
    id,
    status: typeof record["status"] === "string" ? readStatus(record["status"]) : "idle",
    draining: draining || record["status"] === "draining",
    tasks: new Set([...names(record["supported_tasks"]), ...names(record["supported_skills"])]),
    limits: numbers(record["task_type_limits"]),
    limitOfTask: texts(record["task_limits"]),
    costPerSecond: number(record["cost_per_second"]) ?? number(record["cost"]),
    costPerTask: numbers(capabilities["cost_per_skill"]),
    gpu: readGpu(resources["gpu_info"] ?? resources["gpu"] ?? record["gpu_info"]),
    models: new Set([...names(record["installed_models"]), ...names(record["installed_artifacts"])]),
    properties: readProperties(resources),
    hot: new Set([...names(record["hot_skills"]), ...hotByModels(record)]),
    ...trust,
  };
}

/** How many tasks the worker takes at once, if it says so. */
export function concurrencyOf(record: JsonMap): number | undefined {
  return number(record["max_concurrent_tasks"]) ?? number(asMap(record["resources"])["max_concurrent_tasks"]);
}

function readStatus(status: string): string {
  return status === "active" ? "idle" : status;
}

function readGpu(value: JsonValue | undefined): WorkerView["gpu"] {
  const gpu = asMap(value);
  const model = gpu["model"];
  if (typeof model !== "string") return undefined;
  return { model, vramGb: number(gpu["vram_gb"]) ?? number(gpu["vramGb"]) ?? 0 };
}

/** Every resource under its own name and in camel case: requirements may use either. */
function readProperties(resources: JsonMap): ReadonlyMap<string, unknown> {
  const properties = new Map<string, unknown>();
  for (const [name, value] of [...Object.entries(asMap(resources["properties"])), ...Object.entries(resources)]) {
    properties.set(name, value);
    properties.set(camelCase(name), value);
  }
  return properties;
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** A task is hot when it is in the hot cache by name, or when all models that it depends on are. */
function hotByModels(record: JsonMap): string[] {
  const hot = new Set(names(record["hot_cache"]));
  const dependencies = Object.entries(asMap(record["skill_dependencies"]));
  const ready = dependencies.filter(([, models]) => {
    const needed = names(models);
    return needed.length > 0 && needed.every((model) => hot.has(model));
  });
  return [...hot, ...ready.map(([task]) => task)];
}

/** A list of names, given as texts or as objects with a name. */
function names(value: JsonValue | undefined): string[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item) => {
    const name = typeof item === "string" ? item : asMap(item)["name"];
    return typeof name === "string" ? [name] : [];
  });
}

function numbers(value: JsonValue | undefined): ReadonlyMap<string, number> {
  return new Map(
    Object.entries(asMap(value)).flatMap(([name, item]) => (typeof item === "number" ? [[name, item]] : [])),
  );
}

function texts(value: JsonValue | undefined): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(asMap(value)).flatMap(([name, item]) => (typeof item === "string" ? [[name, item]] : [])),
  );
}

function number(value: JsonValue | undefined): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function asMap(value: JsonValue | undefined): JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}
