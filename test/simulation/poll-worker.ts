/** A worker of the original's kind: it asks for tasks by HTTP, and each request goes its own way. */
import type { TaskPayload } from "../../src/protocol/worker.ts";
import { ask } from "./network.ts";
import { type Running, Worker } from "./worker.ts";

const POLL_MS = 5_000;

export class PollWorker extends Worker {
  #polls = 0;

  start(): void {
    // One that the server forgot does not know that it has to register.
    if (!this.world.weather.loss || !this.world.isHappening(0.3)) this.#register();
    this.#pollWhenFree();
    this.process.after(this.world.chance.between(0, 100), () => this.#beat());
  }

  breakConnection(): void {
    this.fault();
  }

  /** Each request is a connection of its own. */
  protected silent(): void {
    this.fault();
  }

  #register(): void {
    const { id, tasks, concurrency, stamp } = this;
    const body = { worker_id: id, supported_tasks: [...tasks], max_concurrent_tasks: concurrency, ...stamp };
    ask(this.world, {
      name: `${this.id} registers`,
      caller: this.process,
      send: (engine) => engine.workers.register(body),
      failed: () => this.fault(),
      done: (outcome) => {
        if (outcome.type !== "answer") this.process.after(500, () => this.#register());
      },
    });
  }

  #beat(): void {
    ask(this.world, {
      name: `${this.id} is alive`,
      caller: this.process,
      timeoutMs: 5_000,
      send: (engine) => engine.workers.heartbeat(this.id, { current_tasks: [...this.running.keys()], ...this.stamp }),
      failed: () => this.fault(),
      done: (outcome) => {
        if (outcome.type === "refusal" && outcome.status === 404) this.#register();
        if (outcome.type !== "answer") return;
        const { cancel_task_ids: cancelled } = outcome.value;
        if (Array.isArray(cancelled)) for (const taskId of cancelled) this.stop(String(taskId));
      },
    });
    this.process.after(3_000, () => this.#beat());
  }

  #pollWhenFree(): void {
    if (!this.draining && this.running.size + this.#polls < this.concurrency) this.#poll();
    this.process.after(400, () => this.#pollWhenFree());
  }

  #poll(): void {
    const { world } = this;
    this.#polls += 1;
    const gaveUp = new AbortController();
    this.process.onDeath(() => gaveUp.abort());
    let isHeard = false;
    ask(world, {
      name: `${this.id} polls`,
      caller: this.process,
      timeoutMs: POLL_MS + 3_000,
      send: (engine) => engine.workers.poll(this.id, POLL_MS, gaveUp.signal),
      said: (text) => this.given(text, () => isHeard),
      failed: () => this.fault(),
      done: (outcome) => {
        isHeard = true;
        this.#polls -= 1;
        if (outcome.type === "lost") this.fault();
        if (outcome.type === "answer" && outcome.value !== undefined)
          this.take(JSON.parse(outcome.value) as TaskPayload);
      },
    });
  }

  protected given(text: string | undefined, isHeard: () => boolean): void {
    if (text === undefined) return;
    const { world } = this;
    const task = JSON.parse(text) as TaskPayload;
    const timeoutMs =
      task.timeout_seconds === null ? world.server.settings.workerTimeoutMs : task.timeout_seconds * 1_000;
    world.ledger.handedOut(this.id, task.job_id, task.task_id, timeoutMs);
    world.note(
      `task ${task.task_id.slice(-8)} attempt ${task.attempt} of ${task.job_id.slice(-6)} is polled by ${this.id}`,
    );
    // The door may see that nobody is there any more.
    if (!this.process.alive || isHeard()) {
      this.fault();
      if (world.chance.is(0.5)) world.server.engine?.workers.undelivered(this.id, task.task_id);
    }
  }

  protected send(running: Running): void {
    const { result } = running;
    if (!result) return;
    ask(this.world, {
      name: `${this.id} hands in ${result.taskId.slice(-8)}`,
      caller: this.process,
      timeoutMs: 10_000,
      send: (engine) => engine.workers.result(result),
      said: (answer) => this.answered(result, answer),
      failed: () => this.fault(),
      done: (outcome) => {
        if (outcome.type === "answer") return void this.running.delete(result.taskId);
        this.process.after(this.world.chance.between(100, 1_500), () => {
          if (this.running.get(result.taskId) === running) this.send(running);
        });
      },
    });
  }

  /** What it does not ask for it does not get. */
  protected stopAsking(): void {
    this.fault();
  }

  protected report(task: TaskPayload): void {
    const ids = { jobId: task.job_id, taskId: task.task_id };
    this.world.arriving(this.world.delayMs(), () => {
      this.world.server.engine?.workers.progress(this.id, { ...ids, progress: 0.5 });
    });
  }

  release(): void {
    const unfinished = [...this.running.values()].filter((running) => !running.result).map(({ task }) => task.task_id);
    for (const taskId of unfinished) this.running.delete(taskId);
    this.fault();
    this.world.arriving(this.world.delayMs(), () => {
      this.world.ledger.givenBack(unfinished);
      this.world.server.engine?.workers.release(this.id, unfinished);
    });
  }
}
