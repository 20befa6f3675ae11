/**
 * The events of running tasks on their way to one orchestrator: sent again over each new connection, and where it could not
 * take them, until each is on its disk or refused. It knows them by their ids: what arrives twice counts once.
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

export class Events {
  readonly #waiting = new Map<string, Waiting>();
  #connection: Connection | undefined;

  constructor(private readonly parts: EventsParts) {}

  send(event: TaskEvent): Promise<void> {
    const sent = Promise.withResolvers<void>();
    this.#waiting.set(event.id, { event, sent, tries: 0 });
    this.#connection?.event(event);
    return sent.promise;
  }

  connect(connection: Connection | undefined): void {
    this.#connection = connection;
    if (connection) for (const { event } of this.#waiting.values()) connection.event(event);
  }

  answered(id: string, refusal: EventRefusal | undefined): void {
    const waiting = this.#waiting.get(id);
    if (!waiting || !this.#waiting.delete(id)) return;
    if (!refusal) return waiting.sent.resolve();
    const { taskId, jobId, name } = waiting.event;
    const fields = { task_id: taskId, job_id: jobId, event: name, code: refusal.code, reason: refusal.message };
    this.parts.system.log.warn("the orchestrator does not take an event", fields);
    waiting.sent.reject(new EventRefused(refusal.code, refusal.message));
  }

  postponed(id: string): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    const { system, retry } = this.parts;
    const connection = this.#connection;
    waiting.tries += 1;
    system.timers.after(backoffMs(waiting.tries, system.random, retry), () => {
      // After a reconnect all have been sent again already.
      if (this.#waiting.has(id) && connection && this.#connection === connection) connection.event(waiting.event);
    });
  }

  /** Nobody will answer any more. */
  close(): void {
    const message = "The worker stops, and it is not known whether the orchestrator has the event.";
    for (const { sent } of this.#waiting.values()) sent.reject(new EventRefused("WORKER_STOPS", message));
    this.#waiting.clear();
  }
}
