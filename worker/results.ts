/**
 * The results for one orchestrator on their way: to the disk first where they are kept there, then
 * over whichever connection there is, again where the server could not take them, until each is
 * acknowledged or refused for good.
 */
import type { TaskReference } from "../src/protocol/process.ts";
import type { System } from "../src/system/index.ts";
import { backoffMs, type RetryDelays } from "./backoff.ts";
import { Outbox } from "./outbox.ts";
import { tooLarge } from "./outcome.ts";
import type { Shelf } from "./shelf.ts";
import type { Connection, Remark, Result } from "./transport.ts";

export interface ResultsParts {
  readonly system: Pick<System, "log" | "random" | "scheduler" | "timers">;
  /** The orchestrator's, under which they are kept. */
  readonly name: string;
  /** Undefined: they lie in memory alone. */
  readonly shelf: Shelf | undefined;
  readonly retry: RetryDelays;
  /** One of them is settled. */
  readonly settled: () => void;
}

export class Results {
  readonly #outbox = new Outbox();
  /** On their way to the disk, before they are sent. */
  #unsent: Result[] = [];
  /** On the disk, though not to be sent yet: of these tasks. */
  readonly #kept = new Set<string>();
  #connection: Connection | undefined;

  constructor(private readonly parts: ResultsParts) {
    for (const { jobId, taskId, body } of parts.shelf?.of(parts.name) ?? []) this.#outbox.add(jobId, taskId, body);
  }

  get size(): number {
    return this.#outbox.size;
  }

  references(): TaskReference[] {
    return this.#outbox.all().map(({ jobId, taskId }) => ({ job_id: jobId, task_id: taskId }));
  }

  add(jobId: string, taskId: string, body: string): void {
    const result = this.#outbox.add(jobId, taskId, body);
    const { shelf, name, system } = this.parts;
    if (!shelf) return this.#connection?.result(result);
    if (!this.#kept.delete(taskId)) shelf.put(name, jobId, taskId, body);
    this.#unsent.push(result);
    if (this.#unsent.length === 1) system.scheduler.afterInput(() => this.flush());
  }

  /** What is not to be sent yet outlives the process as well. */
  keep(jobId: string, taskId: string, body: string): void {
    const { shelf, name, system } = this.parts;
    if (!shelf) return;
    shelf.put(name, jobId, taskId, body);
    this.#kept.add(taskId);
    system.scheduler.afterInput(() => shelf.flush());
  }

  /** A connection that was made since then has sent them as well: what is sent twice counts once. */
  flush(): void {
    const results = this.#unsent;
    if (results.length === 0) return;
    this.#unsent = [];
    this.parts.shelf?.flush();
    for (const { seq } of results) {
      const result = this.#outbox.get(seq);
      if (result) this.#connection?.result(result);
    }
  }

  /** From now on over this connection, all that is not acknowledged first. Undefined: there is none. */
  connect(connection: Connection | undefined): void {
    this.#connection = connection;
    if (!connection) return;
    this.#unsent = [];
    this.parts.shelf?.flush();
    for (const result of this.#outbox.all()) connection.result(result);
  }

  /** The task is over or somebody else's: nobody waits for what we have to say of it. */
  drop(taskId: string): void {
    const result = this.#outbox.dropTask(taskId);
    if (!result) return;
    this.parts.shelf?.drop(taskId);
    const reason = "the orchestrator does not wait for the task any more";
    this.parts.system.log.warn("a result was dropped", { task_id: taskId, job_id: result.jobId, reason });
  }

  settle(seq: number, remark?: Remark): void {
    const result = this.#outbox.get(seq);
    if (result && remark !== undefined) {
      const fields = { task_id: result.taskId, job_id: result.jobId, reason: remark.reason };
      this.parts.system.log.warn(remark.what, fields);
    }
    if (result) this.parts.shelf?.drop(result.taskId);
    this.#outbox.settle(seq);
    this.parts.settled();
  }

  /** Sent again as it is it would be refused for ever: its task fails with the reason instead. */
  tooLarge(seq: number): void {
    const found = this.#outbox.get(seq);
    if (!found) return;
    const result = this.#outbox.replace(seq, tooLarge(found.body));
    if (result) this.parts.shelf?.put(this.parts.name, result.jobId, result.taskId, result.body);
    const fields = { task_id: found.taskId, job_id: found.jobId, chars: found.body.length };
    this.parts.system.log.error("the orchestrator refuses a result for its size", fields);
    if (result) this.#connection?.result(result);
  }

  postpone(seq: number, reason: string): void {
    const { system, retry } = this.parts;
    const tries = this.#outbox.countTry(seq);
    system.log.debug("the orchestrator could not take a result now", { seq, reason, tries });
    const connection = this.#connection;
    system.timers.after(backoffMs(tries, system.random, retry), () => {
      const result = this.#outbox.get(seq);
      // After a reconnect everything has been sent again already.
      if (result && connection && this.#connection === connection) connection.result(result);
    });
  }
}
