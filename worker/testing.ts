/**
 * For tests of worker files: runs a handler as a worker would, without a server, and shows what it
 * sent.
 *
 * ```ts
 * import { expect, test } from "bun:test";
 * import { runTask } from "orchestrator/worker";
 * import worker from "./images.ts";
 *
 * test("a picture is resized", async () => {
 *   const run = await runTask(worker, "resize_image", { url: "https://…", width: 80 });
 *   expect(run.result.status).toBe("success");
 *   expect(run.progress.map(({ progress }) => progress)).toEqual([0.5, 1]);
 *   expect(run.events).toEqual([{ name: "preview_ready", payload: { url: "…" } }]);
 * });
 *
 * test("it stops when it is cancelled half way", async () => {
 *   const run = await runTask(worker, "resize_image", { url: "https://…" }, {
 *     stopWhen: ({ progress }) => progress.length === 1,
 *   });
 *   expect(run.result.status).toBe("cancelled");
 * });
 * ```
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { TaskPayload } from "../src/protocol/worker.ts";
import { Refusal } from "../src/system/errors.ts";
import type { LogLine } from "../src/system/log.ts";
import { createRealSystem } from "../src/system/real.ts";
import { suggestion } from "../src/system/nearest.ts";
import type { Json, JsonObject, ProgressUpdate, TaskResult } from "./contract.ts";
import {
  type DeclaredWorker,
  isDeclaredWorker,
  type TaskDefinition,
  WORKER,
  type WorkerDefinition,
} from "./definition.ts";
import { EventRefused } from "./errors.ts";
import { TaskFolder } from "./files.ts";
import { HotCache } from "./hot-cache.ts";
import { Runner } from "./runner.ts";
import type { TaskHandler } from "./sdk.ts";
import { Slots } from "./slots.ts";
import type { Origin, StopCause } from "./task.ts";
import type { TaskEvent } from "./transport.ts";

export interface RunTaskOptions {
  readonly taskId?: string;
  readonly jobId?: string;
  readonly priority?: number;
  /** 1 where nothing is said. */
  readonly attempt?: number;
  /** What an earlier attempt left behind. */
  readonly lastCheckpoint?: Json;
  /** The task's own time limit. */
  readonly timeoutSeconds?: number;
  /** Models that are in the hot cache at the start. */
  readonly hotCache?: readonly string[];
  /** Asked for each event: a text has the orchestrator refuse it, with this as its code. */
  readonly refuseEvent?: (event: SentEvent) => string | undefined;
  /** Asked after each update of progress, event, checkpoint and question whether the task is cancelled: `true` cancels it. */
  readonly stopWhen?: (sent: Sent) => boolean | StopCause;
  /** Stops it after so long, for a handler that says nothing. */
  readonly stopAfterMs?: number;
  /** What `stopAfterMs` and `stopWhen` mean; "cancelled" where nothing is said. */
  readonly stopCause?: StopCause;
}

export interface SentEvent {
  readonly name: string;
  readonly payload: JsonObject;
}

/** What a handler has sent so far. */
export interface Sent {
  readonly progress: ReadonlyArray<{ readonly progress: number; readonly message?: string }>;
  readonly events: readonly SentEvent[];
  readonly checkpoints: readonly Json[];
  /** How often it asked whether it is cancelled. */
  readonly questions: number;
}

export interface TaskOutcome extends Sent {
  /** As the orchestrator would get it. */
  readonly result: TaskResult;
  /** What lay in the task's own folder at the end, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly log: readonly LogLine[];
  readonly hotCache: readonly string[];
}

export function runTask(
  worker: DeclaredWorker,
  task: string,
  params?: JsonObject,
  options?: RunTaskOptions,
): Promise<TaskOutcome>;
export function runTask(handler: TaskHandler, params?: JsonObject, options?: RunTaskOptions): Promise<TaskOutcome>;
export async function runTask(
  what: DeclaredWorker | TaskHandler,
  ...rest: readonly (string | JsonObject | RunTaskOptions | undefined)[]
): Promise<TaskOutcome> {
  if (!isDeclaredWorker(what)) {
    const [params, options] = rest as [JsonObject?, RunTaskOptions?];
    return await runDefinition("task", { run: what as TaskHandler }, undefined, params, options);
  }
  const [name, params, options] = rest as [string, JsonObject?, RunTaskOptions?];
  const definition = what[WORKER];
  return await runDefinition(name, taskOf(definition, name), definition, params, options);
}

function taskOf({ tasks }: WorkerDefinition, name: string): TaskDefinition {
  const task = tasks.get(name);
  if (task) return task;
  throw new Refusal("NO_SUCH_TASK", 404, `The worker has no task "${name}"${suggestion(name, tasks.keys())}`);
}

let runs = 0;

async function runDefinition(
  name: string,
  task: TaskDefinition,
  definition: WorkerDefinition | undefined,
  params: JsonObject = {},
  options: RunTaskOptions = {},
): Promise<TaskOutcome> {
  const number = ++runs;
  const payload = payloadOf(name, params, options, number);
  const payloadFolder = await mkdtemp(join(tmpdir(), "run-task-"));
  const bench = new TestBench(options, payload, payloadFolder, definition);
  try {
    return await bench.run(task);
  } finally {
    await rm(payloadFolder, { recursive: true, force: true });
  }
}

function payloadOf(type: string, params: JsonObject, options: RunTaskOptions, number: number): TaskPayload {
  const { taskId, jobId, priority, attempt, timeoutSeconds, lastCheckpoint } = options;
  return {
    job_id: jobId ?? `test-job-${number}`,
    task_id: taskId ?? `test-task-${number}`,
    type,
    // As it would come over the wire.
    params: JSON.parse(JSON.stringify(params)) as Record<string, unknown>,
    tracing_context: {},
    priority: priority ?? 0,
    params_metadata: null,
    deadline: null,
    attempt: attempt ?? 1,
    timeout_seconds: timeoutSeconds ?? null,
    ...(lastCheckpoint !== undefined && { last_checkpoint: lastCheckpoint }),
  };
}

/** The place of an orchestrator: it hands the one task out and takes what comes of it. */
class TestBench implements Origin {
  readonly #progress: { progress: number; message?: string }[] = [];
  readonly #events: SentEvent[] = [];
  readonly #checkpoints: Json[] = [];
  readonly #log: LogLine[] = [];
  readonly #hotCache: HotCache;
  readonly #ended = Promise.withResolvers<TaskResult>();
  #questions = 0;
  #runner: Runner | undefined;

  constructor(
    private readonly options: RunTaskOptions,
    private readonly payload: TaskPayload,
    private readonly payloadFolder: string,
    private readonly definition: WorkerDefinition | undefined,
  ) {
    this.#hotCache = new HotCache(definition?.options.skillDependencies ?? {}, () => undefined);
    for (const model of options.hotCache ?? []) this.#hotCache.add(model);
  }

  async run(task: TaskDefinition): Promise<TaskOutcome> {
    const { payload, payloadFolder, options } = this;
    const system = createRealSystem({ level: "debug", write: (line) => void this.#log.push(line) });
    this.#runner = new Runner({
      tasks: new Map([[payload.type, task]]),
      slots: new Slots({ total: 1, limits: {}, limitOfTask: {} }),
      timers: system.timers,
      workplace: {
        workerId: "test-worker",
        log: system.log,
        timers: system.timers,
        payloadFolder,
        hotCache: this.#hotCache,
        keepsFolders: true,
      },
      changed: () => undefined,
    });
    this.definition?.attach({
      sendProgress: (update) => this.progress(update),
      sendEvent: async ({ taskId, name, payload }) => await this.#runner?.runOf(taskId)?.sendEvent(name, payload),
      isCancelled: (taskId) => this.isCancelled(taskId),
    });
    const { stopAfterMs } = options;
    const cancel = stopAfterMs === undefined ? undefined : system.timers.after(stopAfterMs, () => this.#stop());
    this.#runner.accept(payload, this);
    const result = await this.#ended.promise;
    cancel?.();
    return { ...this.#sent(), result, files: await this.#files(), log: this.#log, hotCache: this.#hotCache.models() };
  }

  finished(_task: unknown, body: string): void {
    this.#ended.resolve(JSON.parse(body) as TaskResult);
  }

  async progress({ progress, message }: ProgressUpdate): Promise<void> {
    this.#progress.push(message === undefined ? { progress } : { progress, message });
    this.#look();
  }

  async event({ name, payload }: Omit<TaskEvent, "id">): Promise<void> {
    const event = { name, payload: JSON.parse(payload) as JsonObject };
    const code = this.options.refuseEvent?.(event);
    if (code !== undefined) throw new EventRefused(code, `The test refuses the event "${name}".`);
    this.#events.push(event);
    this.#look();
  }

  async checkpoint({ value }: { readonly value: string }): Promise<void> {
    this.#checkpoints.push(JSON.parse(value) as Json);
    this.#look();
  }

  async isCancelled(taskId: string): Promise<boolean> {
    this.#questions += 1;
    this.#look();
    return this.#runner?.isStopped(taskId) ?? false;
  }

  release(): void {
    // Nothing waits behind the one task.
  }

  #sent(): Sent {
    return {
      progress: [...this.#progress],
      events: [...this.#events],
      checkpoints: [...this.#checkpoints],
      questions: this.#questions,
    };
  }

  #look(): void {
    const wanted = this.options.stopWhen?.(this.#sent()) ?? false;
    if (wanted !== false) this.#stop(wanted === true ? undefined : wanted);
  }

  #stop(cause: StopCause = this.options.stopCause ?? "cancelled"): void {
    this.#runner?.stop(this.payload.task_id, cause);
  }

  async #files(): Promise<Map<string, Uint8Array>> {
    const { folder } = new TaskFolder(this.payloadFolder, this.payload.task_id);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
    const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const files = await Promise.all(
      paths.map(async (path): Promise<[string, Uint8Array]> => [relative(folder, path), await readFile(path)]),
    );
    return new Map(files.toSorted(([one], [other]) => (one < other ? -1 : 1)));
  }
}
