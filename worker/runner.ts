/**
 * Runs handlers: within the limits, stoppable, and with an outcome whatever they do. It knows no
 * network; a task's outcome goes to the origin that the task came from.
 */
import type { TaskPayload } from "../src/protocol/worker.ts";
import type { Timers } from "../src/system/clock.ts";
import { Lookup } from "../src/system/lookup.ts";
import type { TaskDefinition } from "./definition.ts";
import type { Board } from "./heart/board.ts";
import type { FileExchange } from "./file-exchange.ts";
import { explained } from "./no-store.ts";
import { errorFacts } from "./error-place.ts";
import { CANCELLED, failure, returned, thrown, unsupportedTask } from "./outcome.ts";
import type { Slots } from "./slots.ts";
import { type Origin, type StopCause, TaskRun, type Workplace } from "./task.ts";

// A handler that minds its signal needs a moment to end by itself; one that does not would hold its slot for ever.
const TIMEOUT_GRACE_MS = 1000;
/** Whoever is called off may have much to put away. */
const CANCEL_GRACE_MS = 30_000;

export interface RunnerParts {
  readonly tasks: ReadonlyMap<string, TaskDefinition>;
  readonly slots: Slots;
  readonly timers: Timers;
  readonly workplace: Workplace;
  /** The load changed. */
  readonly changed: () => void;
  /** Of several origins with waiting tasks: whose turn it is. The only one there is, where this is left out. */
  readonly nextOrigin?: (origins: readonly Origin[]) => Origin | undefined;
  /** What runs, for whoever looks on from another thread. */
  readonly board?: Board | undefined;
  /** Left out: texts that look like files are texts. */
  readonly exchange?: FileExchange | undefined;
}

export class Runner {
  readonly #runs = new Lookup<string, TaskRun>();
  readonly #countByOrigin = new Map<Origin, number>();
  /** Given to us beyond a limit: they wait for a slot, in the order in which they came. */
  #waiting: TaskRun[] = [];
  #draining = false;
  #idleWaiters: Array<() => void> = [];

  constructor(private readonly parts: RunnerParts) {}

  get load(): number {
    return this.parts.slots.used;
  }

  get freeSlots(): number {
    return this.#draining ? 0 : Math.max(0, this.parts.slots.free - this.#waiting.length);
  }

  get draining(): boolean {
    return this.#draining;
  }

  runOf(taskId: string): TaskRun | undefined {
    return this.#runs.get(taskId);
  }

  /** Running and waiting tasks of an origin. */
  of(origin: Origin): TaskRun[] {
    return [...this.#runs.values()].filter((run) => run.origin === origin);
  }

  /** How many those are. */
  countOf(origin: Origin): number {
    return this.#countByOrigin.get(origin) ?? 0;
  }

  /** Running and waiting tasks of these types that came from others. */
  countOfOthers(origin: Origin, types: ReadonlySet<string>): number {
    let count = 0;
    for (const run of this.#runs.values()) if (run.origin !== origin && types.has(run.type)) count += 1;
    return count;
  }

  /** False: the worker drains and the task has to go back. */
  accept(payload: TaskPayload, origin: Origin): boolean {
    // The same delivery twice is one run; its result answers both.
    if (this.#runs.has(payload.task_id)) return true;
    if (this.#draining) return false;
    const run = new TaskRun(payload, origin, this.parts.workplace);
    this.#runs.set(run.taskId, run);
    this.#countByOrigin.set(origin, this.countOf(origin) + 1);
    this.#begin(run);
    return true;
  }

  stop(taskId: string, cause: StopCause): void {
    const run = this.#runs.get(taskId);
    if (!run) return;
    const isFirst = run.stopCause === undefined;
    run.stop(cause);
    const place = this.#waiting.indexOf(run);
    if (place === -1) {
      if (isFirst && cause === "cancelled") this.#limitCancelling(run);
      return;
    }
    this.#waiting.splice(place, 1);
    this.#settle(run, CANCELLED);
  }

  isStopped(taskId: string): boolean {
    return this.#runs.get(taskId)?.stopCause !== undefined;
  }

  /** From now on nothing new begins. Returns what has not begun: it goes back. */
  drain(): TaskRun[] {
    this.#draining = true;
    const left = this.#waiting;
    this.#waiting = [];
    for (const run of left) this.#forget(run);
    return left;
  }

  /** Aborts what still runs. Its outcome does not count any more. */
  abandon(): TaskRun[] {
    const left = [...this.#runs.values()];
    for (const run of left) {
      run.stop("shutdown");
      if (!run.over) this.parts.slots.give(run.type);
      this.#forget(run);
    }
    return left;
  }

  idle(): Promise<void> {
    if (this.#runs.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  #begin(run: TaskRun): void {
    const task = this.parts.tasks.get(run.type);
    if (!task) {
      run.fullLog.warn("a task of a type that this worker does not have", { type: run.type });
      this.#settle(run, unsupportedTask(run.type));
    } else if (this.parts.slots.has(run.type)) {
      this.#start(run, task);
    } else {
      this.#waiting.push(run);
      this.parts.changed();
    }
  }

  #start(run: TaskRun, task: TaskDefinition): void {
    this.parts.slots.take(run.type);
    run.checkEvent = task.checkEvent;
    this.parts.board?.add(run.taskId, run.type, run.origin);
    this.parts.changed();
    this.#limitTime(run);
    let outcome: unknown;
    let isPromised = false;
    try {
      task.check?.(run.payload.params);
      const brought = this.parts.exchange?.bring(run);
      outcome = brought ? runWith(brought, task, run) : task.run(run.payload.params, run);
      isPromised = isThenable(outcome);
    } catch (error) {
      this.#finish(run, this.#failed(run, error));
      return;
    }
    if (!isPromised) {
      this.#returned(run, outcome);
      return;
    }
    // A promise of the handler's own make may break its word; this one does not.
    Promise.resolve(outcome).then(
      (value) => this.#returned(run, value),
      (error: unknown) => this.#finish(run, this.#failed(run, error)),
    );
  }

  /** Its files go where the orchestrator can name them; only then it is over. */
  #returned(run: TaskRun, value: unknown): void {
    let body: string;
    let taken: Promise<string> | undefined;
    try {
      const said = returned(value);
      body = this.parts.tasks.get(run.type)?.checkOutput?.(said) ?? said;
      taken = run.over ? undefined : this.parts.exchange?.take(run, body);
    } catch (error) {
      return this.#finish(run, this.#failed(run, error));
    }
    if (!taken) return this.#finish(run, body);
    taken.then(
      (told) => this.#finish(run, told),
      (error: unknown) => this.#finish(run, this.#failed(run, error)),
    );
  }

  #limitTime(run: TaskRun): void {
    const seconds = run.payload.timeout_seconds;
    if (seconds === null) return;
    const { timers } = this.parts;
    run.stopTimer = timers.after(seconds * 1000, () => {
      run.stop("timeout");
      run.stopTimer = timers.after(TIMEOUT_GRACE_MS, () => {
        run.fullLog.warn("the handler went on after its time was over: let it mind task.signal", { type: run.type });
        this.#finish(run, timedOut(seconds));
      });
    });
  }

  /** The orchestrator does not wait for it any more: a slot would be lost to a handler that never ends. */
  #limitCancelling(run: TaskRun): void {
    run.stopTimer?.();
    run.stopTimer = this.parts.timers.after(CANCEL_GRACE_MS, () => {
      run.fullLog.warn("the handler went on after its task was cancelled: let it mind task.signal", { type: run.type });
      this.#finish(run, CANCELLED);
    });
  }

  #failed(run: TaskRun, error: unknown): string {
    if (run.over) return CANCELLED;
    if (run.stopCause === "cancelled") return CANCELLED;
    if (run.stopCause === "timeout") return timedOut(run.payload.timeout_seconds ?? 0);
    run.fullLog.warn("a task failed", { type: run.type, attempt: run.attempt, ...errorFacts(error) });
    return thrown(this.parts.exchange ? error : explained(error, run.payload.params));
  }

  #finish(run: TaskRun, body: string): void {
    if (run.over) return;
    this.parts.slots.give(run.type);
    this.#settle(run, body);
    this.#startWaiting();
  }

  #settle(run: TaskRun, body: string): void {
    this.#forget(run);
    run.origin.finished(run, body);
    this.parts.changed();
  }

  #forget(run: TaskRun): void {
    run.leave();
    if (this.#runs.delete(run.taskId)) this.#countByOrigin.set(run.origin, this.countOf(run.origin) - 1);
    this.parts.board?.remove(run.taskId);
    if (this.#runs.size > 0 || this.#idleWaiters.length === 0) return;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  /** The first that fits: a task whose limit is reached holds up no other. */
  #startWaiting(): void {
    if (this.#waiting.length === 0) return;
    const run = this.#nextWaiting();
    if (!run) return;
    this.#waiting.splice(this.#waiting.indexOf(run), 1);
    this.#begin(run);
  }

  #nextWaiting(): TaskRun | undefined {
    const { nextOrigin, slots } = this.parts;
    if (!nextOrigin) return this.#waiting.find((run) => slots.has(run.type));
    const fitting = this.#waiting.filter((run) => slots.has(run.type));
    const origin = nextOrigin([...new Set(fitting.map((run) => run.origin))]);
    return fitting.find((run) => run.origin === origin);
  }
}

async function runWith(brought: Promise<Record<string, unknown>>, task: TaskDefinition, run: TaskRun) {
  const params = await brought;
  run.signal.throwIfAborted();
  return await task.run(params, run);
}

function timedOut(seconds: number): string {
  return failure("TRANSIENT_ERROR", `The task took longer than its ${seconds} s.`);
}

function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
