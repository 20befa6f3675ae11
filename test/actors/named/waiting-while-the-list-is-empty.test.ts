/** windmill #7258: the page counted jobs that waited for a worker, and its list of them was empty. */
import { expect, test } from "bun:test";
import { JOB_STATUSES, type JobStatus } from "../../../src/job/model.ts";
import { branches, oneTask } from "../../support/blueprints.ts";
import { CLIENT, type World } from "../../support/engine.ts";
import { permanent, StreamWorker, transient } from "../../support/worker.ts";
import { createMany, startOnFile } from "./stage.ts";

const BLUEPRINTS = [
  oneTask("one", { retry: { backoffSeconds: 600, maxBackoffSeconds: 600 } }),
  oneTask("wide"),
  branches("fan"),
];

async function listed(world: World, status: JobStatus, client?: string): Promise<number> {
  let count = 0;
  let after: string | undefined;
  for (;;) {
    const query = { status, limit: 50, ...(client !== undefined && { client }), ...(after !== undefined && { after }) };
    const page = await world.done(world.engine.jobs.list(query));
    count += page.filter((job) => job.status === status).length;
    if (page.length < 50) return count;
    after = page.at(-1)?.id;
  }
}

/** For everybody and for each client: what is counted is what the list shows, page by page. */
async function expectSame(world: World): Promise<ReadonlyMap<string, number>> {
  for (const viewer of [undefined, CLIENT.id, "other", "nobody"]) {
    const counts = await world.done(world.engine.jobs.counts(viewer));
    for (const status of JOB_STATUSES) {
      const shown = await listed(world, status, viewer);
      expect([viewer, status, counts.get(status) ?? 0]).toEqual([viewer, status, shown]);
    }
  }
  return world.done(world.engine.jobs.counts(undefined));
}

test("waiting for a worker, while the list is empty: the list shows exactly what is counted, through every change", async () => {
  const world = await startOnFile({ blueprints: BLUEPRINTS });
  expect((await expectSame(world)).size).toBe(0);

  const ids = await createMany(world, "one", 130);
  await createMany(world, "wide", 20);
  await world.create("fan", { count: 3 });
  const other = { blueprint: "one", initialData: "{}" };
  await world.done(world.engine.jobs.create({ id: "other", config: {} }, [other, other]));
  await world.time.settle();
  expect((await expectSame(world)).get("waiting_for_worker")).toBe(152);

  const worker = await new StreamWorker(world, "w", { concurrency: 40 }).connect();
  const answers = [{}, transient, permanent, { status: "cancelled" }];
  for (const [index, task] of worker.running.slice(0, 32).entries()) await worker.answer(answers[index % 4], task);
  await expectSame(world);
  await world.done(world.engine.jobs.cancel(undefined, ids.at(-1) ?? ""));
  await world.time.settle();
  const counts = await expectSame(world);
  for (const status of ["finished", "awaiting_retry", "quarantined", "cancelled"]) {
    expect([status, counts.get(status)]).toEqual([status, expect.any(Number)]);
  }

  // A unit that is refused counts for nothing, and a restart counts nothing twice.
  world.disk.refuse = () => new Error("the disk is gone");
  const refused = world.engine.jobs.create(CLIENT, [other]);
  await world.refused(refused);
  world.disk.refuse = () => undefined;
  expect(await expectSame(world)).toEqual(counts);
  await world.restart();
  expect(await expectSame(world)).toEqual(counts);
});
