/** Workers that a test plays: each keeps what it was sent and answers when it is told to. */
import type { WorkerLink } from "../../actors/orchestrator.ts";
import type { ResultAnswer, TaskPayload, WorkerResult } from "../../src/protocol/worker.ts";
import type { World } from "./engine.ts";

export interface WorkerOptions {
  readonly tasks?: readonly string[];
  readonly concurrency?: number;
  readonly session?: string;
  readonly record?: Readonly<Record<string, unknown>>;
}

export interface Answer {
  readonly status?: string;
  readonly data?: object;
  readonly metadata?: object;
  readonly error?: { readonly code: string; readonly message: string };
}

/** A worker with our stream. Tasks that it runs survive its connection and the server. */
export class StreamWorker {
  /** All that it was sent, in order. */
  readonly got: TaskPayload[] = [];
  readonly cancels: string[] = [];
  readonly closed: string[] = [];
  running: TaskPayload[] = [];
  /** Told to end on connecting. */
  cancelled: readonly string[] = [];
  #link: WorkerLink | undefined;
  takes = true;
  /** A defect of ours: the link throws. */
  fails = false;

  constructor(
    readonly world: World,
    readonly id: string,
    readonly options: WorkerOptions = {},
  ) {}

  async connect(): Promise<this> {
    const { session = `session-of-${this.id}`, tasks = ["t"], concurrency = 10, record } = this.options;
    const link: WorkerLink = {
      kind: "stream",
      task: (payload) => {
        if (!this.takes || this.#link !== link) return false;
        const task = JSON.parse(payload) as TaskPayload;
        this.got.push(task);
        this.running.push(task);
        return true;
      },
      cancel: (_jobId, taskId) => {
        if (this.fails) throw new Error("a defect");
        this.cancels.push(taskId);
        return true;
      },
      close: (_code, reason) => void this.closed.push(reason),
    };
    this.#link = link;
    const connecting = this.world.engine.workers.connect(this.id, link, {
      session,
      registration: {
        worker_id: this.id,
        supported_tasks: [...tasks],
        max_concurrent_tasks: concurrency,
        ...record,
      },
      running: this.running.map(({ job_id, task_id }) => ({ job_id, task_id })),
    });
    this.cancelled = (await this.world.done(connecting)).cancelled;
    this.running = this.running.filter((task) => !this.cancelled.includes(task.task_id));
    await this.world.time.settle();
    return this;
  }

  /** The connection breaks; the tasks go on. */
  async disconnect(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    if (link) this.world.engine.workers.disconnect(this.id, link);
    await this.world.time.settle();
  }

  /** Killed: connection and tasks are gone. */
  async kill(): Promise<void> {
    this.running = [];
    await this.disconnect();
  }

  get last(): TaskPayload {
    const task = this.got.at(-1);
    if (!task) throw new Error(`worker ${this.id} has got no task`);
    return task;
  }

  answer(answer: Answer = {}, task: TaskPayload = this.last): Promise<ResultAnswer> {
    this.running = this.running.filter((one) => one.task_id !== task.task_id);
    return this.world.done(this.world.engine.workers.result(resultOf(this.id, task, answer)));
  }

  async release(task: TaskPayload = this.last): Promise<void> {
    this.running = this.running.filter((one) => one.task_id !== task.task_id);
    this.world.engine.workers.release(this.id, [task.task_id]);
    await this.world.time.settle();
  }
}

export function resultOf(workerId: string, task: TaskPayload, answer: Answer = {}): WorkerResult {
  const { status = answer.error ? "failure" : "success", data, metadata, error } = answer;
  return {
    jobId: task.job_id,
    taskId: task.task_id,
    workerId,
    status,
    raw: JSON.stringify({ status, data, error }),
    ...(data && { data: JSON.stringify(data) }),
    ...(metadata && { metadata: JSON.stringify(metadata) }),
    ...(error && { error }),
  };
}

export const transient = { error: { code: "TRANSIENT_ERROR", message: "try again" } };
export const permanent = { error: { code: "PERMANENT_ERROR", message: "never" } };
export const invalidInput = { error: { code: "INVALID_INPUT_ERROR", message: "bad input" } };
