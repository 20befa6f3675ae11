/** All workers: who is there, whose fault it was, and who comes for those that went. */
import type { ResultAnswer, TaskPayload, WorkerResult } from "../../src/protocol/worker.ts";
import { promise } from "./ledger.ts";
import { PollWorker } from "./poll-worker.ts";
import { SdkPollWorker } from "./sdk-poll-worker.ts";
import { StreamWorker } from "./stream-worker.ts";
import type { Worker } from "./worker.ts";
import type { World } from "./world.ts";

export class Fleet {
  readonly #present: Worker[] = [];
  /** By id, and by session. */
  readonly #faults = new Map<string, number>();
  /** Which process has polled a task, where it says so: the others of its id are not answerable for it. */
  readonly #processes = new Map<string, Worker>();

  constructor(readonly world: World) {}

  hire(id: string, kind: "stream" | "poll"): void {
    if (kind === "stream") return new StreamWorker(this.world, id).start();
    const Poller = this.world.mishap?.isAboutPollers === true ? SdkPollWorker : PollWorker;
    new Poller(this.world, id).start();
  }

  joined(worker: Worker): void {
    this.#present.push(worker);
  }

  left(worker: Worker): void {
    this.#present.splice(this.#present.indexOf(worker), 1);
    const kind = worker instanceof StreamWorker ? "stream" : "poll";
    this.world.time.at(this.world.chance.one(0, 500, 4_000), () => {
      if (worker.comesAgain) worker.comesAgain();
      else this.hire(worker.id, kind);
    });
  }

  get some(): Worker | undefined {
    return this.world.chance.pick(this.#present);
  }

  given(worker: Worker, task: TaskPayload): void {
    this.#processes.set(task.task_id, worker);
  }

  fault({ id, session }: Worker): void {
    const nowMs = this.world.time.monotonicMs();
    this.#faults.set(id, nowMs);
    this.#faults.set(session, nowMs);
  }

  /** The last moment at which it was at fault: one that stands still is all the time. */
  faultOf(workerId: string, taskId: string): number {
    const nowMs = this.world.time.monotonicMs();
    const own = this.#processes.get(taskId);
    const suspects = own ? [own] : this.#present.filter(({ id }) => id === workerId);
    if (suspects.some(({ process }) => process.stoodStillUntilMs > nowMs)) return nowMs;
    return this.#faults.get(own?.session ?? workerId) ?? Number.NEGATIVE_INFINITY;
  }

  refusedForeign(result: WorkerResult, answer: ResultAnswer): void {
    promise(
      answer.status === "ignored",
      `a result of job ${result.jobId} by ${result.workerId} was accepted for task ${result.taskId}`,
    );
  }
}
