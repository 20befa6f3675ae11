/** What the worker says of itself, at the start and in each heartbeat. */
import type { HeartbeatBody, RegistrationBody } from "../src/protocol/worker.ts";
import type { HotCache } from "./hot-cache.ts";
import type { Runner } from "./runner.ts";
import type { Settings } from "./settings.ts";

export function registrationBody(settings: Settings, tasks: readonly string[], hotCache: HotCache): RegistrationBody {
  const { limits } = settings;
  const body = {
    worker_id: settings.access.workerId,
    worker_type: settings.workerType,
    supported_tasks: [...tasks],
    max_concurrent_tasks: limits.total,
    task_type_limits: limits.limits,
    task_limits: limits.limitOfTask,
    cost_per_second: settings.costPerSecond,
    resources: { ...settings.resources, max_concurrent_tasks: limits.total },
    installed_models: settings.installedModels,
    installed_software: { bun: Bun.version },
    hostname: settings.hostname,
    capabilities: { hostname: settings.hostname, websockets: settings.websockets },
    hot_cache: hotCache.models(),
    ...dependencies(settings, hotCache),
  };
  return body;
}

/** The list of tasks stays whole under load: the server counts slots and limits by what the registration says. */
export function heartbeatBody(
  settings: Settings,
  tasks: readonly string[],
  hotCache: HotCache,
  runner: Runner,
): HeartbeatBody {
  const body = {
    worker_id: settings.access.workerId,
    load: runner.load,
    status: statusOf(runner),
    supported_tasks: [...tasks],
    hot_cache: hotCache.models(),
    ...dependencies(settings, hotCache),
  };
  return body;
}

function statusOf(runner: Runner): string {
  if (runner.draining) return "draining";
  return runner.freeSlots === 0 ? "busy" : "idle";
}

function dependencies(settings: Settings, hotCache: HotCache): object {
  if (Object.keys(settings.skillDependencies).length === 0) return {};
  return { skill_dependencies: settings.skillDependencies, hot_skills: hotCache.hotTasks() };
}
