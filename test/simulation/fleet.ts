/** All workers: who is there, whose fault it was, and who comes for those that went. */
import type { ResultAnswer, WorkerResult } from "../../src/protocol/worker.ts";
import { promise } from "./ledger.ts";
import { PollWorker } from "./poll-worker.ts";
import { StreamWorker } from "./stream-worker.ts";
import type { Worker } from "./worker.ts";
import type { World } from "./world.ts";

export class Fleet {
  readonly #present: Worker[] = [];
  readonly #faults = new Map<string, number>();

  constructor(readonly world: World) {}

  hire(id: string, kind: "stream" | "poll"): void {
    const worker = kind === "stream" ? new StreamWorker(this.world, id) : new PollWorker(this.world, id);
    worker.start();
  }

  joined(worker: Worker): void {
    this.#present.push(worker);
  }

  left(worker: Worker): void {
    this.#present.splice(this.#present.indexOf(worker), 1);
    const kind = worker instanceof StreamWorker ? "stream" : "poll";
    this.world.time.at(this.world.chance.one(0, 500, 4_000), () => this.hire(worker.id, kind));
  }

  get some(): Worker | undefined {
    return this.world.chance.pick(this.#present);
  }

  fault(workerId: string): void {
    this.#faults.set(workerId, this.world.time.monotonicMs());
  }

  /** The last moment at which it was at fault: one that stands still is all the time. */
  faultOf(workerId: string): number {
    const nowMs = this.world.time.monotonicMs();
    const isStill = this.#present.some(({ id, process }) => id === workerId && process.stoodStillUntilMs > nowMs);
    if (isStill) return nowMs;
    return this.#faults.get(workerId) ?? Number.NEGATIVE_INFINITY;
  }

  refusedForeign(result: WorkerResult, answer: ResultAnswer): void {
    promise(
      answer.status === "ignored",
      `a result of job ${result.jobId} by ${result.workerId} was accepted for task ${result.taskId}`,
    );
  }
}
