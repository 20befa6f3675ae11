import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Blueprint } from "../../src/blueprint/index.ts";
import { isTerminal } from "../../src/job/model.ts";
import { waitingFor } from "../../src/job/waiting.ts";
import { CLIENT, World, type WorldOptions } from "../support/engine.ts";
import { StreamWorker } from "../support/worker.ts";

let world: World | undefined;
let folder: string | undefined;
async function start(options: WorldOptions): Promise<World> {
  world = await World.start(options);
  return world;
}
function kept(): string {
  folder = mkdtempSync(join(tmpdir(), "gates-"));
  return folder;
}
afterEach(async () => {
  await world?.stop();
  world = undefined;
  if (folder) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
});

/** One task, with a limit. */
function limited(name: string, concurrency?: { max: number; key?: string }): Blueprint {
  return new Blueprint({ name, ...(concurrency && { concurrency }) })
    .handlerFor("start", { isStart: true }, (_context, actions) =>
      actions.dispatchTask({
        taskType: "t",
        transitions: { success: "done", failure: "failed", cancelled: "stopped" },
        retry: { maxAttempts: 1 },
      }),
    )
    .handlerFor("done", { isEnd: true }, () => undefined)
    .handlerFor("failed", { isEnd: true }, () => undefined)
    .handlerFor("stopped", { isEnd: true }, () => undefined);
}

const statuses = (w: World, ids: readonly string[]) => Promise.all(ids.map((id) => w.status(id)));
async function waits(w: World, id: string) {
  const { job, clockOffsetMs, standing } = await w.view(id);
  return waitingFor(job, clockOffsetMs, standing);
}
async function createThree(w: World, name = "one", more: object = {}): Promise<[string, string, string]> {
  return [await w.create(name, {}, more), await w.create(name, {}, more), await w.create(name, {}, more)];
}

describe("a blueprint with a limit", () => {
  test("runs so many at once, and the others in their order", async () => {
    const w = await start({ blueprints: [limited("one", { max: 1 })] });
    const worker = await new StreamWorker(w, "w").connect();
    const ids = await createThree(w);
    expect(await statuses(w, ids)).toEqual(["waiting_for_worker", "pending", "pending"]);
    expect(await waits(w, ids[1])).toMatchObject({ kind: "turn", max: 1, position: 1 });
    expect(await waits(w, ids[2])).toMatchObject({ kind: "turn", position: 2 });

    await worker.answer();
    await w.pass(100);
    expect(await statuses(w, ids)).toEqual(["finished", "waiting_for_worker", "pending"]);
    await worker.answer();
    await w.pass(100);
    await worker.answer();
    await w.pass(100);
    expect(await statuses(w, ids)).toEqual(["finished", "finished", "finished"]);
    expect(worker.got.map((task) => task.job_id)).toEqual(ids);
    expect(w.engine.repairs).toBe(0);
  });

  test("is in, on disk, before its first handler runs", async () => {
    let ran = 0;
    const blueprint = new Blueprint({ name: "one", concurrency: { max: 1 } }).handlerFor(
      "start",
      { isStart: true, isEnd: true },
      () => void (ran += 1),
    );
    const w = await start({ blueprints: [blueprint] });
    w.disk.hold();
    const creating = w.engine.jobs.create(CLIENT, [{ blueprint: "one", initialData: "{}" }]);
    await w.time.settle();
    expect(ran).toBe(0);
    w.disk.release();
    w.disk.hold();
    const [id = ""] = await w.done(creating);
    await w.time.settle();
    expect(ran).toBe(0);
    expect(w.disk.waiting).toBe(1);
    w.disk.release();
    await w.pass(100);
    expect(ran).toBe(1);
    expect(await w.eventTypes(id)).toEqual([
      "job_created",
      "state_started",
      "job_waiting",
      "job_admitted",
      "state_finished",
      "job_completed",
    ]);
  });

  test("has one for each value of its key, in both spellings, and one for those without", async () => {
    for (const key of ["initial_data.customer.id", "context.initialData.customer.id"]) {
      const w = await start({ blueprints: [limited("one", { max: 1, key })] });
      const create = (customer: unknown) => w.create("one", customer === undefined ? {} : { customer });
      const ids = [
        await create({ id: 7 }),
        await create({ id: "7" }),
        await create({ id: 7 }),
        await create({ other: 7 }),
        await create(undefined),
      ];
      expect(await statuses(w, ids)).toEqual([
        "waiting_for_worker",
        "waiting_for_worker",
        "pending",
        "waiting_for_worker",
        "pending",
      ]);
      expect(await waits(w, ids[2] ?? "")).toMatchObject({ kind: "turn", key, group: 7, position: 1 });
      expect(await waits(w, ids[4] ?? "")).toMatchObject({ kind: "turn", group: null });
      await w.stop();
    }
  });

  test("goes by priority before age", async () => {
    const w = await start({ blueprints: [limited("one", { max: 1 })] });
    const worker = await new StreamWorker(w, "w").connect();
    await w.create("one");
    const low = await w.create("one", {}, { priority: 1 });
    const high = await w.create("one", {}, { priority: 2 });
    await worker.answer();
    await w.pass(100);
    expect(await statuses(w, [low, high])).toEqual(["pending", "waiting_for_worker"]);
  });

  test("gives the place of a cancelled job on, whether it ran or waited", async () => {
    const w = await start({ blueprints: [limited("one", { max: 1 })] });
    const ids = await createThree(w);
    await w.done(w.engine.jobs.cancel(undefined, ids[1]));
    expect(await statuses(w, ids)).toEqual(["waiting_for_worker", "cancelled", "pending"]);
    await w.done(w.engine.jobs.cancel(undefined, ids[0]));
    await w.pass(500);
    expect(await statuses(w, ids)).toEqual(["cancelled", "cancelled", "waiting_for_worker"]);
  });

  test("counts a job that waits inside for time as running", async () => {
    const blueprint = new Blueprint({ name: "one", concurrency: { max: 1 } })
      .handlerFor("start", { isStart: true }, (_c, actions) => actions.waitFor({ seconds: 5, then: "done" }))
      .handlerFor("done", { isEnd: true }, () => undefined);
    const w = await start({ blueprints: [blueprint] });
    const ids = await createThree(w);
    await w.pass(4_000);
    expect(await statuses(w, ids)).toEqual(["waiting_for_timer", "pending", "pending"]);
    await w.pass(1_500);
    expect(await statuses(w, ids)).toEqual(["finished", "waiting_for_timer", "pending"]);
  });

  test("lets a batch in as well, and no more of it", async () => {
    const w = await start({ blueprints: [limited("one", { max: 2 })] });
    const job = { blueprint: "one", initialData: "{}" };
    const ids = await w.done(w.engine.jobs.create(CLIENT, [job, job, job, job]));
    await w.pass(200);
    expect((await statuses(w, ids)).filter((status) => status === "waiting_for_worker")).toHaveLength(2);
    expect((await statuses(w, ids)).filter((status) => status === "pending")).toHaveLength(2);
  });

  test("makes a job that is retried take its turn", async () => {
    const w = await start({ blueprints: [limited("one", { max: 1 })] });
    const worker = await new StreamWorker(w, "w").connect();
    const [first, second] = await createThree(w);
    await worker.answer({ status: "failure", error: { code: "PERMANENT_ERROR", message: "no" } });
    await w.pass(100);
    expect(await statuses(w, [first, second])).toEqual(["quarantined", "waiting_for_worker"]);
    await w.done(w.engine.jobs.retry(undefined, first));
    expect(await w.status(first)).toBe("pending");
    expect(await waits(w, first)).toMatchObject({ kind: "turn", position: 1 });
    await worker.answer();
    await w.pass(100);
    expect(await statuses(w, [first, second])).toEqual(["waiting_for_worker", "finished"]);
  });

  test("asks again when its admission could not be written", async () => {
    const w = await start({ blueprints: [limited("one", { max: 1 })] });
    let refusals = 0;
    w.disk.refuse = (unit) => {
      const isAdmission = unit.jobs.some(({ events }) => events.some(({ type }) => type === "job_admitted"));
      if (!isAdmission || refusals > 1) return undefined;
      refusals += 1;
      return new Error("the actor meets a defect");
    };
    const id = await w.create("one");
    await w.pass(5_000);
    expect(refusals).toBe(2);
    expect(await w.status(id)).toBe("waiting_for_worker");
    expect((await w.history(id)).filter(({ event_type: type }) => type === "job_admitted")).toHaveLength(1);
  });

  test("fails a job by its deadline while that waits for its turn", async () => {
    const w = await start({ blueprints: [limited("one", { max: 1 })] });
    const ids = await createThree(w, "one", { deadlineSeconds: 10 });
    await w.pass(12_000, 500);
    expect(await statuses(w, ids)).toEqual(["failed", "failed", "failed"]);
  });
});

describe("after a crash", () => {
  test("jobs that are let in are in, on disk, before their first handlers run", async () => {
    const w = await start({ folder: kept(), blueprints: [limited("free")] });
    await w.done(w.engine.blueprints.pause("free"));
    const jobs = Array.from({ length: 50 }, () => ({ blueprint: "free", initialData: "{}" }));
    const ids = await w.done(w.engine.jobs.create(CLIENT, jobs));
    await w.restart();
    await w.done(w.engine.blueprints.resume("free"));
    await w.pass(500);
    expect(new Set(await statuses(w, ids))).toEqual(new Set(["waiting_for_worker"]));
    for (const id of ids) {
      const [first] = w.disk.unitsOf(id);
      const events = first?.jobs.find(({ job }) => job.id === id)?.events ?? [];
      expect(events.map(({ type }) => type)).toEqual(["job_admitted"]);
      expect(first?.jobs.find(({ job }) => job.id === id)?.job.task).toBeUndefined();
    }
  });

  test("those who are in are in, and the others go on waiting in their order", async () => {
    const w = await start({ folder: kept(), blueprints: [limited("one", { max: 1 })] });
    const ids = await createThree(w);
    await w.restart();
    await w.pass(3_000, 500);
    expect(await statuses(w, ids)).toEqual(["waiting_for_worker", "pending", "pending"]);
    expect(await waits(w, ids[2])).toMatchObject({ kind: "turn", position: 2 });
    const worker = await new StreamWorker(w, "w").connect();
    await w.pass(100);
    for (const id of ids) {
      expect(worker.last.job_id).toBe(id);
      await worker.answer();
      await w.pass(100);
    }
    expect(await statuses(w, ids)).toEqual(["finished", "finished", "finished"]);
    expect(w.engine.repairs).toBe(0);
  });

  test("at each unit of the store no more than the limit are in, and all come to their end", async () => {
    for (let until = 1; until <= 14; until++) {
      const w = await start({ folder: kept(), blueprints: [limited("one", { max: 1 })] });
      let units = 0;
      w.disk.refuse = () => (++units > until ? new Error("the process is dead") : undefined);
      const created: string[] = [];
      for (let count = 0; count < 3; count++) {
        const creating = w.engine.jobs.create(CLIENT, [{ blueprint: "one", initialData: "{}" }]);
        creating.then(([id = ""]) => created.push(id)).catch(() => undefined);
        await w.time.settle();
      }
      await w.restart();
      const worker = await new StreamWorker(w, "w").connect();
      for (let turn = 0; turn < 40; turn++) {
        const jobs = await w.done(w.storage.jobs.list({ limit: 100 }));
        const inside = jobs.filter((job) => job.gate?.isIn && !isTerminal(job.status));
        expect(inside.length).toBeLessThanOrEqual(1);
        await w.pass(100);
        if (worker.got.length > 0 && !isTerminal((await w.view(worker.last.job_id)).job.status)) await worker.answer();
      }
      expect(new Set(await statuses(w, created))).toEqual(new Set(created.length > 0 ? ["finished"] : []));
      await w.stop();
      rmSync(folder ?? "", { recursive: true, force: true });
    }
  });

  test("a pause holds on", async () => {
    const w = await start({ folder: kept(), blueprints: [limited("free")] });
    await w.done(w.engine.blueprints.pause("free"));
    const id = await w.create("free");
    await w.restart();
    await w.pass(3_000, 500);
    expect(await w.status(id)).toBe("pending");
    expect(w.engine.blueprints.read("free").pausedSinceMs).toBeNumber();
    await w.done(w.engine.blueprints.resume("free"));
    await w.pass(100);
    expect(await w.status(id)).toBe("waiting_for_worker");
    await w.restart();
    expect(w.engine.blueprints.read("free").pausedSinceMs).toBeUndefined();
  });
});

describe("a blueprint that is paused", () => {
  test("takes new jobs and begins none; those that run go on", async () => {
    const w = await start({ blueprints: [limited("free")] });
    const worker = await new StreamWorker(w, "w").connect();
    const running = await w.create("free");
    await w.done(w.engine.blueprints.pause("free"));
    const waiting = await w.create("free");
    expect(await waits(w, waiting)).toMatchObject({ kind: "paused" });
    await worker.answer();
    await w.pass(100);
    expect(await statuses(w, [running, waiting])).toEqual(["finished", "pending"]);
    expect(w.engine.blueprints.read("free").crowd).toEqual({ inside: 0, waiting: 1 });

    await w.done(w.engine.blueprints.resume("free"));
    await w.pass(100);
    expect(await w.status(waiting)).toBe("waiting_for_worker");
  });

  test("holds back a job whose time comes meanwhile", async () => {
    const w = await start({ blueprints: [limited("free")] });
    const id = await w.create("free", {}, { startAtMs: w.time.nowMs() + 2_000 });
    await w.done(w.engine.blueprints.pause("free"));
    expect(await waits(w, id)).toMatchObject({ kind: "start" });
    await w.pass(3_000);
    expect(await waits(w, id)).toMatchObject({ kind: "paused" });
    await w.done(w.engine.blueprints.resume("free"));
    await w.pass(100);
    expect(await w.status(id)).toBe("waiting_for_worker");
  });

  test("twice is paused once, and one that is not there is refused", async () => {
    const w = await start({ blueprints: [limited("free")] });
    await w.done(w.engine.blueprints.pause("free"));
    const since = w.engine.blueprints.read("free").pausedSinceMs;
    await w.pass(1_000);
    await w.done(w.engine.blueprints.pause("free"));
    expect(w.engine.blueprints.read("free").pausedSinceMs).toBe(since);
    await w.done(w.engine.blueprints.resume("free"));
    await w.done(w.engine.blueprints.resume("free"));
    expect(await w.refused(w.engine.blueprints.pause("fre"))).toMatchObject({ code: "BLUEPRINT_NOT_FOUND" });
  });
});

describe("a family", () => {
  function nested(name: string, children: number, concurrency: { max: number }): Blueprint {
    return new Blueprint({ name, concurrency })
      .handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
        if (initialData["depth"] === 0) {
          return actions.dispatchTask({ taskType: "t", transitions: { success: "done", failure: "failed" } });
        }
        for (let index = 0; index < children; index++) {
          actions.runBlueprint({
            blueprintName: name,
            initialData: { depth: (initialData["depth"] as number) - 1 },
            transitions: { success: "gather", failure: "failed" },
          });
        }
      })
      .aggregatorFor("gather", (_context, actions) => actions.transitionTo("done"))
      .handlerFor("done", { isEnd: true }, () => undefined)
      .handlerFor("failed", { isEnd: true }, () => undefined);
  }

  test("of one blueprint runs in the place of its eldest, and does not wait for itself", async () => {
    const w = await start({ blueprints: [nested("tree", 2, { max: 1 })] });
    const worker = await new StreamWorker(w, "w").connect();
    const root = await w.create("tree", { depth: 2 });
    const other = await w.create("tree", { depth: 0 });
    await w.pass(500);
    expect(worker.got).toHaveLength(4);
    expect(await statuses(w, [root, other])).toEqual(["waiting_for_parallel", "pending"]);
    const four = worker.got.slice();
    for (const task of four) await worker.answer({}, task);
    await w.pass(1_000);
    expect(await statuses(w, [root, other])).toEqual(["finished", "waiting_for_worker"]);
  });

  test("of two blueprints counts its child in the child's own", async () => {
    const parent = new Blueprint({ name: "parent" })
      .handlerFor("start", { isStart: true }, (_c, actions) =>
        actions.runBlueprint({ blueprintName: "one", transitions: { success: "done", failure: "failed" } }),
      )
      .handlerFor("done", { isEnd: true }, () => undefined)
      .handlerFor("failed", { isEnd: true }, () => undefined);
    const w = await start({ blueprints: [parent, limited("one", { max: 1 })] });
    const worker = await new StreamWorker(w, "w").connect();
    const ids = await createThree(w, "parent");
    await w.pass(300);
    expect(worker.got).toHaveLength(1);
    for (let turn = 0; turn < 3; turn++) {
      await worker.answer();
      await w.pass(300);
    }
    expect(await statuses(w, ids)).toEqual(["finished", "finished", "finished"]);
  });
});

describe("the sweep", () => {
  test("finds a job that the gate has forgotten", async () => {
    const w = await start({ blueprints: [limited("one", { max: 1 })] });
    const worker = await new StreamWorker(w, "w").connect();
    const [first, second] = await createThree(w);
    w.tellGates({ type: "left", jobId: second });
    await worker.answer();
    await w.pass(100);
    expect(await w.status(first)).toBe("finished");
    await worker.answer();
    await w.pass(200_000, 1_000);
    expect(await w.status(second)).toBe("waiting_for_worker");
    expect(w.engine.repairs).toBe(1);
  });

  test("finds a place that is kept for a job that is over", async () => {
    const w = await start({ blueprints: [limited("one", { max: 1 })] });
    const worker = await new StreamWorker(w, "w").connect();
    const [first, second] = await createThree(w);
    const { job } = await w.view(first);
    await worker.answer();
    await w.time.settle();
    const place = { jobId: "gone", visit: 1, blueprint: job.blueprint, group: '["one"]', max: 1, priority: 0 };
    w.tellGates({ type: "entered", place });
    await worker.answer();
    await w.pass(100);
    await w.pass(200_000, 1_000);
    expect(await w.status(second)).toBe("finished");
    expect(w.engine.repairs).toBe(1);
  });
});
