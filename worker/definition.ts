/**
 * What a worker file declares, and how several files become one worker. A worker is known by a
 * registered symbol and not by its class: a file may have come with another copy of this module.
 */
import { Refusal } from "../src/system/errors.ts";
import type { EventUpdate, ProgressUpdate, TaskContext, TaskOptions, WorkerOptions } from "./contract.ts";
import type { CheckEvent, CheckOutput } from "./declared.ts";

export const WORKER: unique symbol = Symbol.for("orchestrator.worker");

/** Params come from the job's own blueprint: their shape is between it and the handler. */
export type RunTask = (params: Record<string, unknown>, task: TaskContext) => unknown;

export interface TaskDefinition {
  /** The name of its limit in `taskTypeLimits`, where it is not the task's own name. */
  readonly limit?: string;
  /** Throws where the params do not fit what the task declares. */
  readonly check?: (params: Record<string, unknown>) => void;
  readonly checkOutput?: CheckOutput;
  readonly checkEvent?: CheckEvent;
  /** As they are told to the orchestrator. */
  readonly schemas?: Pick<TaskOptions, "params" | "output" | "events">;
  readonly run: RunTask;
}

/** What a running worker does for what is asked of the worker itself and not of a task's context. */
export interface WorkerRuntime {
  sendProgress(update: ProgressUpdate): Promise<void>;
  sendEvent(update: EventUpdate): Promise<void>;
  isCancelled(taskId: string): Promise<boolean>;
}

export interface WorkerDefinition {
  readonly options: Readonly<WorkerOptions>;
  readonly tasks: ReadonlyMap<string, TaskDefinition>;
  attach(runtime: WorkerRuntime): void;
}

export interface DeclaredWorker {
  readonly [WORKER]: WorkerDefinition;
}

export interface NamedDefinition {
  readonly file: string;
  readonly definition: WorkerDefinition;
}

export interface MergedDefinition extends WorkerDefinition {
  /** Settings on which the files do not agree, as sentences. */
  readonly warnings: readonly string[];
}

export function isDeclaredWorker(value: unknown): value is DeclaredWorker {
  return typeof value === "object" && value !== null && WORKER in value;
}

export function mergeDefinitions(parts: readonly NamedDefinition[]): MergedDefinition {
  const warnings: string[] = [];
  return {
    tasks: mergeTasks(parts),
    options: mergeOptions(parts, warnings),
    warnings,
    attach: (runtime) => parts.forEach(({ definition }) => definition.attach(runtime)),
  };
}

function mergeTasks(parts: readonly NamedDefinition[]): Map<string, TaskDefinition> {
  const tasks = new Map<string, TaskDefinition>();
  const owners = new Map<string, string>();
  for (const { file, definition } of parts) {
    for (const [name, task] of definition.tasks) {
      const owner = owners.get(name);
      if (owner !== undefined) throw clash(name, owner, file);
      owners.set(name, file);
      tasks.set(name, task);
    }
  }
  return tasks;
}

function clash(task: string, first: string, second: string): Refusal {
  const sentence = `Both ${first} and ${second} declare the task "${task}". Rename one, or run the files as two workers.`;
  return new Refusal("TASK_DECLARED_TWICE", 400, sentence);
}

function mergeOptions(parts: readonly NamedDefinition[], warnings: string[]): WorkerOptions {
  const merged: WorkerOptions = {};
  for (const { file, definition } of parts) {
    const { options } = definition;
    mergeFirst(merged, options, "workerType", file, warnings);
    mergeFirst(merged, options, "costPerSecond", file, warnings);
    mergeCapacity(merged, options);
    if (options.resources) merged.resources = { ...options.resources, ...merged.resources };
    if (options.installedModels) {
      merged.installedModels = [...(merged.installedModels ?? []), ...options.installedModels];
    }
    if (options.skillDependencies) {
      merged.skillDependencies = { ...options.skillDependencies, ...merged.skillDependencies };
    }
  }
  return merged;
}

/** A worker has one value of these: the first file's counts. */
function mergeFirst(
  merged: WorkerOptions,
  options: Readonly<WorkerOptions>,
  key: "workerType" | "costPerSecond",
  file: string,
  warnings: string[],
): void {
  const [before, value] = [merged[key], options[key]];
  if (value === undefined) return;
  if (before === undefined) Object.assign(merged, { [key]: value });
  else if (before !== value)
    warnings.push(`${file} sets ${key} to ${value}, an earlier file to ${before}: that counts.`);
}

/** All files share one process: the largest capacity holds for it, and the smallest of two limits of one name. */
function mergeCapacity(merged: WorkerOptions, options: Readonly<WorkerOptions>): void {
  if (options.maxConcurrentTasks !== undefined) {
    merged.maxConcurrentTasks = Math.max(merged.maxConcurrentTasks ?? 0, options.maxConcurrentTasks);
  }
  for (const [name, limit] of Object.entries(options.taskTypeLimits ?? {})) {
    merged.taskTypeLimits ??= {};
    merged.taskTypeLimits[name] = Math.min(merged.taskTypeLimits[name] ?? limit, limit);
  }
}
