/**
 * One worker at one orchestrator: connects, says what it is, connects again whenever the
 * connection is lost, and sees to it that its results arrive.
 */
import type { TaskReference } from "../src/protocol/process.ts";
import type { HeartbeatBody, RegistrationBody, TaskPayload } from "../src/protocol/worker.ts";
import type { Cancel } from "../src/system/clock.ts";
import { messageOf, Refusal } from "../src/system/errors.ts";
import type { System } from "../src/system/index.ts";
import { backoffMs, type RetryDelays } from "./backoff.ts";
import type { ProgressUpdate } from "./contract.ts";
import { Events } from "./events.ts";
import { Heartbeat } from "./heartbeat.ts";
import { readableProgress } from "./progress.ts";
import { Results } from "./results.ts";
import type { Runner } from "./runner.ts";
import type { Shelf } from "./shelf.ts";
import type { Origin, TaskRun } from "./task.ts";
import {
  type Checkpoint,
  type Connection,
  type Hello,
  type Listener,
  NotServed,
  type TaskEvent,
  type Transport,
} from "./transport.ts";

// A connection that is lost again at once says that the server is not well: it does not reset the backoff.
const STEADY_AFTER_MS = 1000;
/** How the runtime words it that nothing listens, over sockets and requests. */
const NOBODY_ANSWERS = /connect|ECONNREFUSED|ENOENT/i;

export interface SessionParts {
  readonly system: System;
  /** The orchestrator's, under which its results are kept. */
  readonly name: string;
  /** What to do where nobody answers; left out: nothing is known. */
  readonly advice?: string;
  /** Tried in this order; the next where a server does not serve the one before. */
  readonly transports: readonly Transport[];
  readonly runner: Runner;
  readonly registration: () => RegistrationBody;
  readonly heartbeat: (serverCounts: boolean) => HeartbeatBody;
  readonly retry: RetryDelays;
  readonly heartbeatMs: number;
  readonly heartbeatDebounceMs: number;
  /** Where results lie until they are acknowledged; undefined: in memory alone. */
  readonly shelf?: Shelf | undefined;
  /** How many more tasks this orchestrator may give now. */
  readonly room: () => number;
  /** How often the orchestrator is asked whether it is there, beside the heartbeats. */
  readonly probeMs?: number | undefined;
  /** It answers, or does not any more; told after each try. */
  readonly standing?: (isThere: boolean) => void;
}

type Lost = string | Refusal;

export class Session implements Origin {
  readonly #id: string;
  readonly #results: Results;
  readonly #events: Events;
  /** Over, with events on their way. */
  readonly #ending = new Map<string, TaskReference>();
  readonly #toRelease = new Set<string>();
  /** The newest of each running task. A checkpoint is sent again after a reconnect: nobody acknowledges it. */
  readonly #checkpoints = new Map<string, Checkpoint>();
  readonly #heldProgress = new Map<string, ProgressUpdate>();
  #connection: Connection | undefined;
  #stopProbing: Cancel = () => undefined;
  #heartbeat: Heartbeat | undefined;
  #hellos = 0;
  #failures = 0;
  readonly #closing = new AbortController();
  #wake: (() => void) | undefined;
  #flushWaiters: Array<() => void> = [];

  constructor(private readonly parts: SessionParts) {
    this.#id = parts.system.ids.unique();
    const { system, name, shelf, retry } = parts;
    this.#events = new Events({ system, retry });
    this.#results = new Results({ system, name, shelf, retry, settled: () => this.#checkFlushed() });
  }

  /** Resolves when the session was closed, or with the refusal that ended it. */
  async serve(): Promise<Refusal | undefined> {
    let place = 0;
    while (!this.#closing.signal.aborted) {
      const transport = this.parts.transports[place];
      if (!transport) throw new Error("a session needs a transport");
      const end = await this.#serveOnce(transport);
      if (end instanceof Refusal) return end;
      if (end === "not served") {
        place += 1;
        if (place === this.parts.transports.length) return notServed(transport);
        continue;
      }
      // The next server at this address may be a newer one.
      place = 0;
      if (!this.#closing.signal.aborted)
        await this.#pause(backoffMs(++this.#failures, this.parts.system.random, this.parts.retry));
    }
    return undefined;
  }

  /** Refused while the worker goes on with others. */
  standsRefused(refusal: Refusal, againMs: number): void {
    this.parts.standing?.(false);
    this.parts.system.log.error(refusal.message, { code: refusal.code, again_in_s: againMs / 1000 });
  }

  finished(task: TaskRun, body: string): void {
    this.#checkpoints.delete(task.taskId);
    this.#heldProgress.delete(task.taskId);
    if (!this.#events.has(task.taskId)) return this.#results.add(task.jobId, task.taskId, body);
    // What it has told comes before how it ended, which may take as long as the orchestrator is away.
    this.#results.keep(task.jobId, task.taskId, body);
    this.#ending.set(task.taskId, { job_id: task.jobId, task_id: task.taskId });
    this.#events.whenSettled(task.taskId, () => {
      this.#ending.delete(task.taskId);
      this.#results.add(task.jobId, task.taskId, body);
    });
  }

  async progress(said: ProgressUpdate): Promise<void> {
    const update = readableProgress(said, this.parts.system.log);
    if (!update) return;
    if (this.#connection) await this.#connection.progress(update);
    else this.#heldProgress.set(update.taskId, update);
  }

  async checkpoint(checkpoint: Checkpoint): Promise<void> {
    this.#checkpoints.set(checkpoint.taskId, checkpoint);
    await this.#connection?.checkpoint(checkpoint);
  }

  async event(event: Omit<TaskEvent, "id">): Promise<void> {
    await this.#events.send({ ...event, id: this.parts.system.ids.unique() });
  }

  async isCancelled(taskId: string): Promise<boolean> {
    if (this.parts.runner.isStopped(taskId)) return true;
    const answer = await this.#connection?.isCancelled(taskId);
    if (answer) this.parts.runner.stop(taskId, "cancelled");
    return answer ?? this.parts.runner.isStopped(taskId);
  }

  /** Load, capacity or hot cache changed. */
  changed(): void {
    this.#heartbeat?.changed();
    this.#connection?.wants(this.parts.room());
  }

  /** What the orchestrator knows of this worker may be somebody else's word. */
  beatNow(): void {
    this.#heartbeat?.now();
  }

  async drain(): Promise<void> {
    await this.#connection?.drain();
  }

  release(taskIds: readonly string[]): void {
    if (taskIds.length === 0) return;
    for (const id of taskIds) {
      this.#toRelease.add(id);
      this.#events.whenSettled(id, () => undefined);
      this.#checkpoints.delete(id);
    }
    void this.#sendReleases();
  }

  /** Resolves when nothing is left that the server has to know. */
  flushed(): Promise<void> {
    if (this.#isFlushed()) return Promise.resolve();
    return new Promise((resolve) => this.#flushWaiters.push(resolve));
  }

  get unacknowledged(): number {
    return this.#results.size + this.#ending.size;
  }

  async close(): Promise<void> {
    this.#events.close();
    this.#results.flush();
    this.#closing.abort();
    const connection = this.#connection;
    this.#disconnected();
    this.#wake?.();
    await connection?.close();
  }

  async #serveOnce(transport: Transport): Promise<Lost | "not served"> {
    const { clock, log } = this.parts.system;
    let lose: (reason: Lost) => void = () => undefined;
    const lost = new Promise<Lost>((resolve) => {
      lose = resolve;
    });
    try {
      const listener = this.#listener(lose);
      const connection = await transport.connect(this.#hello(), listener, this.#closing.signal);
      const connectedMs = clock.monotonicMs();
      if (this.#closing.signal.aborted) {
        await connection.close();
        return "closed";
      }
      log.info("connected to the orchestrator", { transport: transport.name });
      this.#connected(connection);
      const reason = await Promise.race([lost, this.#closed()]);
      if (clock.monotonicMs() - connectedMs >= STEADY_AFTER_MS) this.#failures = 0;
      this.#disconnected();
      if (!this.#closing.signal.aborted) this.#logLost(transport, reason);
      return reason;
    } catch (error) {
      if (error instanceof Refusal) return error;
      if (error instanceof NotServed) {
        log.debug("the orchestrator does not serve this transport", { transport: transport.name });
        return "not served";
      }
      this.parts.standing?.(false);
      this.#logLost(transport, messageOf(error), this.parts.advice);
      return messageOf(error);
    }
  }

  #hello(): Hello {
    const registration = this.parts.registration();
    return { session: this.#id, connection: ++this.#hellos, registration, running: this.#inHand() };
  }

  /** What runs, and what has ended and is not acknowledged. */
  #inHand(): TaskReference[] {
    const running = this.parts.runner.of(this).map((run) => ({ job_id: run.jobId, task_id: run.taskId }));
    return [...running, ...this.#ending.values(), ...this.#results.references()];
  }

  #listener(lose: (reason: Lost) => void): Listener {
    return {
      task: (payload) => this.#take(payload),
      cancel: (taskId) => this.parts.runner.stop(taskId, "cancelled"),
      settled: (seq, remark) => this.#results.settle(seq, remark),
      postponed: (seq, reason) => this.#results.postpone(seq, reason),
      tooLarge: (seq) => this.#results.tooLarge(seq),
      eventAnswered: (id, refusal) => this.#events.answered(id, refusal),
      eventPostponed: (id) => this.#events.postponed(id),
      lost: lose,
    };
  }

  #take(payload: TaskPayload): void {
    if (!this.parts.runner.accept(payload, this)) this.release([payload.task_id]);
  }

  #connected(connection: Connection): void {
    for (const id of connection.cancelled) {
      this.#results.drop(id);
      this.parts.runner.stop(id, "cancelled");
    }
    this.#connection = connection;
    this.#startHeartbeat(connection);
    for (const checkpoint of this.#checkpoints.values()) void connection.checkpoint(checkpoint);
    for (const update of this.#heldProgress.values()) void connection.progress(update);
    this.#heldProgress.clear();
    // Before the results: the event of a task that is over by now is still of one that runs.
    this.#events.connect(connection);
    this.#results.connect(connection);
    void this.#sendReleases();
    if (this.parts.runner.draining) void connection.drain();
    this.#probe(connection);
    this.parts.standing?.(true);
    connection.wants(this.parts.room());
    this.#checkFlushed();
  }

  #probe(connection: Connection): void {
    const { probeMs, system } = this.parts;
    if (probeMs === undefined) return;
    this.#stopProbing = system.timers.after(probeMs, () => {
      connection.probe();
      this.#probe(connection);
    });
  }

  #startHeartbeat(connection: Connection): void {
    const { heartbeatMs, heartbeatDebounceMs, heartbeat } = this.parts;
    this.#heartbeat = new Heartbeat({
      timers: this.parts.system.timers,
      intervalMs: Math.min(heartbeatMs, connection.heartbeatMs ?? heartbeatMs),
      debounceMs: heartbeatDebounceMs,
      body: () => ({
        ...heartbeat(connection.serverCounts),
        current_tasks: this.#inHand().map(({ task_id }) => task_id),
      }),
      send: (body) => connection.heartbeat(body),
    });
    this.#heartbeat.start();
  }

  #disconnected(): void {
    this.#stopProbing();
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
    this.#connection = undefined;
    this.#results.connect(undefined);
    this.#events.connect(undefined);
    this.parts.standing?.(false);
  }

  async #sendReleases(): Promise<void> {
    const ids = [...this.#toRelease];
    if (ids.length === 0 || !this.#connection) return;
    if (await this.#connection.release(ids)) for (const id of ids) this.#toRelease.delete(id);
    this.#checkFlushed();
  }

  #isFlushed(): boolean {
    return this.#results.size === 0 && this.#ending.size === 0 && this.#toRelease.size === 0;
  }

  #checkFlushed(): void {
    if (this.#flushWaiters.length === 0 || !this.#isFlushed()) return;
    const waiters = this.#flushWaiters;
    this.#flushWaiters = [];
    for (const resolve of waiters) resolve();
  }

  #closed(): Promise<string> {
    return new Promise((resolve) => {
      this.#wake = () => resolve("closed");
    });
  }

  async #pause(delayMs: number): Promise<void> {
    let cancel: Cancel = () => undefined;
    const over = new Promise<void>((resolve) => {
      cancel = this.parts.system.timers.after(delayMs, resolve);
    });
    await Promise.race([over, this.#closed()]);
    cancel();
  }

  /** The first failure of a row, then ever fewer: a server that is away for a night fills no disk. */
  #logLost(transport: Transport, reason: Lost, advice?: string): void {
    const tries = this.#failures + 1;
    const isPowerOfTwo = (tries & (tries - 1)) === 0;
    const text = reason instanceof Refusal ? reason.message : reason;
    const hint = advice !== undefined && NOBODY_ANSWERS.test(text) && { hint: advice };
    const fields = { transport: transport.name, reason: text, tries, ...hint };
    if (isPowerOfTwo) this.parts.system.log.warn("no connection to the orchestrator; trying again", fields);
  }
}

function notServed(transport: Transport): Refusal {
  const sentence = `The orchestrator does not serve the transport "${transport.name}": let the worker use another one (--transport auto).`;
  return new Refusal("TRANSPORT_NOT_SERVED", 404, sentence);
}
