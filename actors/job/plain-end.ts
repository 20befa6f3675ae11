/** A state that runs no handler asks nothing of a thread: the job goes through it at once. */
import { isImplicitEnd, replyOfImplicitEnd } from "../../src/blueprint/index.ts";
import type { Manifest } from "../../src/catalog/port.ts";
import type { TurnReply } from "../../src/handlers/port.ts";
import type { Job } from "../../src/job/model.ts";

/** What is merged here holds up all other jobs meanwhile: longer texts are left to a thread. */
const TEXT_MAX = 64 * 1024;

/** `newest`: the version that serves. Undefined: a thread has to run the turn, or to say that it cannot. */
export function plainEnd(job: Job, newest: Manifest | undefined, atMs: number): TurnReply | undefined {
  if (!isImplicitEnd(job.state) || newest?.hash !== job.hash) return undefined;
  if (newest.states.some(({ name }) => name === job.state)) return undefined;
  if (job.stateHistory.length + (job.merge?.length ?? 0) > TEXT_MAX) return undefined;
  return replyOfImplicitEnd(job, atMs);
}
