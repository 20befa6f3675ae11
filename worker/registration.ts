/** What the worker says of itself, at the start and in each heartbeat. */
import type { HeartbeatBody, RegistrationBody } from "../src/protocol/worker.ts";
import type { TaskDefinition } from "./definition.ts";
import type { HotCache } from "./hot-cache.ts";
import type { Runner } from "./runner.ts";
import type { Settings } from "./settings.ts";

/** What one of several orchestrators may have at this worker, and whether that is all used. */
export interface Allowance {
  readonly tasks: number;
  readonly isUsed: boolean;
  /** What the others' tasks leave of each limit. */
  readonly limits: Readonly<Record<string, number>>;
}

export interface Face {
  readonly settings: Settings;
  readonly tasks: readonly string[];
  /** The same with what they declare; undefined where none declares anything. */
  readonly skills?: readonly object[] | undefined;
  readonly hotCache: HotCache;
  readonly runner: Runner;
}

/** All of them or none: a server that reads this list reads no other one. */
export function skillsOf(tasks: ReadonlyMap<string, TaskDefinition>): readonly object[] | undefined {
  const skills = [...tasks].map(([name, { schemas: { params, output, events } = {} }]) => ({
    name,
    ...(params && { input_schema: params }),
    ...(output && { output_schema: output }),
    ...(events && { events_schema: events }),
  }));
  return skills.some((skill) => Object.keys(skill).length > 1) ? skills : undefined;
}

export function registrationBody(
  { settings, tasks, skills, hotCache, runner }: Face,
  allowance: Allowance | undefined,
): RegistrationBody {
  const { limits } = settings;
  const concurrency = allowance?.tasks ?? limits.total;
  const body = {
    worker_id: settings.workerId,
    worker_type: settings.workerType,
    supported_tasks: [...tasks],
    ...(skills && { supported_skills: [...skills] }),
    max_concurrent_tasks: concurrency,
    task_type_limits: allowance?.limits ?? limits.limits,
    task_limits: limits.limitOfTask,
    cost_per_second: settings.costPerSecond,
    resources: { ...settings.resources, max_concurrent_tasks: concurrency },
    installed_models: settings.installedModels,
    installed_software: { bun: Bun.version, ...settings.installedSoftware },
    ...(settings.installedArtifacts.length > 0 && { installed_artifacts: settings.installedArtifacts }),
    hostname: settings.hostname,
    capabilities: capabilities(settings),
    hot_cache: hotCache.models(),
    ...(allowance && { status: statusOf(runner, allowance, false) }),
    ...dependencies(settings, hotCache),
  };
  return body;
}

function capabilities({ hostname, websockets, costPerTask, extra }: Settings): object {
  const costs = Object.keys(costPerTask).length > 0 && { cost_per_skill: costPerTask };
  return { hostname, websockets, ...costs, extra: { websockets, ...extra } };
}

/** The list of tasks stays whole under load: the server counts slots and limits by what the registration says. */
export function heartbeatBody(
  { settings, tasks, hotCache, runner }: Face,
  allowance: Allowance | undefined,
  serverCounts: boolean,
): HeartbeatBody {
  const body = {
    worker_id: settings.workerId,
    load: runner.load,
    status: statusOf(runner, allowance, serverCounts),
    supported_tasks: [...tasks],
    hot_cache: hotCache.models(),
    ...(allowance && { max_concurrent_tasks: allowance.tasks, task_type_limits: allowance.limits }),
    ...dependencies(settings, hotCache),
  };
  return body;
}

/**
 * A server that counts the slots by itself hands the next task out with the answer to a result; told
 * that the worker is busy, it would wait for the next heartbeat.
 */
function statusOf(runner: Runner, allowance: Allowance | undefined, serverCounts: boolean): string {
  if (runner.draining) return "draining";
  if (allowance?.tasks === 0) return "busy";
  if (serverCounts) return "idle";
  return runner.freeSlots === 0 || allowance?.isUsed === true ? "busy" : "idle";
}

function dependencies(settings: Settings, hotCache: HotCache): object {
  if (Object.keys(settings.skillDependencies).length === 0) return {};
  return { skill_dependencies: settings.skillDependencies, hot_skills: hotCache.hotTasks() };
}
