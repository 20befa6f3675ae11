/**
 * Sets jobs going again after a start from what their rows say. Most of them wait for a worker or
 * for their time: those need no actor, so a million of them cost one pass over the store.
 */
import type { BranchWait, Job } from "../../src/job/model.ts";
import type { JobReader, WaitingJob } from "../../src/storage/port.ts";
import { type Resumption, resumptionOf } from "../job/resume.ts";

/** What a task takes along of its job. */
export type TaskJob = Pick<Job, "id"> & Partial<Pick<Job, "begun" | "trace">>;

export interface RecoveryParts {
  readonly reader: Pick<JobReader, "branches">;
  nowMs(): number;
  follow(job: TaskJob, resumption: Resumption): void;
}

export class Recovery {
  constructor(readonly parts: RecoveryParts) {}

  /**
   * Resolves with the jobs that only their own actors can set going. Tasks come first, and at once:
   * what the rows say is true until anybody else has had a turn.
   */
  async resume(jobs: readonly WaitingJob[]): Promise<readonly WaitingJob[]> {
    const nowMs = this.parts.nowMs();
    const byBranches: WaitingJob[] = [];
    const byActor: WaitingJob[] = [];
    for (const job of jobs) {
      const way = wayOf(job, nowMs);
      if (way === "actor") byActor.push(job);
      else if (way === "branches") byBranches.push(job);
      else this.#resume(job, way);
    }
    // One after the other: each may have thousands.
    for (const job of byBranches) if (!(await this.#resumeBranches(job))) byActor.push(job);
    return byActor;
  }

  #resume({ id, facts }: WaitingJob, waits: readonly BranchWait[]): void {
    if (!facts) return;
    const { visit, begun, trace, parentId, isAlone } = facts;
    const job = { id, begun, trace };
    // The parent may have stopped waiting for it without having been able to say so.
    if (parentId !== undefined && !isAlone) this.parts.follow(job, { type: "look-at-parent", parentId });
    for (const wait of waits) {
      const resumption = resumptionOf(wait, visit, this.parts.nowMs());
      if (resumption) this.parts.follow(job, resumption);
    }
  }

  /** False: they could not be read. */
  async #resumeBranches(job: WaitingJob): Promise<boolean> {
    try {
      const branches = await this.parts.reader.branches(job.id);
      this.#resume(
        job,
        branches.flatMap(({ wait, result }) => (result ? [] : [wait])),
      );
      return true;
    } catch {
      // Its actor reads them once more, and says what is wrong.
      return false;
    }
  }
}

/** The waits that are in the row; or who knows more. A pause moves by its time, or when somebody outside comes. */
function wayOf({ facts, status }: WaitingJob, nowMs: number): readonly BranchWait[] | "branches" | "actor" {
  if (!facts || facts.cancelRequestedAtMs !== undefined) return "actor";
  // The gates read by themselves who stands before them.
  if (facts.gate && status === "pending") return [];
  if (facts.handler) return (facts.handler.notBeforeMs ?? 0) > nowMs ? [] : "actor";
  if (facts.parallel) return "branches";
  const wait = facts.task ?? facts.child;
  if (wait) return [wait];
  return facts.pause ? [] : "actor";
}
