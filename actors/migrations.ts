/** Finds the version that a job is to go to, and has its actor take it there. */
import type { Catalog, Manifest } from "../src/catalog/port.ts";
import type { Job } from "../src/job/model.ts";
import type { StateMap, TargetVersion } from "../src/job/migration.ts";
import { Refusal } from "../src/system/errors.ts";
import { suggestion } from "../src/system/nearest.ts";

/** As `blueprints list` shows it. */
const SHORT_MIN = 8;

export async function targetOf(
  catalog: Catalog,
  job: Pick<Job, "blueprint" | "hash">,
  to: string,
  states: StateMap,
): Promise<TargetVersion> {
  const manifest = await versionOf(catalog, job.blueprint, to);
  const before = job.hash === manifest.hash ? manifest : await catalog.pinned(job.hash, job.blueprint);
  // Without the old version nothing can be said of its names.
  if (before) refuseUnknown(Object.keys(states), before, "the version that the job is of");
  refuseUnknown(Object.values(states), manifest, "the version that it is to go to");
  const { hash } = manifest;
  return { hash, states: manifest.states.map(({ name, isAggregator }) => ({ name, isAggregator })) };
}

async function versionOf(catalog: Catalog, blueprint: string, to: string): Promise<Manifest> {
  const current = catalog.current(blueprint);
  if (to === "current") {
    if (current) return current;
    const message = `Blueprint not found: no version of ${blueprint} is in service; put its file back, or name a version by its hash.`;
    throw new Refusal("BLUEPRINT_NOT_FOUND", 404, message);
  }
  const isShort = to.length >= SHORT_MIN && current?.hash.startsWith(to);
  const found = (await catalog.pinned(to, blueprint)) ?? (isShort ? current : undefined);
  if (found) return found;
  const message = `Blueprint ${blueprint} has no version "${to}": give "current", or the whole hash of one that ever served (\`blueprints show\` tells the newest).`;
  throw new Refusal("VERSION_NOT_FOUND", 404, message);
}

function refuseUnknown(names: readonly string[], { states, name: blueprint }: Manifest, which: string): void {
  const known = [...states.map(({ name }) => name), "finished", "failed"];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const message = `"${unknown}" is no state of ${blueprint} in ${which}${suggestion(unknown, known)}`;
  throw new Refusal("UNKNOWN_STATE", 422, message, { states: known });
}
