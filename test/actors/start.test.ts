import { afterEach, describe, expect, test } from "bun:test";
import { oneTask } from "../support/blueprints.ts";
import { World, type WorldOptions } from "../support/engine.ts";
import { StreamWorker } from "../support/worker.ts";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitingFor } from "../../src/job/waiting.ts";

let world: World | undefined;
let folder: string | undefined;
async function start(options: WorldOptions): Promise<World> {
  world = await World.start(options);
  return world;
}
afterEach(async () => {
  await world?.stop();
  world = undefined;
  if (folder) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
});

async function waits(w: World, id: string) {
  const { job, clockOffsetMs, standing } = await w.view(id);
  return waitingFor(job, clockOffsetMs, standing);
}

describe("a job with a later start", () => {
  test("is on disk, says until when it waits, and begins then", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const startAtMs = w.time.nowMs() + 10_000;
    const id = await w.create("simple", {}, { startAtMs });

    expect(await w.status(id)).toBe("pending");
    expect(await waits(w, id)).toMatchObject({ kind: "start", until: new Date(startAtMs).toISOString() });
    expect(await w.eventTypes(id)).toEqual(["job_created", "state_started", "job_waiting"]);
    await w.pass(9_900);
    expect(worker.got).toHaveLength(0);
    await w.pass(200);
    expect(worker.got).toHaveLength(1);
    await worker.answer();
    expect(await w.status(id)).toBe("finished");
    expect(w.engine.repairs).toBe(0);
  });

  test("waits for it also when it is cancelled before and retried", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const startAtMs = w.time.nowMs() + 10_000;
    const id = await w.create("simple", {}, { startAtMs });
    await w.done(w.engine.jobs.cancel(undefined, id));
    await w.pass(2_000);
    await w.done(w.engine.jobs.retry(undefined, id));

    expect(await waits(w, id)).toMatchObject({ kind: "start", until: new Date(startAtMs).toISOString() });
    await w.pass(7_900);
    expect([await w.status(id), worker.got.length]).toEqual(["pending", 0]);
    await w.pass(200);
    expect(worker.got).toHaveLength(1);
  });

  test("that is past begins at once, in one unit", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const id = await w.create("simple", {}, { startAtMs: w.time.nowMs() - 60_000 });
    expect(await w.status(id)).toBe("waiting_for_worker");
    expect(w.disk.unitsOf(id)).toHaveLength(1);
  });

  test("keeps it over a restart, also when it comes while the server is down", async () => {
    folder = mkdtempSync(join(tmpdir(), "start-"));
    const w = await start({ folder, blueprints: [oneTask("simple")] });
    const soon = await w.create("simple", {}, { startAtMs: w.time.nowMs() + 5_000 });
    const later = await w.create("simple", {}, { startAtMs: w.time.nowMs() + 60_000 });
    await w.crash();
    w.time.advance(10_000);
    await w.restart();
    await w.pass(1_500);
    expect(await w.status(soon)).toBe("waiting_for_worker");
    expect(await w.status(later)).toBe("pending");
    await w.pass(49_000, 500);
    expect(await w.status(later)).toBe("waiting_for_worker");
  });

  test("follows the clock of the wall when that jumps", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const ahead = await w.create("simple", {}, { startAtMs: w.time.nowMs() + 3_600_000 });
    w.time.shiftWall(3_600_000);
    await w.pass(3_000, 500);
    expect(await w.status(ahead)).toBe("waiting_for_worker");

    const behind = await w.create("simple", {}, { startAtMs: w.time.nowMs() + 5_000 });
    w.time.shiftWall(-60_000);
    await w.pass(10_000, 500);
    expect(await w.status(behind)).toBe("pending");
    await w.pass(56_000, 500);
    expect(await w.status(behind)).toBe("waiting_for_worker");
  });

  test("that its deadline does not allow, which counts from its creation, is refused", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const wanted = { blueprint: "simple", initialData: "{}", startAtMs: w.time.nowMs() + 60_000, deadlineSeconds: 60 };
    const creating = w.engine.jobs.create({ id: "client", config: {} }, [wanted]);
    expect(await w.refused(creating)).toMatchObject({ code: "DEADLINE_BEFORE_START", status: 422 });
    const id = await w.create("simple", {}, { startAtMs: w.time.nowMs() + 60_000, deadlineSeconds: 61 });
    await w.pass(61_500, 500);
    const { job } = await w.view(id);
    expect([job.status, job.error?.code]).toEqual(["failed", "DEADLINE_EXCEEDED"]);
  });

  test("is cancelled at once", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const id = await w.create("simple", {}, { startAtMs: w.time.nowMs() + 60_000 });
    await w.done(w.engine.jobs.cancel(undefined, id));
    expect(await w.status(id)).toBe("cancelled");
    await w.pass(70_000, 1_000);
    expect(await w.status(id)).toBe("cancelled");
  });

  test("in a batch waits as well", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const job = { blueprint: "simple", initialData: "{}" };
    const later = { ...job, startAtMs: w.time.nowMs() + 5_000 };
    const ids = await w.done(w.engine.jobs.create({ id: "client", config: {} }, [job, later]));
    await w.pass(100);
    expect(await Promise.all(ids.map((id) => w.status(id)))).toEqual(["waiting_for_worker", "pending"]);
    await w.pass(5_000);
    expect(await w.status(ids[1] ?? "")).toBe("waiting_for_worker");
  });
});
