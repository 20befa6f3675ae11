/** dbos-py #716: the store failed shortly into the recovery, and what had not been recovered by then never was. */
import { expect, test } from "bun:test";
import { ENGINE_DEFAULTS } from "../../../actors/tree.ts";
import { branches, oneTask } from "../../support/blueprints.ts";
import { CLIENT } from "../../support/engine.ts";
import { StreamWorker } from "../../support/worker.ts";
import { allJobs, createMany, startOnFile } from "./stage.ts";
import { workOff } from "./work-off.ts";

/** More than one page of the sweep. */
const JOBS = 600;

/** How the errors come: in the middle of the pages, for each kind of read in turn, or for the first second of everything. */
const ERRORS = [
  ["one error in the middle of the list", "waitingJobs", (read: number) => read === 2],
  ["an error at its first read", "waitingJobs", (read: number) => read === 1],
  ["errors of every second page", "waitingJobs", (read: number) => read % 2 === 1 && read < 12],
  ["an error of each job that is loaded", "load", (read: number) => read <= 40],
  ["an error of the branches", "branches", (read: number) => read <= 3],
  ["an error of the bodies of queued tasks", "tasks", (read: number) => read <= 2],
] as const;

for (const [name, failing, fails] of ERRORS) {
  test(`stranded by one database error in recovery: ${name}`, async () => {
    // Bodies are read where there is no room for them.
    const taskBytesInMemory = failing === "tasks" ? 0 : ENGINE_DEFAULTS.taskBytesInMemory;
    const blueprints = [oneTask("one"), branches("fan")];
    const world = await startOnFile({ blueprints, settings: { taskBytesInMemory } });
    await createMany(world, "one", JOBS);
    for (let job = 0; job < 5; job++) await world.create("fan", { count: 4 });
    // Their handlers had not run when the server died: they need their actors.
    world.disk.hold();
    const started = world.engine.jobs.create(CLIENT, [
      { blueprint: "one", initialData: "{}" },
      { blueprint: "one", initialData: "{}" },
    ]);
    started.catch(() => undefined);
    await world.time.settle();
    world.disk.release();
    await world.time.settle();
    await world.stop();

    let reads = 0;
    world.refuseRead = (method) => {
      if (method !== failing) return undefined;
      reads += 1;
      return fails(reads) ? new Error("the database is locked") : undefined;
    };
    await world.restart();
    const worker = await new StreamWorker(world, "w", { concurrency: 300 }).connect();
    // Far less than two rounds of the sweep: nothing waits for a repair.
    await world.pass(20_000, 100);
    await workOff(world, worker);

    const left = (await allJobs(world)).filter((job) => job.status !== "finished");
    expect(left.map((job) => `${job.id} ${job.status}`)).toEqual([]);
    expect(reads).toBeGreaterThan(0);
    expect(world.engine.repairs).toBe(0);
  }, 60_000);
}
