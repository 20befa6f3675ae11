/** After a start: tells the gates of all who stand at them, and opens them once that is complete. */
import type { GatedJob, JobReader } from "../../src/storage/port.ts";
import type { Cancel, Timers } from "../../src/system/clock.ts";
import { messageOf } from "../../src/system/errors.ts";
import type { Log } from "../../src/system/log.ts";
import type { GateMessage, Place } from "./messages.ts";

export interface OpeningParts {
  readonly reader: Pick<JobReader, "gated">;
  readonly timers: Timers;
  readonly log: Log;
  place(job: GatedJob): Place;
  tell(message: GateMessage): void;
}

const RETRY_MS = 1_000;

export class Opening {
  readonly #parts: OpeningParts;
  #cancel: Cancel | undefined;
  #isStopped = false;

  constructor(parts: OpeningParts) {
    this.#parts = parts;
  }

  start(): void {
    void this.#open();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  async #open(): Promise<void> {
    const { reader, log } = this.#parts;
    try {
      this.#tellAll(await reader.gated());
    } catch (error) {
      if (this.#isStopped) return;
      log.warn("The store did not say who stands at the gates; nobody is let in until it does.", {
        error: messageOf(error),
      });
      this.#cancel = this.#parts.timers.after(RETRY_MS, () => void this.#open());
    }
  }

  #tellAll(jobs: readonly GatedJob[]): void {
    const { tell, place } = this.#parts;
    for (const job of jobs) tell({ type: job.gate.isIn ? "entered" : "arrived", place: place(job), isOld: true });
    tell({ type: "open" });
  }
}
