/**
 * What a worker file writes.
 *
 * ```ts
 * import { Worker, PermanentError } from "orchestrator/worker";
 *
 * const worker = new Worker({ workerType: "images", maxConcurrentTasks: 4 });
 *
 * worker.task("resize_image", async ({ url, width }, { sendProgress, signal }) => {
 *   if (!url) throw new PermanentError("there is no url");
 *   const resized = await resize(url, width, signal);
 *   await sendProgress(1, "resized");
 *   return { resized_url: resized };
 * });
 *
 * export default worker;
 * ```
 */
import type { Static, TSchema } from "@sinclair/typebox";
import { Refusal } from "../src/system/errors.ts";
import { type KnownOptions, unknownOptions } from "../src/system/options.ts";
import type {
  EventUpdate,
  JsonObject,
  ProgressUpdate,
  TaskContext,
  TaskOptions,
  TaskResult,
  WorkerOptions,
} from "./contract.ts";
import { eventCheck, outputCheck } from "./declared.ts";
import {
  type DeclaredWorker,
  type TaskDefinition,
  WORKER,
  type WorkerDefinition,
  type WorkerRuntime,
} from "./definition.ts";
import { currentHost } from "./host.ts";
import { paramsCheck } from "./params.ts";
import { runWorkerProcess } from "./process.ts";

/** An object without `status` is the data of a success; nothing returned is a success without data. */
export type TaskHandler<Params = any> = (
  params: Params,
  task: TaskContext,
) => Promise<TaskResult | JsonObject | void> | TaskResult | JsonObject | void;

const OPTIONS: KnownOptions = {
  names: Object.keys({
    workerType: true,
    maxConcurrentTasks: true,
    taskTypeLimits: true,
    costPerSecond: true,
    resources: true,
    installedModels: true,
    skillDependencies: true,
  } satisfies Record<keyof WorkerOptions, true>),
  otherwise: {
    concurrency: "maxConcurrentTasks",
    maxConcurrency: "maxConcurrentTasks",
    limits: "taskTypeLimits",
    type: "workerType",
    name: "workerType",
    cost: "costPerSecond",
    models: "installedModels",
  },
};

const TASK_OPTIONS: KnownOptions = {
  names: Object.keys({
    type: true,
    params: true,
    output: true,
    events: true,
  } satisfies Record<keyof TaskOptions, true>),
  otherwise: {
    limit: "type",
    taskType: "type",
    task_type: "type",
    schema: "params",
    input: "params",
    outputSchema: "output",
    result: "output",
    eventsSchema: "events",
  },
};

/** Where a worker that nobody hosts has its heart. */
const HEART_THREAD = new URL("./heart/thread.ts", import.meta.url).href;

export class Worker implements DeclaredWorker {
  readonly [WORKER]: WorkerDefinition;
  readonly #tasks = new Map<string, TaskDefinition>();
  #runtime: WorkerRuntime | undefined;
  #running: Promise<void> | undefined;

  constructor(options: WorkerOptions = {}) {
    const [unknown] = unknownOptions("new Worker({ … })", options, OPTIONS);
    if (unknown !== undefined) throw new Refusal("UNKNOWN_OPTION", 400, unknown.message);
    this[WORKER] = {
      options: { ...options },
      tasks: this.#tasks,
      attach: (runtime) => {
        this.#runtime = runtime;
      },
    };
  }

  task(name: string, handler: TaskHandler): this;
  task<S extends TSchema>(name: string, options: TaskOptions<S> & { params: S }, handler: TaskHandler<Static<S>>): this;
  task(name: string, options: TaskOptions, handler: TaskHandler): this;
  task(name: string, second: TaskHandler | TaskOptions, third?: TaskHandler): this {
    const [options, handler]: [TaskOptions, TaskHandler | undefined] =
      typeof second === "function" ? [{}, second] : [second, third];
    this.#checkTask(name, handler);
    const [unknown] = unknownOptions(`worker.task("${name}", { … })`, options, TASK_OPTIONS);
    if (unknown !== undefined) throw new Refusal("UNKNOWN_OPTION", 400, unknown.message);
    const { type, ...schemas } = options;
    const { params, output, events } = schemas;
    this.#tasks.set(name, {
      run: handler,
      schemas,
      ...(type !== undefined && { limit: type }),
      ...(params !== undefined && { check: paramsCheck(name, params) }),
      ...(output !== undefined && { checkOutput: outputCheck(name, output) }),
      ...(events !== undefined && { checkEvent: eventCheck(name, events) }),
    });
    return this;
  }

  /**
   * Until SIGTERM or SIGINT: then it takes no new task, lets running ones end, and hands back what
   * did not. Rejects where the orchestrator refuses the worker or a setting is wrong.
   */
  run(): Promise<void> {
    this.#running ??= currentHost()?.adopt(this[WORKER]) ?? this.#runAlone();
    return this.#running;
  }

  async sendProgress(update: ProgressUpdate): Promise<void> {
    await this.#started().sendProgress(update);
  }

  async sendEvent(update: EventUpdate): Promise<void> {
    await this.#started().sendEvent(update);
  }

  async checkForCancellation(taskId: string): Promise<boolean> {
    return await this.#started().isCancelled(taskId);
  }

  async #runAlone(): Promise<void> {
    const refusal = await runWorkerProcess(this[WORKER], { heartThread: HEART_THREAD });
    if (refusal) throw refusal;
  }

  #checkTask(name: string, handler: TaskHandler | undefined): asserts handler is TaskHandler {
    if (this.#tasks.has(name)) {
      throw new Refusal("TASK_DECLARED_TWICE", 400, `The task "${name}" is declared twice: give each its own name.`);
    }
    if (typeof name !== "string" || name === "") {
      throw new Refusal("TASK_WITHOUT_NAME", 400, "A task needs a name: worker.task(name, handler).");
    }
    if (typeof handler !== "function") {
      throw new Refusal("TASK_WITHOUT_HANDLER", 400, `The task "${name}" has no handler: worker.task(name, handler).`);
    }
    if (this.#runtime) {
      throw new Refusal("TASK_TOO_LATE", 409, `The worker runs already: declare the task "${name}" before run().`);
    }
  }

  #started(): WorkerRuntime {
    if (this.#runtime) return this.#runtime;
    throw new Refusal("WORKER_NOT_RUNNING", 409, "The worker does not run yet: call this inside a task.");
  }
}
