/** The engine on a file, for the bugs that others have published: each folder goes with its test. */
import { afterEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NewJob } from "../../../actors/orchestrator.ts";
import type { Job } from "../../../src/job/model.ts";
import { CLIENT, World, type WorldOptions } from "../../support/engine.ts";

const worlds = new Set<World>();
const folders = new Set<string>();

afterEach(async () => {
  for (const world of worlds) await world.stop();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  worlds.clear();
  folders.clear();
});

export async function startOnFile(options: Omit<WorldOptions, "folder">): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "avtomatika-named-"));
  folders.add(folder);
  const world = await World.start({ ...options, folder });
  worlds.add(world);
  return world;
}

/** In one request. */
export async function createMany(world: World, blueprint: string, count: number): Promise<readonly string[]> {
  const jobs = Array.from({ length: count }, (_, index): NewJob => ({
    blueprint,
    initialData: JSON.stringify({ index }),
  }));
  const ids = await world.done(world.engine.jobs.create(CLIENT, jobs));
  await world.time.settle();
  return ids;
}

/** All that the store has, page by page. */
export async function allJobs(world: World): Promise<readonly Job[]> {
  const found: Job[] = [];
  for (;;) {
    const after = found.at(-1)?.id;
    const page = await world.done(world.engine.jobs.list({ limit: 200, ...(after !== undefined && { after }) }));
    found.push(...page);
    if (page.length < 200) return found;
  }
}
