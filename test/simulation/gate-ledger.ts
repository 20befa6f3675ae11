/** What has to hold of limits, pauses and unique keys, by what is on disk alone. */
import { definitionOf } from "../../src/blueprint/index.ts";
import { groupName } from "../../src/job/gate.ts";
import { isTerminal, type Job } from "../../src/job/model.ts";
import { ALL_FLOWS } from "./blueprints.ts";
import { promise } from "./promise.ts";

const LIMITS = new Map(ALL_FLOWS.map(({ blueprint }) => [blueprint.name, definitionOf(blueprint).concurrency?.max]));

export class GateLedger {
  /** By group: the jobs that may run. */
  readonly #inside = new Map<string, Set<string>>();
  /** By unique key: the open job that has it. */
  readonly #holders = new Map<string, string>();
  /** Blueprints that were paused, acknowledged, and not yet asked to be resumed: since when, by the wall. */
  readonly #paused = new Map<string, number>();
  /** Jobs that a pause has to hold back. */
  readonly #held = new Map<string, string>();

  durable(job: Job): void {
    this.#compareLimit(job);
    this.#compareKey(job);
    this.#comparePause(job);
  }

  #compareLimit(job: Job): void {
    const { gate, blueprint, id, status } = job;
    const max = LIMITS.get(blueprint);
    const isOpen = !isTerminal(status);
    if (isOpen && status !== "pending" && max !== undefined && !gate?.isIn) {
      const isInParents = job.within?.some((group) => (JSON.parse(group) as string[])[0] === blueprint);
      promise(isInParents, `job ${id} of ${blueprint} is ${status} and was never let in`);
    }
    if (!gate) return;
    const group = groupName(blueprint, gate);
    const inside = this.#inside.get(group) ?? new Set<string>();
    this.#inside.set(group, inside);
    if (!isOpen || !gate.isIn) return void inside.delete(id);
    inside.add(id);
    promise(inside.size <= (max ?? Infinity), `${inside.size} jobs of ${group} run at once, where ${max} may`);
  }

  #compareKey({ id, status, client, blueprint, uniqueKey }: Job): void {
    if (uniqueKey === undefined) return;
    const name = JSON.stringify([client.id, blueprint, uniqueKey]);
    const holder = this.#holders.get(name);
    if (isTerminal(status)) {
      if (holder === id) this.#holders.delete(name);
      return;
    }
    promise(holder === undefined || holder === id, `jobs ${holder} and ${id} have the unique key ${uniqueKey} at once`);
    this.#holders.set(name, id);
  }

  /** Whether the answer to a creation is a job that has the key. */
  holds(id: string, client: string, blueprint: string, uniqueKey: string): boolean {
    return this.#holders.get(JSON.stringify([client, blueprint, uniqueKey])) === id;
  }

  #comparePause(job: Job): void {
    const sinceMs = this.#paused.get(job.blueprint);
    if (job.version === 1 && sinceMs !== undefined && job.createdAtMs > sinceMs && !job.within) {
      this.#held.set(job.id, job.blueprint);
    }
    const isHeld = this.#held.has(job.id);
    promise(!isHeld || job.status === "pending" || isTerminal(job.status), `job ${job.id} began, and is paused`);
    promise(!isHeld || job.status !== "finished", `job ${job.id} finished, and is paused`);
  }

  paused(blueprint: string, wallMs: number): void {
    this.#paused.set(blueprint, wallMs);
  }

  /** Somebody is about to ask for it. */
  resuming(blueprint: string): void {
    this.#paused.delete(blueprint);
    for (const [id, of] of this.#held) if (of === blueprint) this.#held.delete(id);
  }
}
