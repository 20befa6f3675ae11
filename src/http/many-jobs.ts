/** The same change to all jobs that a query finds. */
import type { Jobs } from "../../actors/orchestrator.ts";
import { isTerminal, type Job } from "../job/model.ts";
import type { JobQuery } from "../storage/port.ts";
import { type JsonMap, messageOf, Refusal } from "../system/errors.ts";

/** So many of a page are under way at once. */
const AT_ONCE = 64;

interface Change {
  readonly what: "cancel" | "retry";
  readonly viewer: string | undefined;
  readonly isDryRun: boolean;
}

/** Of those that the query finds, a page of it; `next`: where the page after begins. */
export async function changeAll(jobs: Jobs, { what, viewer, isDryRun }: Change, query: JobQuery) {
  const found = await jobs.list({ ...query, limit: query.limit + 1 });
  const page = found.slice(0, query.limit);
  const fitting = page.filter(FITS[what]);
  const skipped: JsonMap[] = [];
  if (!isDryRun) await inTurns(fitting, (job) => act(jobs, what, viewer, job, skipped));
  const refused = new Set(skipped.map(({ job_id: id }) => id));
  const changed = fitting.filter(({ id }) => !refused.has(id)).map(({ id }) => id);
  const next = found.length > query.limit ? (page.at(-1)?.id ?? null) : null;
  return { changed, skipped, next };
}

const FITS: Readonly<Record<"cancel" | "retry", (job: Job) => boolean>> = {
  cancel: ({ status }) => !isTerminal(status),
  retry: ({ status }) => isTerminal(status) && status !== "finished",
};

async function act(
  jobs: Jobs,
  what: "cancel" | "retry",
  viewer: string | undefined,
  { id }: Job,
  skipped: JsonMap[],
): Promise<void> {
  try {
    await jobs[what](viewer, id);
  } catch (error) {
    // It may have moved on since the list was read: the others go on.
    skipped.push({
      job_id: id,
      error: messageOf(error),
      code: error instanceof Refusal ? error.code : "INTERNAL_ERROR",
    });
  }
}

export async function inTurns(jobs: readonly Job[], run: (job: Job) => Promise<void>): Promise<void> {
  for (let index = 0; index < jobs.length; index += AT_ONCE) {
    await Promise.all(jobs.slice(index, index + AT_ONCE).map(run));
  }
}
