import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Blueprint } from "../../src/blueprint/index.ts";
import type { Job } from "../../src/job/model.ts";
import { storeFull } from "../../src/storage/refusals.ts";
import { World } from "../support/engine.ts";
import { permanent, StreamWorker } from "../support/worker.ts";

let world: World | undefined;
let folder: string | undefined;

async function start(...blueprints: readonly Blueprint[]): Promise<World> {
  folder = mkdtempSync(join(tmpdir(), "avtomatika-children-"));
  world = await World.start({ folder, blueprints });
  return world;
}

afterEach(async () => {
  await world?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  world = folder = undefined;
});

const ENDS = ["good", "bad", "stopped"];
const ended = (blueprint: Blueprint) => {
  for (const state of ENDS) blueprint.handlerFor(state, { isEnd: true }, () => undefined);
  return blueprint;
};

/** One task; its result's `out` becomes the child's result. */
function child(): Blueprint {
  const blueprint = new Blueprint({ name: "child" });
  blueprint.handlerFor("start", { isStart: true }, ({ initialData }, actions) =>
    actions.dispatchTask({
      taskType: "t",
      params: initialData,
      transitions: { success: "tell", failure: "failed", cancelled: "stopped" },
    }),
  );
  blueprint.handlerFor("tell", ({ stateHistory }, actions) => {
    stateHistory["result"] = stateHistory["out"];
    actions.transitionTo("good");
  });
  blueprint.handlerFor("failed", { isEnd: true }, () => undefined);
  return ended(blueprint);
}

function parent(transitions: Record<string, string> = { success: "good", failure: "bad" }, name = "child"): Blueprint {
  const blueprint = new Blueprint({ name: "parent" });
  blueprint.handlerFor("start", { isStart: true }, ({ initialData }, actions) =>
    actions.runBlueprint({ blueprintName: name, initialData, transitions }),
  );
  return ended(blueprint);
}

function family(count: number): Blueprint {
  const blueprint = new Blueprint({ name: "family" });
  blueprint.handlerFor("start", { isStart: true }, (_context, actions) => {
    for (let index = 0; index < count; index++) {
      actions.runBlueprint({
        blueprintName: "child",
        initialData: { index },
        transitions: { success: "gather", failure: "bad" },
      });
    }
  });
  blueprint.aggregatorFor("gather", ({ aggregationResults, stateHistory }, actions) => {
    stateHistory["sum"] = Object.values(aggregationResults).reduce((sum, { data }) => sum + Number(data), 0);
    actions.transitionTo("good");
  });
  return ended(blueprint);
}

async function childrenOf(w: World, id: string): Promise<readonly Job[]> {
  const jobs = await w.done(w.engine.jobs.list({ limit: 1_000 }));
  return jobs.filter((job) => job.parentId === id);
}

async function onlyChild(w: World, id: string): Promise<Job> {
  const [only, ...others] = await childrenOf(w, id);
  if (!only || others.length > 0) throw new Error("one child was expected");
  return only;
}

describe("a job of another blueprint inside a job", () => {
  test("belongs to the same client, and its end brings its parent on with outcome and result", async () => {
    const w = await start(parent(), child());
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("parent", { text: "x" });
    const one = await onlyChild(w, id);
    expect(await w.status(id)).toBe("waiting_for_sub_job");
    expect(one).toMatchObject({ blueprint: "child", parentId: id, client: { id: "client" }, depth: 1 });

    await worker.answer({ data: { out: 7 } });
    await w.time.settle();

    expect((await w.view(id)).job).toMatchObject({ status: "finished", state: "good" });
    expect(await w.stateHistory(id)).toEqual({
      [`sub_job_${one.id}_result`]: {
        job_id: one.id,
        outcome: "success",
        final_state: "good",
        error_message: null,
        status: "finished",
        result: 7,
      },
    });
    expect(await w.eventTypes(id)).toEqual(expect.arrayContaining(["sub_blueprint_started", "sub_blueprint_finished"]));
  });

  test("is there if its parent is, after a crash between any two units", async () => {
    const w = await start(parent(), child());
    const id = await w.create("parent");
    await w.restart();
    const worker = await new StreamWorker(w, "w").connect();
    await w.pass(200);
    // The child ends on disk, and its parent never hears of it.
    w.disk.refuse = (unit) => (unit.jobs.some(({ job }) => job.id === id) ? new Error("power loss") : undefined);
    await worker.answer({ data: { out: 1 } }).catch(() => undefined);
    await w.restart();
    await w.pass(200);

    expect((await w.view(id)).job).toMatchObject({ status: "finished", state: "good" });
    expect((await w.eventTypes(id)).filter((type) => type === "sub_blueprint_finished")).toHaveLength(1);
    expect(await childrenOf(w, id)).toHaveLength(1);
  });

  test("that fails is a failure of its parent, with the reason", async () => {
    const w = await start(parent(), child());
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("parent");
    await worker.answer(permanent);
    await w.time.settle();
    const { job } = await w.view(id);
    expect(job).toMatchObject({ status: "failed", state: "bad", error: { code: "CHILD_FAILED" } });
    expect(job.error?.message).toContain("never");
  });

  test("that does not exist is a failure of its parent at once", async () => {
    const w = await start(parent(undefined, "nowhere"), child());
    const id = await w.create("parent");
    await w.time.settle();
    expect((await w.view(id)).job).toMatchObject({
      status: "failed",
      state: "bad",
      error: { code: "BLUEPRINT_NOT_FOUND" },
    });
  });

  test("that runs itself is stopped at a depth, and every one of them ends", async () => {
    const w = await start(parent({ success: "good", failure: "bad" }, "parent"));
    const id = await w.create("parent");
    await w.pass(1_000);
    const jobs = await w.done(w.engine.jobs.list({ limit: 100 }));
    expect(jobs).toHaveLength(11);
    expect(new Set(jobs.map(({ status }) => status))).toEqual(new Set(["failed"]));
    expect((await w.view(id)).job.error?.message).toContain("11th inside another");
  });

  test("is cancelled with its parent, which goes on as cancelled", async () => {
    const w = await start(parent({ success: "good", failure: "bad", cancelled: "stopped" }), child());
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("parent");
    const one = await onlyChild(w, id);

    await w.done(w.engine.jobs.cancel(undefined, id));
    await w.time.settle();
    expect(worker.cancels).toHaveLength(1);
    await worker.answer({ status: "cancelled" });
    await w.time.settle();

    expect(await w.status(one.id)).toBe("cancelled");
    expect((await w.view(id)).job).toMatchObject({ status: "cancelled", state: "stopped" });
  });

  test("that does not answer a cancel holds its parent for the grace alone", async () => {
    const w = await start(parent(), child());
    await new StreamWorker(w, "w").connect();
    const id = await w.create("parent");
    const one = await onlyChild(w, id);
    await w.done(w.engine.jobs.cancel(undefined, id));
    await w.pass(12_000, 500);
    expect(await w.status(id)).toBe("cancelled");
    expect(await w.status(one.id)).toBe("cancelled");
  });

  test("that is cancelled by itself is a failure of its parent", async () => {
    const w = await start(parent(), child());
    const id = await w.create("parent");
    await w.done(w.engine.jobs.cancel(undefined, (await onlyChild(w, id)).id));
    await w.time.settle();
    expect((await w.view(id)).job).toMatchObject({ state: "bad", error: { code: "CHILD_CANCELLED" } });
  });

  test("is cancelled after a crash that came between the end of its parent and telling it", async () => {
    const w = await start(parent(), child());
    const id = await w.create("parent");
    const one = await onlyChild(w, id);
    // The parent's end is on disk and the child's cancel never is.
    w.disk.refuse = (unit) => (unit.jobs.some(({ job }) => job.id === one.id) ? new Error("power loss") : undefined);
    await w.done(w.engine.jobs.cancel(undefined, id)).catch(() => undefined);
    await w.done(w.engine.jobs.cancel(undefined, id)).catch(() => undefined);
    await w.time.settle();
    expect(await w.status(id)).toBe("cancelled");

    await w.restart();
    await w.pass(500);

    expect(await w.status(one.id)).toBe("cancelled");
  });

  test("is cancelled when the disk has room again, if it had none when its parent ended", async () => {
    const w = await start(parent(), child());
    const id = await w.create("parent", {}, { deadlineSeconds: 5 });
    const one = await onlyChild(w, id);
    w.disk.refuse = (unit) => (unit.jobs.some(({ job }) => job.id === one.id) ? storeFull() : undefined);
    await w.pass(60_000, 500);
    expect(await w.status(id)).toBe("failed");
    expect(await w.status(one.id)).toBe("waiting_for_worker");

    w.disk.refuse = () => undefined;
    await w.pass(11_000, 500);
    expect(await w.status(one.id)).toBe("cancelled");
  });

  test("that is retried by itself, for which its parent waits no more, goes on over a restart", async () => {
    const w = await start(parent(), child());
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("parent");
    const one = await onlyChild(w, id);
    await worker.answer(permanent);
    await w.time.settle();
    expect(await w.status(id)).toBe("failed");
    await w.done(w.engine.jobs.retry(undefined, one.id));
    await w.time.settle();

    await w.restart();
    await worker.connect();
    await w.pass(500);
    expect(await w.status(one.id)).toBe("waiting_for_worker");
    await worker.answer({ data: { out: 1 } });
    await w.time.settle();

    expect(await w.status(one.id)).toBe("finished");
    expect(await w.status(id)).toBe("failed");
  });
});

describe("a child that was retried before its parent heard of its end", () => {
  test("waits until it has, and is refused where that takes long", async () => {
    const w = await start(parent(), child());
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("parent");
    const one = await onlyChild(w, id);
    w.disk.refuse = (unit) => (unit.jobs.some(({ job }) => job.id === id) ? storeFull() : undefined);
    await worker.answer(permanent);
    await w.time.settle();
    expect([await w.status(id), await w.status(one.id)]).toEqual(["waiting_for_sub_job", "quarantined"]);
    const early = w.refused(w.engine.jobs.retry(undefined, one.id));
    await w.pass(2_000);
    expect(await early).toMatchObject({ code: "PARENT_NOT_TOLD", status: 503 });
    expect([await w.status(id), await w.status(one.id)]).toEqual(["waiting_for_sub_job", "quarantined"]);
    const retry = w.engine.jobs.retry(undefined, one.id);
    await w.time.settle();
    w.disk.refuse = () => undefined;

    await w.pass(2_000);
    await w.done(retry);
    expect([await w.status(id), await w.status(one.id)]).toEqual(["failed", "waiting_for_worker"]);
    await worker.answer({ data: { out: 1 } });
    await w.time.settle();
    expect(await w.status(one.id)).toBe("finished");
  });
});

describe("several children that lead to one aggregator", () => {
  test("bring it once all have ended well, with the result of each", async () => {
    const w = await start(family(3), child());
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("family");
    expect(await w.status(id)).toBe("waiting_for_parallel");
    await w.restart();
    await worker.connect();
    for (const task of worker.running) await worker.answer({ data: { out: 5 } }, task);
    await w.pass(200);
    expect((await w.view(id)).job).toMatchObject({ status: "finished", state: "good" });
    expect((await w.stateHistory(id))["sum"]).toBe(15);
  });

  test("end with the first that fails: the job goes there at once and the others are cancelled", async () => {
    const w = await start(family(3), child());
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("family");
    await worker.answer(permanent, worker.got[1]);
    await w.pass(100);
    expect((await w.view(id)).job).toMatchObject({ status: "failed", state: "bad" });
    expect(worker.cancels).toHaveLength(2);
    for (const task of worker.running) await worker.answer({ status: "cancelled" }, task);
    await w.pass(100);
    expect((await childrenOf(w, id)).map(({ status }) => status).toSorted()).toEqual([
      "cancelled",
      "cancelled",
      "quarantined",
    ]);
  });

  test("are held by the sweep for as long as one of them is open", async () => {
    const w = await start(family(2), child());
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("family");
    await worker.answer({ data: { out: 1 } }, worker.got[0]);
    await w.pass(300_000, 5_000);
    expect(w.engine.repairs).toBe(0);
    expect(await w.status(id)).toBe("waiting_for_parallel");
  });
});
