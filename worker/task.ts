/**
 * One run of a task, as its handler sees it. Tens of thousands of them pass in a second: what most
 * handlers never ask for (signal, log, files, bound functions) is made when it is asked for.
 */
import type { Cancel, Timers } from "../src/system/clock.ts";
import { type JsonValue, messageOf, Refusal } from "../src/system/errors.ts";
import type { Log } from "../src/system/log.ts";
import { EVENT_NAME_MAX } from "../src/protocol/worker-event.ts";
import type { TaskPayload } from "../src/protocol/worker.ts";
import type { Json, JsonObject, Logger, ProgressUpdate, TaskContext, WorkerFiles } from "./contract.ts";
import type { CheckEvent } from "./declared.ts";
import { PermanentError } from "./errors.ts";
import { TaskFolder } from "./files.ts";
import type { HotCache } from "./hot-cache.ts";
import type { Checkpoint, TaskEvent } from "./transport.ts";
import { wordsOf } from "./words.ts";

/** Where a task came from, and where all that it says goes to. */
export interface Origin {
  finished(task: TaskRun, body: string): void;
  progress(update: ProgressUpdate): Promise<void>;
  checkpoint(checkpoint: Checkpoint): Promise<void>;
  event(event: Omit<TaskEvent, "id">): Promise<void>;
  isCancelled(taskId: string): Promise<boolean>;
  /** Handed back unfinished. */
  release(taskIds: readonly string[]): void;
}

const CHECKPOINT_CHARS_MAX = 1024 * 1024;
const EVENT_CHARS_MAX = 1024 * 1024;
/** An event may be what ends its task: then its answer and the cancel are on their way together. */
const ANSWER_MS = 250;
/** Orchestrators take these for something else. */
const NOT_EVENTS: ReadonlySet<string> = new Set(["progress", "checkpoint"]);

export type StopCause = "cancelled" | "timeout" | "shutdown";

const CAUSE_TEXT: Record<StopCause, string> = {
  cancelled: "The task was cancelled.",
  timeout: "The task took longer than it may.",
  shutdown: "The worker shuts down.",
};

/** What all runs of one worker share. */
export interface Workplace {
  readonly workerId: string;
  readonly log: Log;
  readonly timers: Timers;
  readonly payloadFolder: string;
  readonly hotCache: HotCache;
  /** For tests: what a task wrote stays where it is. */
  readonly keepsFolders?: boolean;
}

export class TaskRun implements TaskContext {
  readonly taskId: string;
  readonly jobId: string;
  readonly type: string;
  /** Why it has to stop, once it has. */
  stopCause: StopCause | undefined;
  /** Its outcome is settled; whatever its handler does from now on changes nothing. */
  over = false;
  stopTimer: Cancel | undefined;
  /** Undefined: the task declares nothing of its events. */
  checkEvent: CheckEvent | undefined;
  #controller: AbortController | undefined;
  #log: Log | undefined;
  #folder: TaskFolder | undefined;
  /** Why the last event that was not sent was not. */
  #toldUnsent: string | undefined;

  constructor(
    readonly payload: TaskPayload,
    readonly origin: Origin,
    private readonly workplace: Workplace,
  ) {
    this.taskId = payload.task_id;
    this.jobId = payload.job_id;
    this.type = payload.type;
  }

  get priority(): number {
    return this.payload.priority;
  }

  get attempt(): number {
    return this.payload.attempt;
  }

  get lastCheckpoint(): Json | undefined {
    return (this.payload.last_checkpoint ?? undefined) as Json | undefined;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.stopCause) this.#controller.abort(abortReason(this.stopCause));
    }
    return this.#controller.signal;
  }

  get log(): Logger {
    return this.fullLog;
  }

  get fullLog(): Log {
    const { workerId, log } = this.workplace;
    this.#log ??= log.with({ worker_id: workerId, task_id: this.taskId, job_id: this.jobId });
    return this.#log;
  }

  get files(): WorkerFiles {
    return this.folder;
  }

  get folder(): TaskFolder {
    this.#folder ??= new TaskFolder(this.workplace.payloadFolder, this.taskId);
    return this.#folder;
  }

  // Handlers take these out of the context (`({ n }, { sendProgress }) => …`): each is bound when it is read.
  get sendProgress(): TaskContext["sendProgress"] {
    return (progress, message) => mayBeForgotten(this.#sendProgress(progress, message));
  }

  async #sendProgress(progress: number, message: string | undefined): Promise<void> {
    if (this.over) return;
    const update = { taskId: this.taskId, jobId: this.jobId, progress };
    await this.#unlessStopped(this.origin.progress(message === undefined ? update : { ...update, message }));
  }

  get sendEvent(): TaskContext["sendEvent"] {
    return (name, payload = {}) => mayBeForgotten(this.#sendEvent(name, payload));
  }

  async #sendEvent(name: string, payload: JsonObject): Promise<void> {
    if (this.over) return;
    const text = this.#eventText(name, payload);
    await this.#unlessStopped(this.origin.event({ taskId: this.taskId, jobId: this.jobId, name, payload: text }));
  }

  /** Whether the handler waits for it or not, the log says why an event is not sent. */
  #eventText(name: string, payload: JsonObject): string {
    try {
      const text = eventText(name, payload);
      this.checkEvent?.(name, JSON.parse(text) as object);
      return text;
    } catch (error) {
      this.#tellUnsent(name, wordsOf(error));
      throw error;
    }
  }

  /** A handler may try very many after the first that is not sent: the log hears of the first. */
  #tellUnsent(name: unknown, reason: string): void {
    const level = this.#toldUnsent === reason ? "debug" : "warn";
    this.#toldUnsent = reason;
    this.fullLog[level]("an event is not sent: it breaks what its task declares, or cannot be one", {
      event: name,
      reason,
    });
  }

  get checkpoint(): TaskContext["checkpoint"] {
    return (value) => mayBeForgotten(this.#keepCheckpoint(value));
  }

  async #keepCheckpoint(value: JsonValue): Promise<void> {
    if (this.over) return;
    const text = this.#checkpointText(value);
    await this.#unlessStopped(this.origin.checkpoint({ taskId: this.taskId, jobId: this.jobId, value: text }));
  }

  #checkpointText(value: JsonValue): string {
    try {
      return checkpointText(value);
    } catch (error) {
      this.fullLog.warn("a checkpoint is not kept", { reason: wordsOf(error) });
      throw error;
    }
  }

  get isCancelled(): TaskContext["isCancelled"] {
    return async () => {
      if (this.stopCause !== undefined) return true;
      const asked = this.origin.isCancelled(this.taskId);
      return await this.#unlessStopped(asked, 0).catch((error: unknown) => {
        if (this.stopCause === undefined) throw error;
        return true;
      });
    };
  }

  /**
   * What a handler waits for may take as long as the orchestrator is away: the task's end calls it off, unless the answer
   * comes right behind. What was on its way stays so. Whoever begins to wait after that knows that the task is to end, and
   * has more to say.
   */
  async #unlessStopped<Value>(work: Promise<Value>, answerMs = ANSWER_MS): Promise<Value> {
    if (this.stopCause !== undefined) return await work;
    const { signal } = this;
    const stopped = Promise.withResolvers<never>();
    let cancel: Cancel = () => undefined;
    const stop = () => {
      cancel = this.workplace.timers.after(answerMs, () => stopped.reject(signal.reason as Error));
    };
    signal.addEventListener("abort", stop, { once: true });
    try {
      return await Promise.race([work, stopped.promise]);
    } finally {
      cancel();
      signal.removeEventListener("abort", stop);
    }
  }

  get addToHotCache(): TaskContext["addToHotCache"] {
    return (model) => this.workplace.hotCache.add(model);
  }

  get removeFromHotCache(): TaskContext["removeFromHotCache"] {
    return (model) => this.workplace.hotCache.remove(model);
  }

  /** The first cause counts. */
  stop(cause: StopCause): void {
    if (this.stopCause || this.over) return;
    this.stopCause = cause;
    this.#controller?.abort(abortReason(cause));
  }

  /** Nothing of the task stays behind. */
  leave(): void {
    this.over = true;
    this.stopTimer?.();
    if (this.workplace.keepsFolders === true) return;
    this.#folder?.remove().catch((error: unknown) => {
      this.fullLog.warn("the task's folder could not be removed", { folder: this.#folder?.folder, error });
    });
  }
}

/** One that its handler does not wait for must not bring the whole worker down: the log tells what was wrong. */
function mayBeForgotten(sent: Promise<void>): Promise<void> {
  sent.catch(() => undefined);
  return sent;
}

function checkpointText(value: JsonValue): string {
  const text = jsonText(value);
  if (text.length <= CHECKPOINT_CHARS_MAX) return text;
  const sentence = `A checkpoint of ${text.length} characters is too large: keep at most 1 MiB, or a path to it.`;
  throw new Refusal("CHECKPOINT_TOO_LARGE", 413, sentence);
}

function jsonText(value: JsonValue): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch (error) {
    const sentence = `A checkpoint cannot be written as JSON (${messageOf(error)}): keep plain data in it.`;
    throw new Refusal("CHECKPOINT_NOT_JSON", 422, sentence);
  }
}

/** JSON text of what it carries. */
function eventText(name: string, payload: JsonObject): string {
  if (typeof name !== "string" || name === "" || name.length > EVENT_NAME_MAX || NOT_EVENTS.has(name)) {
    const sentence = `An event cannot be called ${JSON.stringify(name)}: take a word of at most ${EVENT_NAME_MAX} characters; progress and checkpoints have calls of their own.`;
    throw new PermanentError(sentence);
  }
  const text = JSON.stringify(payload) as string | undefined;
  if (text === undefined || !text.startsWith("{")) {
    throw new PermanentError(`What the event "${name}" carries has to be an object: put it into a field of one.`);
  }
  if (text.length <= EVENT_CHARS_MAX) return text;
  throw new PermanentError(
    `The event "${name}" carries ${text.length} characters: send at most 1 MiB, or the place where the rest lies.`,
  );
}

function abortReason(cause: StopCause): DOMException {
  return new DOMException(CAUSE_TEXT[cause], cause === "timeout" ? "TimeoutError" : "AbortError");
}
