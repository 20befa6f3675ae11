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
  type ReputationRules,
  type Standing,
  type Trust,
  trustIn,
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
/** Where time gives nothing back and every worker has a new id at each start: the oldest are forgotten. */
const KEPT_MAX = 100_000;

export class Reputations {
  readonly #standings = new Map<string, Standing>();
  readonly #unwritten = new Set<string>();
  #isArmed = false;
  #isStopped = false;

  constructor(readonly parts: ReputationsParts) {}

  get rules(): ReputationRules {
    return this.parts.rules;
  }

  of(workerId: string): Trust {
    return trustIn(this.#standings.get(workerId), this.parts.steady.nowMs(), this.rules);
  }

  take(workerId: string, deed: Deed): void {
    const standing = this.#standings.get(workerId);
    // The most frequent by far: a good result of one that nothing is held against.
    if (standing === undefined && deed === "success") return;
    const next = afterDeed(standing, deed, this.parts.steady.nowMs(), this.rules);
    // The oldest are the first of the map.
    this.#standings.delete(workerId);
    if (next) this.#standings.set(workerId, next);
    this.#unwritten.add(workerId);
    this.#arm();
    this.parts.changed(workerId);
  }

  /** Somebody has seen to it: nothing is held against it any more. */
  forgive(workerId: string): void {
    if (!this.#standings.delete(workerId)) return;
    this.#unwritten.add(workerId);
    this.#arm();
    this.parts.changed(workerId);
  }

  async start(): Promise<void> {
    const nowMs = this.parts.steady.nowMs();
    const stored = [...(await this.parts.registers.reputations())].toSorted(([, a], [, b]) => a.atMs - b.atMs);
    for (const [workerId, standing] of stored) {
      // Written by a clock that was ahead, it would give nothing back until that moment comes.
      this.#standings.set(workerId, { ...standing, atMs: Math.min(standing.atMs, nowMs) });
    }
    this.#forgetOld();
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
    this.#forgetOld();
    const workerIds = [...this.#unwritten];
    if (workerIds.length === 0) return;
    this.#unwritten.clear();
    try {
      await this.parts.registers.saveReputations(new Map(workerIds.map((id) => [id, this.#standings.get(id)])));
      const written = Object.fromEntries(workerIds.map((id) => [id, this.of(id).reputation]));
      this.parts.log.debug("Workers' reputations are written.", { reputations: written });
    } catch (error) {
      this.parts.log.warn("Workers' reputations were not written; it is tried again.", { reason: messageOf(error) });
      for (const id of workerIds) this.#unwritten.add(id);
      this.#arm();
    }
  }

  /** Whom time has given everything back, and who is too many: nothing is to be remembered of them. */
  #forgetOld(): void {
    let tooMany = this.#standings.size - KEPT_MAX;
    for (const workerId of this.#standings.keys()) {
      if (this.of(workerId).reputation < FULL_REPUTATION && tooMany-- <= 0) continue;
      this.#standings.delete(workerId);
      this.#unwritten.add(workerId);
    }
  }
}
