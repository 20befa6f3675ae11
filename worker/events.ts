/**
 * The events of running tasks on their way to one orchestrator: sent again over each new connection, and where it could not
 * take them, until each is on its disk or refused. It knows them by their ids, so that what arrives twice counts once; it
 * knows the latest of a task alone, so that only so many of one are on their way at once.
 */
import type { System } from "../src/system/index.ts";
import { backoffMs, type RetryDelays } from "./backoff.ts";
import { EventRefused } from "./errors.ts";
import type { Connection, TaskEvent } from "./transport.ts";

export interface EventsParts {
  readonly system: Pick<System, "log" | "random" | "timers">;
  readonly retry: RetryDelays;
}

export interface EventRefusal {
  readonly code: string;
  readonly message: string;
}

interface Waiting {
  readonly event: TaskEvent;
  readonly sent: PromiseWithResolvers<void>;
  tries: number;
}

/** Of one task, in their order. */
interface Line {
  readonly waiting: Waiting[];
  /** How many of the first ones were sent over this connection. */
  under: number;
  /** The last code that was told of in the log. */
  told: string | undefined;
  settled: (() => void) | undefined;
}

const UNDER_WAY_MAX = 16;

export class Events {
  readonly #lines = new Map<string, Line>();
  readonly #taskOf = new Map<string, string>();
  #connection: Connection | undefined;

  constructor(private readonly parts: EventsParts) {}

  send(event: TaskEvent): Promise<void> {
    const sent = Promise.withResolvers<void>();
    const line = this.#lines.get(event.taskId) ?? { waiting: [], under: 0, told: undefined, settled: undefined };
    this.#lines.set(event.taskId, line);
    this.#taskOf.set(event.id, event.taskId);
    line.waiting.push({ event, sent, tries: 0 });
    this.#go(line);
    return sent.promise;
  }

  /** Whether the task has sent any. */
  has(taskId: string): boolean {
    return this.#lines.has(taskId);
  }

  /** Calls back once no event of the task is on its way; at once where none is. */
  whenSettled(taskId: string, then: () => void): void {
    const line = this.#lines.get(taskId);
    if (!line || line.waiting.length === 0) {
      this.#lines.delete(taskId);
      return then();
    }
    line.settled = then;
  }

  connect(connection: Connection | undefined): void {
    this.#connection = connection;
    for (const line of this.#lines.values()) {
      line.under = 0;
      this.#go(line);
    }
  }

  answered(id: string, refusal: EventRefusal | undefined): void {
    const taskId = this.#taskOf.get(id);
    const line = taskId === undefined ? undefined : this.#lines.get(taskId);
    const place = line?.waiting.findIndex(({ event }) => event.id === id) ?? -1;
    const waiting = line?.waiting[place];
    if (taskId === undefined || !line || !waiting) return;
    line.waiting.splice(place, 1);
    this.#taskOf.delete(id);
    if (place < line.under) line.under -= 1;
    if (refusal) this.#refused(line, waiting, refusal);
    else waiting.sent.resolve();
    this.#go(line);
    if (line.waiting.length === 0 && line.settled) this.#settle(taskId, line);
  }

  postponed(id: string): void {
    const line = this.#lines.get(this.#taskOf.get(id) ?? "");
    const waiting = line?.waiting.find(({ event }) => event.id === id);
    if (!waiting) return;
    const { system, retry } = this.parts;
    const connection = this.#connection;
    waiting.tries += 1;
    system.timers.after(backoffMs(waiting.tries, system.random, retry), () => {
      // After a reconnect all have been sent again already.
      if (this.#taskOf.has(id) && connection && this.#connection === connection) connection.event(waiting.event);
    });
  }

  /** Nobody will answer any more. */
  close(): void {
    const message = "The worker stops, and it is not known whether the orchestrator has the event.";
    this.#taskOf.clear();
    for (const [taskId, line] of this.#lines) {
      for (const { sent } of line.waiting.splice(0)) sent.reject(new EventRefused("WORKER_STOPS", message));
      this.#settle(taskId, line);
    }
  }

  #go(line: Line): void {
    const connection = this.#connection;
    if (!connection) return;
    for (let next = line.waiting[line.under]; next && line.under < UNDER_WAY_MAX; next = line.waiting[line.under]) {
      line.under += 1;
      connection.event(next.event);
    }
  }

  #settle(taskId: string, line: Line): void {
    this.#lines.delete(taskId);
    line.settled?.();
  }

  /** A handler may send very many after the first that is refused: the log hears of the first. */
  #refused(line: Line, { event, sent }: Waiting, { code, message }: EventRefusal): void {
    const { taskId, jobId, name } = event;
    const { log } = this.parts.system;
    const fields = { task_id: taskId, job_id: jobId, event: name, code, reason: message };
    if (line.told === code) log.debug("the orchestrator does not take an event", fields);
    else log.warn("the orchestrator does not take an event", fields);
    line.told = code;
    sent.reject(new EventRefused(code, message));
  }
}
