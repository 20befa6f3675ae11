/**
 * The book of workers' reputations. It outlives their records, so that nobody is trusted again for having been away, and
 * is written every few seconds: what a crash takes of it is a few deeds, which is worth no write for each result.
 */
import type { Registers } from "../../src/storage/port.ts";
import type { Timers } from "../../src/system/clock.ts";
import { messageOf } from "../../src/system/errors.ts";
import type { Log } from "../../src/system/log.ts";
import type { SteadyClock } from "../../src/system/steady.ts";
import {
  afterDeed,
  type Deed,
  FULL_REPUTATION,
  reputationAt,
  type ReputationRules,
  type Standing,
} from "./reputation.ts";

export interface ReputationsParts {
  readonly registers: Pick<Registers, "reputations" | "saveReputations">;
  readonly steady: SteadyClock;
  readonly timers: Timers;
  readonly log: Log;
  readonly rules: ReputationRules;
  /** Told after each deed that changed something. */
  readonly changed: (workerId: string) => void;
}

const WRITE_AFTER_MS = 5_000;

export class Reputations {
  readonly #standings = new Map<string, Standing>();
  readonly #unwritten = new Set<string>();
  #isArmed = false;
  #isStopped = false;

  constructor(readonly parts: ReputationsParts) {}

  get rules(): ReputationRules {
    return this.parts.rules;
  }

  of(workerId: string): number {
    const standing = this.#standings.get(workerId);
    return standing === undefined ? FULL_REPUTATION : reputationAt(standing, this.parts.steady.nowMs(), this.rules);
  }

  take(workerId: string, deed: Deed): void {
    const standing = this.#standings.get(workerId);
    // The most frequent by far: a good result of one that nothing is held against.
    if (standing === undefined && deed === "success") return;
    const next = afterDeed(standing, deed, this.parts.steady.nowMs(), this.rules);
    if (next) this.#standings.set(workerId, next);
    else this.#standings.delete(workerId);
    this.#unwritten.add(workerId);
    this.#arm();
    this.parts.changed(workerId);
  }

  async start(): Promise<void> {
    const nowMs = this.parts.steady.nowMs();
    for (const [workerId, { value, atMs }] of await this.parts.registers.reputations()) {
      // Written by a clock that was ahead, it would give nothing back until that moment comes.
      this.#standings.set(workerId, { value, atMs: Math.min(atMs, nowMs) });
    }
    this.#dropFull();
    if (this.#unwritten.size > 0) this.#arm();
  }

  /** What was not written yet is written now. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#write();
  }

  #arm(): void {
    if (this.#isArmed || this.#isStopped) return;
    this.#isArmed = true;
    this.parts.timers.after(WRITE_AFTER_MS, () => {
      this.#isArmed = false;
      if (!this.#isStopped) void this.#write();
    });
  }

  async #write(): Promise<void> {
    this.#dropFull();
    const workerIds = [...this.#unwritten];
    if (workerIds.length === 0) return;
    this.#unwritten.clear();
    try {
      await this.parts.registers.saveReputations(new Map(workerIds.map((id) => [id, this.#standings.get(id)])));
    } catch (error) {
      this.parts.log.warn("Workers' reputations were not written; it is tried again.", { reason: messageOf(error) });
      for (const id of workerIds) this.#unwritten.add(id);
      this.#arm();
    }
  }

  /** Whom time has given everything back: nothing is to be remembered of it. */
  #dropFull(): void {
    for (const workerId of this.#standings.keys()) {
      if (this.of(workerId) < FULL_REPUTATION) continue;
      this.#standings.delete(workerId);
      this.#unwritten.add(workerId);
    }
  }
}
