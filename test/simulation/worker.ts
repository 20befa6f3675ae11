/** A worker's process: what it runs, how that ends, and what may befall it. How it talks to the server is its kind's. */
import { readResult } from "../../src/protocol/result.ts";
import type { ResultAnswer, TaskPayload, WorkerResult } from "../../src/protocol/worker.ts";
import type { JsonMap } from "../../src/system/errors.ts";
import { Process } from "./time.ts";
import type { World } from "./world.ts";

export interface Running {
  readonly task: TaskPayload;
  /** Made, and not acknowledged yet. */
  result?: WorkerResult;
  /** Does not hear that it is to be ended. */
  isDeaf?: boolean;
}

const TASKS = ["t", "u"];
/** So long the door hears nothing on a connection before it closes it. */
const SILENT_MS = 10_000;

export abstract class Worker {
  readonly process: Process;
  readonly running = new Map<string, Running>();
  readonly session: string;
  draining = false;
  /** Left out: somebody of its kind comes when it has gone. */
  readonly comesAgain?: () => void;

  constructor(
    readonly world: World,
    readonly id: string,
  ) {
    this.process = new Process(world.time);
    this.session = `session-${world.nextNumber()}`;
    world.fleet.joined(this);
  }

  abstract start(): void;
  /** A result is there: it is sent until somebody takes it. */
  protected abstract send(running: Running): void;
  protected abstract report(task: TaskPayload): void;
  abstract release(): void;
  /** Tells the server that it takes no more. */
  protected abstract stopAsking(): void;
  abstract breakConnection(): void;

  get tasks(): readonly string[] {
    return TASKS;
  }

  get concurrency(): number {
    return 1 + (Number.parseInt(this.session.slice(8), 10) % 4);
  }

  note(text: string): void {
    this.world.note(`worker ${this.id} ${this.session.slice(8)}: ${text}`);
  }

  /** From now on it is its own fault if it is thought lost. */
  fault(): void {
    this.world.fleet.fault(this);
  }

  take(task: TaskPayload): void {
    const { world, process } = this;
    this.note(`gets ${task.task_id.slice(-8)} attempt ${task.attempt}`);
    world.hold(() => world.trust.judge(world.server.engine?.workers.list() ?? []));
    world.tellers.begin(this, task);
    const running: Running = { task };
    this.running.set(task.task_id, running);
    const usualMs = world.isHappening(0.1) ? world.chance.between(3_000, 12_000) : world.chance.delayMs(1_500);
    const takesMs = world.mishap?.taken(this, running, usualMs) ?? usualMs;
    if (world.chance.is(0.2)) process.after(takesMs / 2, () => this.report(task));
    world.hints.taken(this, running, takesMs);
    process.after(takesMs, () => this.finish(running));
  }

  protected finish(running: Running, status?: string): void {
    if (running.result || this.running.get(running.task.task_id) !== running) return;
    running.result = this.#resultOf(running.task, status);
    this.note(`ends ${running.task.task_id.slice(-8)} with ${running.result.status}`);
    this.send(running);
    this.world.mishap?.sent(this, running);
    if (this.world.weather.doubles && this.world.isHappening(0.1)) this.send(running);
    // Sent, and nobody knows whether it arrived.
    if (this.world.weather.workers && this.world.isHappening(0.05)) this.breakConnection();
    if (this.world.weather.doubles && this.world.isHappening(0.15)) this.#sendForeign(running.result);
  }

  /** The same again, or something else about the same task. */
  sendMore(running: Running, isOther: boolean): void {
    const { task } = running;
    this.note(`sends ${isOther ? "another" : "the same"} result of ${task.task_id.slice(-8)} once more`);
    this.send(isOther ? { task, result: this.#resultOf(task) } : running);
  }

  /** What a worker says about the time: by a clock of its own. */
  protected get stamp(): JsonMap {
    return this.world.mishap?.stamp() ?? {};
  }

  #resultOf(task: TaskPayload, status = this.#outcome()): WorkerResult {
    const { world } = this;
    const token = `token-${world.nextNumber()}`;
    world.ledger.produced(token, task.task_id);
    world.trust.produced(this.id, status);
    const ids = { jobId: task.job_id, taskId: task.task_id, workerId: this.id };
    if (world.mishap?.isStamping) return this.#stampedResult(task, status, token);
    if (status.endsWith("ERROR")) {
      const error = { code: status, message: "The simulated task failed." };
      return { ...ids, status: "failure", error, raw: JSON.stringify({ status: "failure", error, data: { token } }) };
    }
    const data = { token };
    return { ...ids, status, data: JSON.stringify(data), raw: JSON.stringify({ status, data }) };
  }

  /** As it comes to the door: what is in it about the time is read there. */
  #stampedResult(task: TaskPayload, status: string, token: string): WorkerResult {
    const { job_id, task_id } = task;
    const isError = status.endsWith("ERROR");
    const error = { code: status, message: "The simulated task failed." };
    const fields = isError ? { status: "failure", error, data: { token } } : { status, data: { token } };
    return readResult({ job_id, task_id, worker_id: this.id, ...this.stamp, ...fields }, this.id);
  }

  #outcome(): string {
    const { world } = this;
    if (!world.weather.failures || !world.isHappening(0.3)) return "success";
    if (world.chance.is(0.7)) return "TRANSIENT_ERROR";
    return world.chance.one("PERMANENT_ERROR", "INVALID_INPUT_ERROR", "cancelled", "no_such_status", "failure");
  }

  /** What the server said to a result, whoever hears of it. */
  protected answered({ taskId }: WorkerResult, answer: ResultAnswer): void {
    this.world.ledger.answered(taskId, answer);
    this.world.mishap?.answered(taskId, answer);
  }

  /** For another job, or in another worker's name: it must not count. */
  #sendForeign(result: WorkerResult): void {
    const { world } = this;
    const otherJob = world.chance.pick([...world.ledger.jobs.keys()].filter((id) => id !== result.jobId));
    const foreign = world.chance.is(0.5)
      ? { ...result, workerId: "somebody-else" }
      : { ...result, jobId: otherJob ?? "00000000-0000-7000-8000-000000000000" };
    world.arriving(world.delayMs(), () => {
      const { engine, process } = world.server;
      engine?.workers.result(foreign).then(
        (answer) => {
          if (process?.alive) world.hold(() => world.fleet.refusedForeign(foreign, answer));
        },
        () => undefined,
      );
    });
  }

  /** Told to end it: most do, some do not hear. */
  protected stop(taskId: string): void {
    const running = this.running.get(taskId);
    if (!running || running.isDeaf || this.world.isHappening(0.3)) return;
    this.process.after(this.world.chance.between(0, 300), () => this.finish(running, "cancelled"));
  }

  /** It takes no more, ends what it has, and makes room for a new process. */
  drain(): void {
    if (this.draining) return;
    this.note("drains");
    this.draining = true;
    this.stopAsking();
    this.#leaveWhenIdle();
  }

  #leaveWhenIdle(): void {
    if (this.running.size === 0) return this.die();
    this.process.after(200, () => this.#leaveWhenIdle());
  }

  freeze(forMs: number): void {
    this.note(`is frozen for ${forMs} ms`);
    this.fault();
    this.process.standStill(forMs);
    this.world.time.at(forMs, () => this.fault());
  }

  /** For so long that the server closes what it hears nothing on any more. */
  freezeLong(forMs: number): void {
    this.freeze(forMs);
    this.world.time.at(SILENT_MS, () => this.silent());
  }

  /** The server takes it for gone, and it has not noticed. */
  protected abstract silent(): void;

  die(): void {
    this.note("dies");
    this.fault();
    this.process.die();
    this.breakConnection();
    this.world.fleet.left(this);
  }
}
