/** A job as the unit that makes it holds it. */
import type { Job } from "../../src/job/model.ts";
import type { JobWrite } from "../../src/storage/port.ts";

/** For jobs that are on disk first and set going then: those of a batch, and children. */
export function creationWrite(job: Job): JobWrite {
  const created = { atMs: job.createdAtMs, state: job.state };
  return {
    job: { ...job, version: 1 },
    expectedVersion: 0,
    wakeAtMs: job.deadlineAtMs,
    events: [
      { type: "job_created", ...created },
      { type: "state_started", ...created },
    ],
  };
}
