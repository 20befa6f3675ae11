/**
 * Timers that name a date follow the wall clock, and the wake-ups that are stored for them go by
 * the steady one. When the two drift apart, such jobs are looked at again.
 */
import type { JobReader } from "../../src/storage/port.ts";
import type { Cancel, Clock, Timers } from "../../src/system/clock.ts";
import type { SteadyClock } from "../../src/system/steady.ts";
import { messageOf } from "../../src/system/errors.ts";
import type { Log } from "../../src/system/log.ts";

export interface WallJumpParts {
  readonly reader: JobReader;
  readonly clock: Pick<Clock, "nowMs">;
  readonly steady: SteadyClock;
  readonly timers: Timers;
  readonly log: Log;
  readonly wake: (jobId: string) => void;
}

const LOOK_MS = 1_000;
const JUMP_MS = 1_000;
const PAGE = 500;

export class WallJumps {
  #offsetMs: number;
  #cancel: Cancel | undefined;
  #stopped = false;

  constructor(readonly parts: WallJumpParts) {
    this.#offsetMs = this.#offset();
  }

  start(): void {
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #offset(): number {
    return this.parts.clock.nowMs() - this.parts.steady.nowMs();
  }

  #arm(): void {
    if (!this.#stopped) this.#cancel = this.parts.timers.after(LOOK_MS, () => void this.#look());
  }

  async #look(): Promise<void> {
    const offsetMs = this.#offset();
    const jumpMs = offsetMs - this.#offsetMs;
    try {
      if (Math.abs(jumpMs) > JUMP_MS) await this.#jumped(jumpMs);
      this.#offsetMs = Math.abs(jumpMs) > JUMP_MS ? offsetMs : this.#offsetMs;
    } catch (error) {
      // The jump stays remembered, and the next look tries again.
      this.parts.log.warn("The store did not say which jobs wait for a date; asking again.", {
        error: messageOf(error),
      });
    }
    this.#arm();
  }

  async #jumped(jumpMs: number): Promise<void> {
    const { reader, log, wake } = this.parts;
    log.info("The wall clock jumped: jobs that wait for a date are looked at.", { jump_ms: Math.round(jumpMs) });
    let cursor = "";
    for (;;) {
      const page = await reader.openJobs(cursor, PAGE);
      if (this.#stopped) return;
      for (const job of page) if (job.status === "waiting_for_timer" || job.begins === "by-time") wake(job.id);
      cursor = page.at(-1)?.id ?? "";
      if (page.length < PAGE) return;
    }
  }
}
