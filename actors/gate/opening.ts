/** After a start: tells the gates of all who stand at them, and opens them once that is complete. */
import type { GatedJob, JobReader } from "../../src/storage/port.ts";
import type { Timers } from "../../src/system/clock.ts";
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

export async function openGates(parts: OpeningParts): Promise<void> {
  const { reader, timers, log, tell } = parts;
  try {
    for (const job of await reader.gated()) {
      tell({ type: job.gate.isIn ? "entered" : "arrived", place: parts.place(job), isOld: true });
    }
    tell({ type: "open" });
  } catch (error) {
    log.warn("The store did not say who stands at the gates; nobody is let in until it does.", {
      error: messageOf(error),
    });
    timers.after(RETRY_MS, () => void openGates(parts));
  }
}
