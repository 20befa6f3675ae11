/** What workers' reputations may be: each bad result costs once, and nothing else costs anything. */
import { REPUTATION_RULES, type ReputationRules } from "../../actors/worker-registry/reputation.ts";
import type { JsonMap } from "../../src/system/errors.ts";
import type { Chance } from "./chance.ts";
import { promise } from "./promise.ts";

/** Shutting out is over soon, so that the world comes to rest; where nothing is given back, nobody is shut out. */
export function rulesOf(chance: Chance): ReputationRules {
  const failurePenalty = chance.one(0.05, 0.4);
  if (chance.is(0.5))
    return { ...REPUTATION_RULES, failurePenalty, recoveryPerHour: 0, successReward: 0, threshold: 0 };
  return { ...REPUTATION_RULES, failurePenalty, recoveryPerHour: chance.one(36, 360) };
}

export class Trust {
  readonly #failures = new Map<string, number>();

  constructor(readonly rules: ReputationRules) {}

  /** A result was made: it may count, once. */
  produced(workerId: string, status: string): void {
    if (status === "PERMANENT_ERROR") this.#failures.set(workerId, (this.#failures.get(workerId) ?? 0) + 1);
  }

  judge(workers: readonly JsonMap[]): void {
    for (const { worker_id: id, reputation } of workers) {
      const failures = this.#failures.get(String(id)) ?? 0;
      const least = Math.max(0, 1 - failures * this.rules.failurePenalty);
      promise(
        typeof reputation === "number" && reputation <= 1 && reputation >= least - 0.001,
        `worker ${String(id)} has a reputation of ${String(reputation)} after ${failures} bad results`,
      );
    }
  }
}
