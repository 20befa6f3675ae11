/** A task as the dispatcher holds it: enough to order it, to judge workers, and to hand it out. */
import type { TaskOrder } from "../../src/job/model.ts";

/** Which wait it is for. */
export interface TaskPlace {
  readonly jobId: string;
  readonly visit: number;
  readonly slot: number;
}

export interface TaskRun extends TaskPlace {
  readonly attempt: number;
}

/** Which run of which wait it is, and the place that it has in the queue. */
export interface WaitingTask extends TaskRun {
  /** A worker has done something for the job before: it goes ahead of jobs not begun. */
  readonly begun: boolean;
  readonly queuedAtMs: number;
  /** An earlier hand-out of it may exist: the next one is on disk before it is sent. */
  readonly again: boolean;
}

/** What a worker is sent: the store has it as well, and it may be fetched from there when the task's turn comes. */
export interface TaskBody {
  readonly order: TaskOrder;
  /** JSON text. */
  readonly checkpoint?: string | undefined;
  readonly trace?: Readonly<Record<string, string>> | undefined;
}

export interface QueuedTask extends WaitingTask, TaskBody {}

/** What workers are judged by: the same for all tasks of a class. */
export type TaskNeeds = Pick<TaskOrder, "type" | "strategy" | "maxCost" | "requirements">;

/** Where a task stands among others. */
export interface Rank {
  readonly priority: number;
  readonly begun: boolean;
  readonly queuedAtMs: number;
  /** Counted in tasks that came to the queue: tells apart what came within one millisecond. */
  readonly arrival: number;
}

/** The name that people and doors look for it by. */
export function taskKey(jobId: string, visit: number, slot: number): string {
  return `${jobId}/${visit}/${slot}`;
}

export function parseKey(key: string): TaskPlace {
  const [jobId = "", visit, slot] = key.split("/");
  return { jobId, visit: Number(visit), slot: Number(slot) };
}

/** Higher priority, then begun jobs, then arrival. Negative: `a` goes first. */
export function compareRanks(a: Rank, b: Rank): number {
  return (
    b.priority - a.priority || Number(b.begun) - Number(a.begun) || a.queuedAtMs - b.queuedAtMs || a.arrival - b.arrival
  );
}

/** Tasks of one class suit the same workers: only the first of a class is ever judged. */
export function classOf(order: TaskNeeds): string {
  const { type, strategy, maxCost, requirements } = order;
  if (maxCost === undefined && requirements === undefined) return `${type}|${strategy}`;
  return `${type}|${strategy}|${maxCost ?? ""}|${requirements ? JSON.stringify(requirements) : ""}`;
}

/** What a small task was seen to take up beside its texts. */
const BODY_BYTES = 2_048;

/** What a task takes up while all of it is in memory: its large texts, and about as much as the rest was seen to take. */
export function bytesOf({ order, checkpoint }: TaskBody): number {
  return BODY_BYTES + order.params.length + (checkpoint?.length ?? 0);
}
