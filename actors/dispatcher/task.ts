/** A task as the dispatcher holds it: enough to order it, to judge workers, and to hand it out. */
import type { TaskOrder } from "../../src/job/model.ts";

export interface QueuedTask {
  readonly key: string;
  readonly jobId: string;
  readonly visit: number;
  readonly slot: number;
  readonly attempt: number;
  readonly order: TaskOrder;
  /** A worker has done something for the job before: it goes ahead of jobs not begun. */
  readonly begun: boolean;
  readonly queuedAtMs: number;
  /** An earlier hand-out of it may exist: the next one is on disk before it is sent. */
  readonly again: boolean;
  /** JSON text. */
  readonly checkpoint?: string | undefined;
  readonly trace?: Readonly<Record<string, string>> | undefined;
}

export function taskKey(jobId: string, visit: number, slot: number): string {
  return `${jobId}/${visit}/${slot}`;
}

/** Higher priority, then begun jobs, then arrival. Negative: `a` goes first. */
export function compareTasks(a: QueuedTask, b: QueuedTask): number {
  return b.order.priority - a.order.priority || Number(b.begun) - Number(a.begun) || a.queuedAtMs - b.queuedAtMs;
}

/** Tasks of one class suit the same workers: only the first of a class is ever judged. */
export function classOf(order: TaskOrder): string {
  const { type, strategy, maxCost, requirements } = order;
  if (maxCost === undefined && requirements === undefined) return `${type}|${strategy}`;
  return `${type}|${strategy}|${maxCost ?? ""}|${requirements ? JSON.stringify(requirements) : ""}`;
}
