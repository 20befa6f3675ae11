/** Removes a job's files from their store, once nobody can need them any more. */
import { isTerminal } from "../job/model.ts";
import type { JobReader } from "../storage/port.ts";
import { messageOf, Refusal } from "../system/errors.ts";
import type { Sender } from "./port.ts";

export interface FilesCleanupParts {
  readonly jobs: Pick<JobReader, "load">;
  removeAll(jobId: string, signal: AbortSignal): Promise<void>;
}

/** A parent may still read what its child left: it is looked again. */
const LOOK_AGAIN_MS = 30_000;

export function createFilesCleanup({ jobs, removeAll }: FilesCleanupParts): Sender {
  async function isFamilyOver(parentId: string | undefined): Promise<boolean> {
    if (parentId === undefined) return true;
    const parent = await jobs.load(parentId);
    if (!parent) return true;
    return isTerminal(parent.status) && isFamilyOver(parent.parentId);
  }

  return {
    async send({ jobId }, signal) {
      const job = await jobs.load(jobId);
      // It was retried: its next end asks for this again.
      if (job && !isTerminal(job.status)) return { type: "delivered" };
      if (job && !(await isFamilyOver(job.parentId))) return { type: "later", afterMs: LOOK_AGAIN_MS };
      try {
        await removeAll(jobId, signal);
        return { type: "delivered" };
      } catch (error) {
        const isDown = error instanceof Refusal && error.code === "FILES_UNREACHABLE";
        return { type: "failed", error: `could not remove the job's files: ${messageOf(error)}`, isDown };
      }
    },
  };
}

/** A row from a time when there was a store. */
export const noFilesToClean: Sender = {
  send: async () => ({
    type: "failed",
    isFinal: true,
    error: "could not remove the job's files, because S3 is off: set S3_ENDPOINT_URL and send this again",
  }),
};
