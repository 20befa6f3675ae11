/** A job's files go when it is over, where that is wanted: asked for in the unit that ends it. */
import { afterEach, describe, expect, test } from "bun:test";
import { Blueprint } from "../../src/blueprint/index.ts";
import { createFilesCleanup } from "../../src/notify/files-cleanup.ts";
import type { Sender } from "../../src/notify/port.ts";
import { Refusal } from "../../src/system/errors.ts";
import { World } from "../support/engine.ts";

const flow = new Blueprint({ name: "flow" });
flow.handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
  if (initialData.breaks === true) throw new Error("it breaks");
  actions.transitionTo("done");
});
flow.handlerFor("done", { isEnd: true }, () => undefined);

const parent = new Blueprint({ name: "parent" });
parent.handlerFor("start", { isStart: true }, (_context, actions) =>
  actions.runBlueprint({ blueprintName: "flow", transitions: { success: "look" } }),
);
parent.handlerFor("look", (_context, actions) => actions.waitFor({ seconds: 300, then: "done" }));
parent.handlerFor("done", { isEnd: true }, () => undefined);

let world: World | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

interface Stage {
  readonly world: World;
  readonly removed: string[];
  readonly ended: string[];
  /** The next removals fail so. */
  readonly failures: Error[];
}

async function begin(cleansFiles = true): Promise<Stage> {
  const [removed, ended, failures]: [string[], string[], Error[]] = [[], [], []];
  const removeAll = async (jobId: string) => {
    const failure = failures.shift();
    if (failure) throw failure;
    removed.push(jobId);
  };
  const sender: Sender = {
    send: (row, signal) => createFilesCleanup({ jobs: started.storage.jobs, removeAll }).send(row, signal),
  };
  const started = await World.start({
    blueprints: [flow, parent],
    sender,
    settings: { cleansFiles },
    ended: (jobId) => ended.push(jobId),
  });
  world = started;
  return { world: started, removed, ended, failures };
}

test("nothing is removed unless it is wanted, and the end of a job is told all the same", async () => {
  const { world, removed, ended } = await begin(false);
  const id = await world.create("flow");
  await world.pass(60_000, 1_000);
  expect(removed).toEqual([]);
  expect(ended).toEqual([id]);
});

test("the files of a job that is over are removed, once", async () => {
  const { world, removed } = await begin();
  const id = await world.create("flow");
  const rows = world.disk.unitsOf(id).flatMap((unit) => unit.jobs.flatMap((write) => write.outbox ?? []));
  expect(rows.map(({ kind }) => kind)).toEqual(["files_cleanup"]);
  await world.pass(60_000, 1_000);
  expect(removed).toEqual([id]);
});

test("a store that is away is asked again", async () => {
  const { world, removed, failures } = await begin();
  failures.push(new Refusal("FILES_UNREACHABLE", 503, "The store could not be used."), new Error("odd"));
  const id = await world.create("flow");
  await world.pass(600_000, 1_000);
  expect(removed).toEqual([id]);
});

test("a quarantined job keeps its files for people who look at it", async () => {
  const { world, removed } = await begin();
  const id = await world.create("flow", { breaks: true });
  await world.pass(600_000, 1_000);
  expect((await world.view(id)).job.status).toBe("quarantined");
  expect(removed).toEqual([]);
});

describe("a child's files", () => {
  test("stay as long as its parent may read them, and go after it", async () => {
    const { world, removed } = await begin();
    const id = await world.create("parent");
    await world.pass(120_000, 1_000);
    expect((await world.view(id)).job.status).toBe("waiting_for_timer");
    expect(removed).toEqual([]);
    await world.pass(400_000, 1_000);
    expect(removed).toHaveLength(2);
    expect(removed[0]).toBe(id);
  });
});
