/** Results that the server has not acknowledged: kept in the order in which they came, each under its own number. */
import { Lookup } from "../src/system/lookup.ts";
import type { Result } from "./transport.ts";

export class Outbox {
  readonly #results = new Lookup<number, Result>();
  readonly #tries = new Map<number, number>();
  #last = 0;

  add(jobId: string, taskId: string, body: string): Result {
    const result = { seq: ++this.#last, jobId, taskId, body };
    this.#results.set(result.seq, result);
    return result;
  }

  get size(): number {
    return this.#results.size;
  }

  get(seq: number): Result | undefined {
    return this.#results.get(seq);
  }

  /** Oldest first. */
  all(): Result[] {
    return [...this.#results.values()];
  }

  settle(seq: number): boolean {
    this.#tries.delete(seq);
    return this.#results.delete(seq);
  }

  /** Under the same number, in the same place. */
  replace(seq: number, body: string): Result | undefined {
    const before = this.#results.get(seq);
    if (!before) return undefined;
    const result = { ...before, body };
    this.#results.set(seq, result);
    return result;
  }

  dropTask(taskId: string): Result | undefined {
    const result = this.all().find((one) => one.taskId === taskId);
    if (result) this.settle(result.seq);
    return result;
  }

  /** Counts a try that the server could not take, from 1. */
  countTry(seq: number): number {
    const tries = (this.#tries.get(seq) ?? 0) + 1;
    this.#tries.set(seq, tries);
    return tries;
  }
}
