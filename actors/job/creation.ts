/** A job as the unit that makes it holds it. */
import type { Job } from "../../src/job/model.ts";
import type { JobWrite } from "../../src/storage/port.ts";
import { beginning } from "./start.ts";
import { wakeAtMs } from "./wake.ts";

/** For jobs that are on disk first and set going then: those of a batch, and children. */
export function creationWrite(job: Job): JobWrite {
  return {
    job: { ...job, version: 1 },
    expectedVersion: 0,
    wakeAtMs: wakeAtMs(job, [], 0),
    events: beginning(job),
  };
}
