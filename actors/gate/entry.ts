/** Which gate a job has to pass before it begins, by the newest version of its blueprint. */
import { valueAt } from "../../src/blueprint/concurrency.ts";
import type { Manifest } from "../../src/catalog/port.ts";
import { type GatePlace, groupName, groupValue } from "../../src/job/gate.ts";
import type { Job } from "../../src/job/model.ts";
import type { Place } from "./messages.ts";

type Limited = Pick<Manifest, "concurrency">;

/** Undefined: none, it begins at once. `manifest`: of the version that serves now. */
export function gateOf(
  job: Job,
  manifest: Limited | undefined,
  isPaused: boolean,
  sinceMs: number,
): GatePlace | undefined {
  const limit = manifest?.concurrency;
  if (!limit) return isPaused ? { sinceMs, visit: job.visit } : undefined;
  const { max, key } = limit;
  const { visit } = job;
  const place: GatePlace =
    key === undefined
      ? { sinceMs, visit, max }
      : { sinceMs, visit, max, key, value: groupValue(valueAt(key, dataOf(job))) };
  // Behind its own ancestors, who wait for it, it would wait for ever.
  return job.within?.includes(groupName(job.blueprint, place)) ? undefined : place;
}

function dataOf({ initialData, client }: Job) {
  return { initialData: JSON.parse(initialData) as unknown, client };
}

/** The groups that a job's children run in without asking. */
export function groupsWithin(job: Job): readonly string[] | undefined {
  const { within = [], gate, blueprint } = job;
  const groups = gate?.isIn ? [...within, groupName(blueprint, gate)] : within;
  return groups.length > 0 ? groups : undefined;
}

export function placeOf(
  job: Pick<Job, "id" | "blueprint" | "priority">,
  gate: GatePlace,
  manifest: Limited | undefined,
): Place {
  return {
    jobId: job.id,
    visit: gate.visit,
    blueprint: job.blueprint,
    group: groupName(job.blueprint, gate),
    max: limitOf(manifest, gate.max),
    priority: job.priority ?? 0,
  };
}

/** What serves now decides; without it, what the job came with. */
export function limitOf(manifest: Limited | undefined, otherwise: number | undefined): number {
  const max = manifest ? manifest.concurrency?.max : otherwise;
  return max ?? Number.POSITIVE_INFINITY;
}
