/** A worker with our stream: one connection at a time, frames in order, what was under way is lost when it breaks. */
import type { WorkerLink } from "../../actors/orchestrator.ts";
import type { TaskPayload } from "../../src/protocol/worker.ts";
import { Refusal } from "../../src/system/errors.ts";
import type { Process } from "./time.ts";
import { type Running, Worker } from "./worker.ts";

/** One connection: each end may think it open while it is not. */
class Connection {
  workerOpen = true;
  serverOpen = true;
  isCut = false;
  joined = false;
  early: (() => void)[] = [];
  link: WorkerLink | undefined;
  #upMs = 0;
  #downMs = 0;

  constructor(
    readonly worker: StreamWorker,
    readonly server: Process,
  ) {}

  up(arrive: () => void): void {
    if (!this.workerOpen) return;
    const { world } = this.worker;
    this.#upMs = Math.max(this.#upMs, world.time.monotonicMs() + world.delayMs());
    const run = () => {
      if (!this.isCut && this.serverOpen) arrive();
    };
    world.time.at(this.#upMs - world.time.monotonicMs(), run, this.server);
  }

  /** A frame that has to wait for the welcome. */
  frame(arrive: () => void): void {
    this.up(() => {
      if (this.joined) arrive();
      else this.early.push(arrive);
    });
  }

  down(arrive: () => void): void {
    if (!this.serverOpen) return;
    const { world, process } = this.worker;
    this.#downMs = Math.max(this.#downMs, world.time.monotonicMs() + world.delayMs());
    const run = () => {
      if (!this.isCut && this.workerOpen) arrive();
    };
    world.time.at(this.#downMs - world.time.monotonicMs(), run, process);
  }
}

export class StreamWorker extends Worker {
  #connection: Connection | undefined;

  start(): void {
    this.#connect();
  }

  #connect(): void {
    const { world } = this;
    const { engine, process: server } = world.server;
    if (!engine || !server) {
      this.process.after(world.chance.between(100, 600), () => this.#connect());
      return;
    }
    const connection = new Connection(this, server);
    this.#connection = connection;
    server.onDeath(() => this.#seesEnd(connection, world.chance.between(0, 300)));
    const hello = {
      session: this.session,
      registration: {
        worker_id: this.id,
        supported_tasks: [...this.tasks],
        max_concurrent_tasks: this.concurrency,
        ...this.stamp,
      },
      running: [...this.running.values()].map(({ task }) => ({ job_id: task.job_id, task_id: task.task_id })),
    };
    this.note(`connects with ${hello.running.length} tasks`);
    const link = this.#link(connection);
    connection.link = link;
    connection.up(() => {
      engine.workers.connect(this.id, link, hello).then(
        ({ cancelled }) => {
          if (!server.alive) return;
          connection.down(() => this.#welcomed(connection, cancelled));
          connection.joined = true;
          for (const arrive of connection.early.splice(0)) arrive();
        },
        () => this.#cut(connection),
      );
    });
    this.#ends.set(connection, () => engine.workers.disconnect(this.id, link));
  }

  /** What the server does when it sees that a connection is over. */
  readonly #ends = new Map<Connection, () => void>();

  #link(connection: Connection): WorkerLink {
    const { world } = this;
    const isGone = () => !connection.server.alive;
    return {
      kind: "stream",
      task: (payload) => {
        if (isGone()) return true;
        if (!connection.serverOpen) return false;
        this.#failNowAndThen();
        const task = JSON.parse(payload) as TaskPayload;
        world.hold(() => world.ledger.handedOut(this.id, task.job_id, task.task_id, timeoutOf(task)));
        world.note(
          `task ${task.task_id.slice(-8)} attempt ${task.attempt} of ${task.job_id.slice(-6)} goes to ${this.id}`,
        );
        connection.down(() => this.take(task));
        return true;
      },
      cancel: (_jobId, taskId) => {
        if (isGone()) return true;
        this.#failNowAndThen();
        connection.down(() => this.stop(taskId));
        return connection.serverOpen;
      },
      close: () => {
        if (isGone() || !connection.serverOpen) return;
        this.#serverSeesEnd(connection, 0);
        this.#seesEnd(connection, world.chance.between(0, 50));
      },
    };
  }

  /** A defect of the server's own: the worker's actor fails with it. */
  #failNowAndThen(): void {
    const { world } = this;
    if (!world.weather.defects || !world.isHappening(0.03)) return;
    this.fault();
    throw new Error("The simulated link has a defect.");
  }

  #welcomed(connection: Connection, cancelled: readonly string[]): void {
    if (this.#connection !== connection) return;
    this.note(`is welcome, ${cancelled.length} cancelled`);
    for (const taskId of cancelled) {
      if (this.running.get(taskId)?.result) this.running.delete(taskId);
      else this.stop(taskId);
    }
    for (const running of this.running.values()) if (running.result) this.send(running);
    this.#beat(connection);
    if (this.draining) this.stopAsking();
  }

  protected stopAsking(): void {
    const connection = this.#connection;
    connection?.frame(() => {
      const { link } = connection;
      if (link) this.#engineOf(connection)?.workers.drainLink(this.id, link);
    });
  }

  #engineOf(connection: Connection) {
    return connection.server.alive ? this.world.server.engine : undefined;
  }

  #beat(connection: Connection): void {
    if (this.#connection !== connection || !connection.workerOpen) return;
    const body = { current_tasks: [...this.running.keys()], ...this.stamp };
    connection.frame(() => {
      const beating = this.#engineOf(connection)?.workers.heartbeat(this.id, body);
      beating?.catch(() => undefined);
    });
    this.process.after(3_000, () => this.#beat(connection));
  }

  protected send(running: Running): void {
    const connection = this.#connection;
    const { result } = running;
    if (!connection?.workerOpen || !result) return;
    connection.frame(() => {
      this.#engineOf(connection)
        ?.workers.result(result)
        .then(
          (answer) => {
            if (!connection.server.alive) return;
            this.world.hold(() => this.answered(result, answer));
            this.note(`${result.taskId.slice(-8)} is answered ${JSON.stringify(answer).slice(0, 60)}`);
            connection.down(() => void this.running.delete(result.taskId));
          },
          (error: unknown) => {
            if (!connection.server.alive) return;
            this.note(`${result.taskId.slice(-8)} is refused ${error instanceof Refusal ? error.code : String(error)}`);
            connection.down(() =>
              this.process.after(this.world.chance.between(200, 1_500), () => this.#sendAgain(running)),
            );
          },
        );
    });
  }

  #sendAgain(running: Running): void {
    if (this.running.get(running.task.task_id) === running) this.send(running);
  }

  protected report(task: TaskPayload): void {
    const connection = this.#connection;
    const ids = { jobId: task.job_id, taskId: task.task_id };
    connection?.frame(() => {
      const workers = this.#engineOf(connection)?.workers;
      workers?.progress(this.id, { ...ids, progress: 0.5 });
      workers?.checkpoint(this.id, { ...ids, value: '{"half":true}' });
    });
  }

  release(): void {
    const connection = this.#connection;
    const unfinished = [...this.running.values()].filter((running) => !running.result).map(({ task }) => task.task_id);
    if (!connection?.workerOpen || unfinished.length === 0) return;
    this.note(`gives back ${unfinished.length}`);
    for (const taskId of unfinished) this.running.delete(taskId);
    connection.frame(() => {
      this.world.ledger.givenBack(unfinished);
      this.#engineOf(connection)?.workers.release(this.id, unfinished);
    });
  }

  protected silent(): void {
    const connection = this.#connection;
    if (!connection?.workerOpen) return;
    this.note("is silent, and its connection is closed");
    this.#serverSeesEnd(connection, 0);
    this.#seesEnd(connection, this.world.chance.between(0, 50));
  }

  breakConnection(): void {
    if (this.#connection) this.#cut(this.#connection);
  }

  /** What is under way is lost; each end notices in its own time. */
  #cut(connection: Connection): void {
    if (connection.isCut) return;
    connection.isCut = true;
    this.note("loses its connection");
    this.fault();
    const { chance } = this.world;
    this.#seesEnd(connection, chance.one(0, 100, 1_000));
    this.#serverSeesEnd(connection, chance.one(0, 100, 1_000, 6_000));
  }

  #serverSeesEnd(connection: Connection, delayMs: number): void {
    const { world } = this;
    if (delayMs === 0) connection.serverOpen = false;
    world.time.at(
      delayMs,
      () => {
        connection.serverOpen = false;
        const ended = this.#ends.get(connection);
        if (!ended) return;
        this.#ends.delete(connection);
        if (connection.isCut) this.fault();
        // Its door knows a moment before the engine does.
        connection.server.after(world.chance.one(0, 0, 60), ended);
      },
      connection.server,
    );
  }

  #seesEnd(connection: Connection, delayMs: number): void {
    this.world.time.at(
      delayMs,
      () => {
        if (!connection.workerOpen) return;
        connection.workerOpen = false;
        this.#serverSeesEnd(connection, 0);
        if (this.#connection !== connection) return;
        this.#connection = undefined;
        if (connection.isCut) this.fault();
        this.process.after(this.world.chance.between(50, 800), () => this.#connect());
      },
      this.process,
    );
  }
}

function timeoutOf(task: TaskPayload): number | undefined {
  return task.timeout_seconds === null ? undefined : task.timeout_seconds * 1_000;
}
