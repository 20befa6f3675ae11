/**
 * A worker of our SDK that polls: it says which process it is, registers anew whenever a request of its fails, with what it
 * has in hand, and hears nothing any more over what it has left behind.
 */
import type { Caller } from "../../src/protocol/process.ts";
import type { TaskPayload } from "../../src/protocol/worker.ts";
import { ask } from "./network.ts";
import { PollWorker } from "./poll-worker.ts";
import type { Cancel } from "../../src/system/clock.ts";

const POLL_MS = 5_000;
const REQUEST_MS = 5_000;

/** One registration, and what follows from it. */
class Connection {
  readonly end = new AbortController();
  polls = 0;
  heartbeatMs = 3_000;
  stopBeating: Cancel = () => undefined;

  constructor(readonly caller: Caller) {}

  get isOver(): boolean {
    return this.end.signal.aborted;
  }
}

export class SdkPollWorker extends PollWorker {
  #connection: Connection | undefined;
  #connections = 0;

  override start(): void {
    this.process.onDeath(() => this.#connection?.end.abort());
    this.#connect();
    this.#pollWhenFree();
  }

  #connect(): void {
    const { world, id, tasks, concurrency, stamp, session } = this;
    const connection = new Connection({ session, connection: ++this.#connections });
    const running = [...this.running.values()].map(({ task }) => ({ job_id: task.job_id, task_id: task.task_id }));
    const body = { worker_id: id, supported_tasks: [...tasks], max_concurrent_tasks: concurrency, ...stamp };
    ask(world, {
      name: `${id} ${session.slice(8)} registers with ${running.length} tasks`,
      caller: this.process,
      timeoutMs: REQUEST_MS,
      send: (engine) => engine.workers.register(body, { ...connection.caller, running }),
      failed: () => this.fault(),
      done: (outcome) => {
        if (outcome.type !== "answer") {
          this.process.after(world.chance.between(50, 800), () => this.#connect());
          return;
        }
        connection.heartbeatMs = outcome.value.heartbeatMs;
        for (const taskId of outcome.value.cancelled) {
          if (this.running.get(taskId)?.result) this.running.delete(taskId);
          else this.stop(taskId);
        }
        this.#connection = connection;
        this.#beat(connection);
        world.mishap?.registered(this);
      },
    });
  }

  #lose(connection: Connection): void {
    if (this.#connection !== connection || !this.process.alive) return;
    this.note("leaves its connection");
    connection.end.abort();
    connection.stopBeating();
    this.#connection = undefined;
    this.process.after(this.world.chance.between(50, 800), () => this.#connect());
  }

  override breakConnection(): void {
    super.breakConnection();
    if (this.#connection) this.#lose(this.#connection);
  }

  #beat(connection: Connection): void {
    if (connection.isOver) return;
    const report = { current_tasks: [...this.running.keys()], ...this.stamp };
    ask(this.world, {
      name: `${this.id} is alive`,
      caller: this.process,
      timeoutMs: REQUEST_MS,
      send: (engine) => engine.workers.heartbeat(this.id, report, undefined, connection.caller),
      failed: () => this.fault(),
      done: (outcome) => {
        if (outcome.type !== "answer") return this.#lose(connection);
        const { cancel_task_ids: cancelled } = outcome.value;
        if (Array.isArray(cancelled)) for (const taskId of cancelled) this.stop(String(taskId));
      },
    });
    connection.stopBeating = this.process.after(connection.heartbeatMs, () => this.#beat(connection));
  }

  #pollWhenFree(): void {
    const connection = this.#connection;
    const isFree = connection && this.running.size + connection.polls < this.concurrency;
    if (connection && isFree && !this.draining) this.#poll(connection);
    this.process.after(400, () => this.#pollWhenFree());
  }

  #poll(connection: Connection): void {
    connection.polls += 1;
    let isHeard = false;
    ask(this.world, {
      name: `${this.id} polls`,
      caller: this.process,
      timeoutMs: POLL_MS + 3_000,
      send: (engine) => engine.workers.poll(this.id, POLL_MS, connection.end.signal, connection.caller),
      said: (text) => {
        if (text !== undefined) this.world.fleet.given(this, JSON.parse(text) as TaskPayload);
        this.given(text, () => isHeard);
      },
      failed: () => this.fault(),
      done: (outcome) => {
        isHeard = true;
        connection.polls -= 1;
        if (outcome.type === "lost") this.fault();
        if (outcome.type !== "answer") return this.#lose(connection);
        // What comes over a connection that is over is read by nobody.
        if (outcome.value !== undefined && !connection.isOver) this.take(JSON.parse(outcome.value) as TaskPayload);
      },
    });
  }
}
