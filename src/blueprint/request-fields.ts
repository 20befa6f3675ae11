/** What the request of each action may hold. The check and the run itself refuse the same, in the same words. */
import { type KnownOptions, unknownOption } from "../system/options.ts";
import type { ActionName } from "./request-facts.ts";
import type { ApprovalRequest, ParallelRequest, TaskRequest } from "./sdk.ts";

/** Who takes the retry policy of others in mind writes these. */
const RETRY = "retry: { maxAttempts }";

export const TASK_FIELDS: KnownOptions = {
  names: Object.keys({
    taskType: true,
    params: true,
    transitions: true,
    dispatchStrategy: true,
    priority: true,
    maxCost: true,
    resourceRequirements: true,
    dispatchTimeoutSeconds: true,
    timeoutSeconds: true,
    retry: true,
    outputSchema: true,
    eventTransitions: true,
  } satisfies Record<keyof TaskRequest, true>),
  otherwise: {
    type: "taskType",
    task: "taskType",
    name: "taskType",
    data: "params",
    input: "params",
    payload: "params",
    strategy: "dispatchStrategy",
    resources: "resourceRequirements",
    requirements: "resourceRequirements",
    timeout: "timeoutSeconds",
    timeoutMs: "timeoutSeconds",
    retries: RETRY,
    maxRetries: RETRY,
    attempts: RETRY,
    maxAttempts: RETRY,
    schema: "outputSchema",
  },
};

export const RETRY_FIELDS: KnownOptions = {
  names: Object.keys({
    maxAttempts: true,
    backoffSeconds: true,
    backoffFactor: true,
    maxBackoffSeconds: true,
  } satisfies Record<keyof NonNullable<TaskRequest["retry"]>, true>),
  otherwise: {
    attempts: "maxAttempts",
    max: "maxAttempts",
    retries: "maxAttempts",
    maxRetries: "maxAttempts",
    backoff: "backoffSeconds",
    backoffMs: "backoffSeconds",
    delay: "backoffSeconds",
    delaySeconds: "backoffSeconds",
    factor: "backoffFactor",
    maxBackoff: "maxBackoffSeconds",
  },
};

const WAIT_SECONDS = { timeout: "timeoutSeconds", timeoutMs: "timeoutSeconds" };

export const REQUEST_FIELDS: Readonly<Record<Exclude<ActionName, "transitionTo">, KnownOptions>> = {
  dispatchTask: TASK_FIELDS,
  dispatchParallel: {
    names: Object.keys({ tasks: true, aggregateInto: true, join: true } satisfies Record<keyof ParallelRequest, true>),
    otherwise: { into: "aggregateInto", aggregator: "aggregateInto", success: "aggregateInto" },
  },
  awaitHumanApproval: {
    names: Object.keys({
      integration: true,
      message: true,
      transitions: true,
      timeoutSeconds: true,
    } satisfies Record<keyof ApprovalRequest, true>),
    otherwise: WAIT_SECONDS,
  },
  runBlueprint: {
    names: ["blueprintName", "initialData", "transitions"],
    otherwise: { blueprint: "blueprintName", name: "blueprintName", input: "initialData", data: "initialData" },
  },
  waitFor: { names: ["seconds", "until", "then"] },
  waitForEvent: { names: ["event", "timeoutSeconds", "transitions"], otherwise: { ...WAIT_SECONDS, name: "event" } },
};

/** What is wrong with the first name that nobody knows; undefined where all are known. */
export function unknownFieldOf(owner: string, request: object, known: KnownOptions): string | undefined {
  for (const name of Object.keys(request)) {
    if (!known.names.includes(name)) return unknownOption(owner, name, known);
  }
  return undefined;
}
