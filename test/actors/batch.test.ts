import { afterEach, describe, expect, test } from "bun:test";
import type { NewJob } from "../../actors/orchestrator.ts";
import { Blueprint } from "../../src/blueprint/index.ts";
import { Refusal } from "../../src/system/errors.ts";
import { oneTask } from "../support/blueprints.ts";
import { CLIENT, World, type WorldOptions } from "../support/engine.ts";
import { StreamWorker } from "../support/worker.ts";

let world: World | undefined;

async function start(options: WorldOptions): Promise<World> {
  world = await World.start(options);
  return world;
}

afterEach(async () => {
  await world?.stop();
  world = undefined;
});

const simple: NewJob = { blueprint: "simple", initialData: "{}" };

/** What each handler waits for that was given a `gate`. */
function gated() {
  const gates = new Map<string, () => void>();
  const blueprint = new Blueprint({ name: "simple" });
  blueprint.handlerFor("start", { isStart: true }, async ({ initialData }, actions) => {
    const { gate } = initialData;
    if (typeof gate === "string") await new Promise<void>((resolve) => gates.set(gate, resolve));
    actions.dispatchTask({ taskType: "t", params: {}, transitions: { success: "done" } });
  });
  blueprint.handlerFor("done", { isEnd: true }, () => undefined);
  return { blueprint, open: (gate: string) => gates.get(gate)?.() };
}

describe("a batch", () => {
  test("is created all at once, and all its jobs run", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w", { concurrency: 100 }).connect();
    const asked = Array.from({ length: 50 }, () => simple);
    const ids = await w.done(w.engine.jobs.create(CLIENT, asked));
    await w.time.settle();

    expect(new Set(ids).size).toBe(50);
    expect(new Set(worker.got.map((task) => task.job_id))).toEqual(new Set(ids));
  });

  test("with one unknown blueprint creates none", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const creating = w.engine.jobs.create(CLIENT, [simple, { ...simple, blueprint: "nobody" }]);

    expect(await w.refused(creating)).toMatchObject({ code: "BLUEPRINT_NOT_FOUND", status: 404 });
    await w.time.settle();
    expect(await w.done(w.engine.jobs.list({ limit: 10 }))).toEqual([]);
  });

  test("takes one unit for all creations with their first handlers", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    await w.done(w.engine.jobs.create(CLIENT, [simple, simple, simple]));
    await w.pass(1_000, 100);

    expect(w.disk.units.map(({ jobs }) => jobs.map(({ job }) => job.status))).toEqual([
      ["waiting_for_worker", "waiting_for_worker", "waiting_for_worker"],
    ]);
  });

  test("waits a moment for a first handler that is slow, whose outcome counts when it comes", async () => {
    const { blueprint, open } = gated();
    const w = await start({ blueprints: [blueprint] });
    const worker = await new StreamWorker(w, "w").connect();
    const made = w.engine.jobs.create(CLIENT, [simple, { ...simple, initialData: '{"gate":"slow"}' }, simple]);
    await w.pass(50, 10);
    expect(worker.got).toEqual([]);
    await w.pass(100, 10);
    const [, slow] = await w.done(made);
    expect(worker.got).toHaveLength(2);
    expect(await w.status(slow ?? "")).toBe("pending");

    open("slow");
    await w.pass(100, 10);
    expect(worker.got.map((task) => task.job_id)).toContain(slow ?? "");
  });

  test("of which one outcome cannot be stored is made, and that job alone is put aside", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const isBad = ({ initialData }: { readonly initialData: string }) => initialData === '{"bad":true}';
    w.disk.refuse = ({ jobs }) =>
      jobs.some(({ job }) => isBad(job) && job.status === "waiting_for_worker")
        ? new Refusal("STORE_INVALID", 500, "the change cannot be stored")
        : undefined;
    const worker = await new StreamWorker(w, "w").connect();
    const [good, bad] = await w.done(
      w.engine.jobs.create(CLIENT, [simple, { ...simple, initialData: '{"bad":true}' }]),
    );
    await w.pass(5_000, 500);

    expect(worker.got.map((task) => task.job_id)).toEqual([good ?? ""]);
    expect((await w.view(bad ?? "")).job).toMatchObject({ status: "quarantined", error: { code: "STORE_INVALID" } });
    expect(await w.eventTypes(good ?? "")).toEqual(["job_created", "state_started", "task_dispatched"]);
  });

  test("that the store has no space for leaves nothing behind, and is made when it is sent again", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    w.disk.refuse = () => new Refusal("STORE_FULL", 503, "no space");
    expect(await w.refused(w.engine.jobs.create(CLIENT, [simple, simple]))).toMatchObject({ code: "STORE_FULL" });
    await w.pass(5_000, 500);
    expect(await w.done(w.engine.jobs.list({ limit: 10 }))).toEqual([]);

    w.disk.refuse = () => undefined;
    await w.done(w.engine.jobs.create(CLIENT, [simple, simple]));
    await w.pass(500, 100);
    expect(worker.got).toHaveLength(2);
  });

  test("in which an actor fails before it is on disk is refused as a whole", async () => {
    let turns = 0;
    const w = await start({
      blueprints: [oneTask("simple")],
      runner: (inline) => ({
        run: (turn, signal) => (++turns === 2 ? Promise.reject(new Error("a defect")) : inline.run(turn, signal)),
      }),
    });
    const worker = await new StreamWorker(w, "w").connect();
    expect(await w.refused(w.engine.jobs.create(CLIENT, [simple, simple, simple]))).toMatchObject({ status: 503 });
    await w.pass(5_000, 500);

    expect(worker.got).toEqual([]);
    expect(await w.done(w.engine.jobs.list({ limit: 10 }))).toEqual([]);
  });

  test("whose first handlers start many tasks writes those apart from the creations", async () => {
    const wide = new Blueprint({ name: "simple" });
    wide.handlerFor("start", { isStart: true }, (_, actions) => {
      const task = { taskType: "t", params: {}, transitions: { success: "done" } };
      actions.dispatchParallel({ aggregateInto: "done", tasks: [task, task] });
    });
    wide.aggregatorFor("done", (_, actions) => actions.transitionTo("finished"));
    const w = await start({ blueprints: [wide] });
    const worker = await new StreamWorker(w, "w").connect();
    await w.done(w.engine.jobs.create(CLIENT, [simple, simple]));
    await w.pass(500, 100);

    expect(w.disk.units.slice(0, 3).map(({ jobs }) => jobs.length)).toEqual([2, 1, 1]);
    expect(worker.got).toHaveLength(4);
  });
});
