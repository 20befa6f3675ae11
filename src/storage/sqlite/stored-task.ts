/**
 * The task that a job waits for, as its row keeps it. Most are given their job's whole input, and
 * set nothing that they need not: what goes without saying is left out.
 */
import type { RetryPolicy, TaskOrder, TaskWait } from "../../job/model.ts";

/** What is meant where nothing is said. Files hold rows by these: they never change. */
const UNSAID = {
  strategy: "default",
  priority: 0,
  retry: { maxAttempts: 4, backoffMs: 500, factor: 2, maxBackoffMs: 60_000 },
} as const;

type Unsaid = "params" | "strategy" | "priority" | "retry";
type StoredOrder = Omit<TaskOrder, Unsaid> & Partial<Pick<TaskOrder, Unsaid>>;
export type StoredTaskWait = Omit<TaskWait, "order"> & { readonly order: StoredOrder };

type Scratch<Of> = { -readonly [Name in keyof Of]?: Of[Name] | undefined };
/** Filled again for each task, as the row around it is. */
const order: Scratch<StoredOrder> = {};
const wait: Scratch<StoredTaskWait> = {};

/** To be written at once: the next task takes its place. `input`: the job's. */
export function storedTask(task: TaskWait, input: string): StoredTaskWait {
  const { params, strategy, priority, retry } = task.order;
  order.type = task.order.type;
  order.params = params === input ? undefined : params;
  order.transitions = task.order.transitions;
  order.eventTransitions = task.order.eventTransitions;
  order.strategy = strategy === UNSAID.strategy ? undefined : strategy;
  order.priority = priority === UNSAID.priority ? undefined : priority;
  order.maxCost = task.order.maxCost;
  order.requirements = task.order.requirements;
  order.dispatchTimeoutMs = task.order.dispatchTimeoutMs;
  order.timeoutMs = task.order.timeoutMs;
  order.retry = isUnsaid(retry) ? undefined : retry;
  order.paramsMetadata = task.order.paramsMetadata;
  order.outputSchema = task.order.outputSchema;
  wait.slot = task.slot;
  wait.order = order as StoredOrder;
  wait.attempt = task.attempt;
  wait.queuedAtMs = task.queuedAtMs;
  wait.notBeforeMs = task.notBeforeMs;
  wait.delivery = task.delivery;
  wait.lastWorkerId = task.lastWorkerId;
  wait.lastError = task.lastError;
  wait.checkpoint = task.checkpoint;
  wait.events = task.events;
  wait.eventIds = task.eventIds;
  wait.progress = task.progress;
  return wait as StoredTaskWait;
}

export function toTaskWait(stored: StoredTaskWait, input: () => string): TaskWait {
  return { ...stored, order: { ...UNSAID, ...stored.order, params: stored.order.params ?? input() } };
}

function isUnsaid({ maxAttempts, backoffMs, factor, maxBackoffMs }: RetryPolicy): boolean {
  const { retry } = UNSAID;
  return (
    maxAttempts === retry.maxAttempts &&
    backoffMs === retry.backoffMs &&
    factor === retry.factor &&
    maxBackoffMs === retry.maxBackoffMs
  );
}
