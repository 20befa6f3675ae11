/** A worker as the rules of dispatch see it: read once from what it said of itself. */
export interface WorkerView {
  readonly id: string;
  /** Only an idle one is given tasks. */
  readonly status: string;
  readonly draining: boolean;
  readonly tasks: ReadonlySet<string>;
  /** Name of a limit to how many at once; a task falls under its own name or the limit that it names. */
  readonly limits: ReadonlyMap<string, number>;
  readonly limitOfTask: ReadonlyMap<string, string>;
  readonly costPerSecond: number | undefined;
  readonly costPerTask: ReadonlyMap<string, number>;
  readonly gpu: { readonly model: string; readonly vramGb: number } | undefined;
  readonly models: ReadonlySet<string>;
  /** Numbers and texts that requirements may name: cpuCores, ramGb and what else it sent. */
  readonly properties: ReadonlyMap<string, unknown>;
  /** Tasks whose models are all in memory. */
  readonly hot: ReadonlySet<string>;
  /** 0 to 1. */
  readonly reputation: number;
  /** With less it gets nothing. */
  readonly reputationNeeded: number;
}

/** Per second, for this task. Unknown counts as infinite. */
export function costOf(worker: WorkerView, taskType: string): number {
  return worker.costPerTask.get(taskType) ?? worker.costPerSecond ?? Number.POSITIVE_INFINITY;
}

export function limitName(worker: WorkerView, taskType: string): string {
  return worker.limitOfTask.get(taskType) ?? taskType;
}
