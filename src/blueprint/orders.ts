/** A task as a handler asks for it, checked and with its defaults: what the dispatcher gets. */
import type { Turn } from "../handlers/port.ts";
import { type Requirements, type RetryPolicy, STRATEGIES, type Strategy, type TaskOrder } from "../job/model.ts";
import { Refusal } from "../system/errors.ts";
import { RETRY_FIELDS, TASK_FIELDS, unknownFieldOf } from "./request-fields.ts";
import type { TaskRequest } from "./sdk.ts";
import { jsonOfObject } from "./serialise.ts";

type Defaults = Turn["defaults"];
type Draft = { -readonly [Key in keyof TaskOrder]: TaskOrder[Key] };

const BACKOFF_MS = 500;
const BACKOFF_FACTOR = 2;
const BACKOFF_MS_MAX = 60_000;

/** Throws a Refusal that names the field. */
export function orderOf(task: TaskRequest, defaults: Defaults): TaskOrder {
  const type = checkedType(task);
  try {
    return fill(task, type, defaults);
  } catch (error) {
    if (error instanceof Refusal) throw new Refusal(error.code, error.status, `Task "${type}": ${error.message}`);
    throw error;
  }
}

function checkedType(task: TaskRequest): string {
  if (typeof task !== "object" || task === null) throw invalid("A task is an object such as { taskType: … }.");
  if (typeof task.taskType === "string" && task.taskType !== "") return task.taskType;
  const unknown = unknownFieldOf("A task", task, TASK_FIELDS);
  throw invalid(unknown ?? "A task has no taskType: name the kind of work.");
}

function fill(task: TaskRequest, type: string, defaults: Defaults): TaskOrder {
  const unknown = unknownFieldOf("a task", task, TASK_FIELDS);
  if (unknown !== undefined) throw invalid(unknown);
  const order: Draft = {
    type,
    params: task.params === undefined ? "{}" : jsonOfObject(task.params, "params"),
    transitions: checkedTransitions(task.transitions),
    strategy: checkedStrategy(task.dispatchStrategy),
    priority: numberIn("priority", task.priority, Number.NEGATIVE_INFINITY) ?? defaults.priority ?? 0,
    retry: retryOf(task.retry, defaults.maxAttempts),
  };
  if (task.eventTransitions !== undefined) {
    order.eventTransitions = checkedTransitions(task.eventTransitions, "eventTransitions");
  }
  addLimits(order, task, defaults);
  if (task.resourceRequirements !== undefined) order.requirements = requirementsOf(task.resourceRequirements);
  if (task.outputSchema !== undefined) order.outputSchema = plain(task.outputSchema, "outputSchema");
  return order;
}

function addLimits(order: Draft, task: TaskRequest, defaults: Defaults): void {
  const maxCost = numberIn("maxCost", task.maxCost, 0);
  const dispatchSeconds = numberIn("dispatchTimeoutSeconds", task.dispatchTimeoutSeconds, 0);
  const seconds = numberIn("timeoutSeconds", task.timeoutSeconds, 0);
  if (seconds === 0) throw invalid("timeoutSeconds is 0, give a number above 0.");
  if (maxCost !== undefined) order.maxCost = maxCost;
  if (dispatchSeconds !== undefined) order.dispatchTimeoutMs = dispatchSeconds * 1000;
  else if (defaults.dispatchTimeoutMs !== undefined) order.dispatchTimeoutMs = defaults.dispatchTimeoutMs;
  if (seconds !== undefined) order.timeoutMs = seconds * 1000;
}

let usual: RetryPolicy | undefined;

/** One for all orders that set none: they are told apart by looking at it once. */
function usualRetry(maxAttempts: number): RetryPolicy {
  if (usual?.maxAttempts === maxAttempts) return usual;
  usual = { maxAttempts, backoffMs: BACKOFF_MS, factor: BACKOFF_FACTOR, maxBackoffMs: BACKOFF_MS_MAX };
  return usual;
}

function retryOf(retry: TaskRequest["retry"], maxAttempts: number): RetryPolicy {
  if (retry === undefined) return usualRetry(maxAttempts);
  if (typeof retry !== "object" || retry === null) throw invalid("retry must be an object such as { maxAttempts: 3 }.");
  const unknown = unknownFieldOf("retry", retry, RETRY_FIELDS);
  if (unknown !== undefined) throw invalid(unknown);
  const attempts = numberIn("retry.maxAttempts", retry.maxAttempts, 1) ?? maxAttempts;
  if (!Number.isInteger(attempts)) throw invalid(`retry.maxAttempts is ${attempts}, give a whole number.`);
  const backoffMs = inMs(numberIn("retry.backoffSeconds", retry.backoffSeconds, 0)) ?? BACKOFF_MS;
  return {
    maxAttempts: attempts,
    backoffMs,
    factor: numberIn("retry.backoffFactor", retry.backoffFactor, 0) ?? BACKOFF_FACTOR,
    // A first wait longer than the usual limit was asked for: it must not be cut.
    maxBackoffMs:
      inMs(numberIn("retry.maxBackoffSeconds", retry.maxBackoffSeconds, 0)) ?? Math.max(BACKOFF_MS_MAX, backoffMs),
  };
}

export function checkedTransitions(transitions: unknown, name = "transitions"): Readonly<Record<string, string>> {
  if (transitions === undefined) return {};
  if (typeof transitions !== "object" || transitions === null || Array.isArray(transitions)) {
    throw invalid(`${name} must be an object such as { success: "finished", failure: "failed" }.`);
  }
  const checked: Record<string, string> = {};
  for (const status of Object.keys(transitions)) {
    const target: unknown = Reflect.get(transitions, status);
    // An optional transition that is left undefined is no transition.
    if (target === undefined) continue;
    if (typeof target !== "string") throw invalid(`${name}.${status} is ${String(target)}, give a state's name.`);
    checked[status] = target;
  }
  return checked;
}

function checkedStrategy(strategy: unknown): Strategy {
  if (strategy === undefined) return "default";
  const known = STRATEGIES.find((name) => name === strategy);
  if (known) return known;
  throw invalid(`dispatchStrategy "${String(strategy)}" is not known, choose one of ${STRATEGIES.join(", ")}.`);
}

function requirementsOf(requirements: NonNullable<TaskRequest["resourceRequirements"]>): Requirements {
  numberIn("resourceRequirements.cpuCores", requirements.cpuCores, 0);
  numberIn("resourceRequirements.ramGb", requirements.ramGb, 0);
  numberIn("resourceRequirements.gpu.vramGb", requirements.gpu?.vramGb, 0);
  return plain(requirements, "resourceRequirements") as Requirements;
}

/** A copy as it would be stored: what the handler changes later does not reach it. */
function plain(value: unknown, name: string): object {
  return JSON.parse(jsonOfObject(value, name)) as object;
}

function numberIn(field: string, value: unknown, least: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isFinite(value) && value >= least) return value;
  throw invalid(`${field} is ${String(value)}, give a number${Number.isFinite(least) ? ` from ${least}` : ""}.`);
}

function inMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}

function invalid(message: string): Refusal {
  return new Refusal("INVALID_TASK", 422, message);
}
