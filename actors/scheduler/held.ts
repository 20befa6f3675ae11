/** Whether an open job needs no help: something in memory, or somebody outside, will move it. */
import type { OpenJob } from "../../src/storage/port.ts";

export interface Holders {
  /** It has a task in the queue or with a worker. */
  hasTask(jobId: string): boolean;
  /** A handler of it runs. */
  isRunning(jobId: string): boolean;
  /** It stands at a gate. */
  hasPlace(jobId: string): boolean;
  nowMs(): number;
}

export function isHeld(job: OpenJob, holders: Holders): boolean {
  if (holders.hasTask(job.id) || holders.isRunning(job.id)) return true;
  switch (job.status) {
    case "pending":
      // A deadline to come begins no job either.
      if (job.begins !== "by-time") return job.begins === "by-gate" && holders.hasPlace(job.id);
      break;
    case "waiting_for_worker":
      // A deadline to come moves no task: one that waits for a worker has to be in the queue or with one.
      return false;
    case "waiting_for_human":
    case "waiting_for_event":
      // Somebody outside moves it, and every request finds it on disk.
      return true;
    case "waiting_for_sub_job":
      return job.hasOpenChild === true;
    case "waiting_for_parallel":
      if (job.hasOpenChild === true) return true;
      break;
    default:
  }
  return job.wakeAtMs !== undefined && job.wakeAtMs > holders.nowMs();
}
