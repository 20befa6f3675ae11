import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OUTBOX_RULES } from "../../actors/outbox/decide.ts";
import { Blueprint } from "../../src/blueprint/index.ts";
import { readWebhook } from "../../src/job/webhook.ts";
import type { OutboxRow } from "../../src/storage/port.ts";
import { storeFull } from "../../src/storage/refusals.ts";
import { Refusal } from "../../src/system/errors.ts";
import { CLIENT, World, type WorldOptions } from "../support/engine.ts";
import { Outside } from "../support/outside.ts";

const flow = new Blueprint({ name: "flow" });
flow.handlerFor("start", { isStart: true }, (_context, actions) => actions.transitionTo("done"));
flow.handlerFor("done", { isEnd: true }, () => undefined);

const A = { webhookUrl: "https://a.example/hook" };
const B = { webhookUrl: "https://b.example/hook" };
const MINUTE_MS = 60_000;

let world: World | undefined;
let folder: string | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
});

async function begin(options: Partial<WorldOptions> = {}): Promise<{ world: World; outside: Outside }> {
  const outside = new Outside();
  world = await World.start({ blueprints: [flow], sender: outside, ...options });
  return { world, outside };
}

function onDisk(): { folder: string } {
  folder = mkdtempSync(join(tmpdir(), "outbox-test-"));
  return { folder };
}

const jobsOf = (rows: readonly OutboxRow[]) => rows.map((row) => row.jobId);
const failure = { type: "failed", error: "a.example answered 500" } as const;

describe("a job with a webhook", () => {
  test("is told of once it is over, and then no more", async () => {
    const { world, outside } = await begin();
    const id = await world.create("flow", {}, A);
    await world.pass(1_000);
    expect(outside.tries).toMatchObject([{ jobId: id, kind: "webhook", destination: "a.example" }]);
    const told = readWebhook(outside.tries[0]?.body ?? "");
    expect([told.url, JSON.parse(told.payload)]).toMatchObject([A.webhookUrl, { event: "job_finished", job_id: id }]);
    expect((await world.view(id)).outbox).toEqual([]);
    await world.pass(10 * MINUTE_MS, 1_000);
    expect(outside.tries.length).toBe(1);
  });

  test("has its message in the very unit that ends it", async () => {
    const { world } = await begin();
    const id = await world.create("flow", {}, A);
    const ending = world.disk.unitsOf(id).flatMap((unit) => unit.jobs);
    expect(ending.map((write) => [write.job.status, write.outbox?.length ?? 0])).toEqual([["finished", 1]]);
  });

  test("without one is told of to nobody", async () => {
    const { world, outside } = await begin();
    await world.create("flow");
    await world.pass(1_000);
    expect(outside.tries).toEqual([]);
  });

  test("that is cancelled is told of as well", async () => {
    const waiting = new Blueprint({ name: "waiting" });
    waiting.handlerFor("start", { isStart: true }, (_context, actions) =>
      actions.dispatchTask({ taskType: "t", transitions: { success: "done" } }),
    );
    waiting.handlerFor("done", { isEnd: true }, () => undefined);
    const { world, outside } = await begin({ blueprints: [waiting] });
    const id = await world.create("waiting", {}, A);
    await world.done(world.engine.jobs.cancel(undefined, id));
    await world.pass(100);
    expect(JSON.parse(readWebhook(outside.tries[0]?.body ?? "").payload)).toMatchObject({ event: "job_cancelled" });
  });
});

describe("a message that cannot be delivered", () => {
  test("is tried again later and later, with the same id, until it is taken", async () => {
    const { world, outside } = await begin();
    outside.fate = () => (outside.tries.length < 4 ? failure : { type: "delivered" });
    const id = await world.create("flow", {}, A);
    await world.pass(100);
    expect((await world.view(id)).outbox).toMatchObject([{ attempts: 1, error: failure.error }]);
    await world.pass(MINUTE_MS, 500);
    expect(outside.tries.length).toBe(4);
    expect(new Set(outside.tries.map((row) => row.id)).size).toBe(1);
    expect(outside.tries.map((row) => row.attempts)).toEqual([0, 1, 2, 3]);
    expect((await world.view(id)).outbox).toEqual([]);
  });

  test("is given up after its time, seen by operators and in the log, and sent again when they say so", async () => {
    const { world, outside } = await begin({ settings: { outbox: { ...OUTBOX_RULES, giveUpMs: MINUTE_MS } } });
    outside.fate = () => failure;
    const id = await world.create("flow", {}, A);
    await world.pass(2 * MINUTE_MS, 500);
    const tried = outside.tries.length;
    expect(tried).toBeGreaterThan(3);
    expect(await world.done(world.engine.outbox.count())).toEqual({ waiting: 0, failed: 1 });
    expect(await world.done(world.engine.outbox.failed(10))).toMatchObject([{ jobId: id, error: failure.error }]);
    expect(world.warnings().some((line) => line.includes("was given up"))).toBe(true);
    await world.pass(10 * MINUTE_MS, 5_000);
    expect(outside.tries.length).toBe(tried);

    outside.fate = () => ({ type: "delivered" });
    expect(await world.done(world.engine.outbox.retry())).toBe(1);
    await world.pass(1_000);
    expect(outside.tries.length).toBe(tried + 1);
    expect(await world.done(world.engine.outbox.count())).toEqual({ waiting: 0, failed: 0 });
  });

  test("that was given up and is sent again has its time anew, if it is refused once more", async () => {
    const { world, outside } = await begin({ settings: { outbox: { ...OUTBOX_RULES, giveUpMs: MINUTE_MS } } });
    outside.fate = () => failure;
    await world.create("flow", {}, A);
    await world.pass(10 * MINUTE_MS, 1_000);
    const tried = outside.tries.length;
    expect(await world.done(world.engine.outbox.retry())).toBe(1);
    await world.pass(1_000);
    expect(outside.tries.length).toBe(tried + 1);
    expect(await world.done(world.engine.outbox.count())).toEqual({ waiting: 1, failed: 0 });

    outside.fate = () => ({ type: "delivered" });
    await world.pass(MINUTE_MS, 1_000);
    expect(await world.done(world.engine.outbox.count())).toEqual({ waiting: 0, failed: 0 });
  });

  test("all that were given up are sent again once, though each is given up again at once", async () => {
    const { world, outside } = await begin();
    outside.fate = () => ({ type: "failed", error: "is no public address", isFinal: true });
    const asked = Array.from({ length: 1_200 }, (_, number) => ({
      blueprint: "flow",
      initialData: "{}",
      webhookUrl: `https://h${number}.example/hook`,
    }));
    await world.done(world.engine.jobs.create(CLIENT, asked));
    await world.pass(5_000);
    expect(await world.done(world.engine.outbox.count())).toEqual({ waiting: 0, failed: 1_200 });

    expect(await world.done(world.engine.outbox.retry())).toBe(1_200);
    await world.pass(5_000);
    expect(outside.tries).toHaveLength(2 * 1_200);
  });

  test("that was given up can be thrown away, and one that was not cannot", async () => {
    const { world, outside } = await begin({ settings: { outbox: { ...OUTBOX_RULES, giveUpMs: 0 } } });
    outside.fate = () => failure;
    await world.create("flow", {}, A);
    await world.pass(1_000);
    const [row] = await world.done(world.engine.outbox.failed(10));
    const refused = await world.refused(world.engine.outbox.discard("01900000-0000-7000-8000-000000000009"));
    expect(refused instanceof Refusal && refused.status).toBe(404);
    expect(await world.done(world.engine.outbox.discard(row?.id))).toBe(1);
    expect(await world.done(world.engine.outbox.count())).toEqual({ waiting: 0, failed: 0 });
  });

  test("is kept in order: a later one of its job and destination waits for it", async () => {
    const { world, outside } = await begin();
    const id = await world.create("flow", {}, A);
    await world.pass(100);
    const { job } = await world.view(id);
    outside.fate = () => failure;
    const write = (number: number) => ({
      id: `01900000-0000-7000-8000-00000000000${number}`,
      kind: "webhook" as const,
      destination: "a.example",
      body: `${A.webhookUrl}\n{"number":${number}}`,
      dueAtMs: world.time.nowMs(),
    });
    const unit = {
      jobs: [
        {
          job: { ...job, version: job.version + 1 },
          expectedVersion: job.version,
          events: [],
          outbox: [write(1), write(2)],
        },
      ],
    };
    await world.done(world.disk.commit(unit));
    await world.pass(30_000, 500);
    const numbers = () => outside.tries.slice(1).map((row) => Number(row.id.slice(-1)));
    expect(new Set(numbers())).toEqual(new Set([1]));
    outside.fate = () => ({ type: "delivered" });
    await world.pass(MINUTE_MS, 500);
    expect(numbers().slice(-2)).toEqual([1, 2]);
  });
});

describe("a receiver that hangs", () => {
  test("holds up no job and no other receiver", async () => {
    const { world, outside } = await begin();
    outside.fate = (row) => (row.destination === "a.example" ? undefined : { type: "delivered" });
    for (let count = 0; count < 50; count++) await world.create("flow", {}, A);
    const other = await world.create("flow", {}, B);
    await world.pass(1_000);
    expect(outside.hanging.length).toBe(OUTBOX_RULES.sendsEach);
    expect(jobsOf(outside.tries)).toContain(other);
    expect(await world.status(other)).toBe("finished");
  });

  test("that many do takes no more than is set, and all get theirs in the end", async () => {
    const { world, outside } = await begin({ settings: { outbox: { ...OUTBOX_RULES, sends: 3, sendsEach: 2 } } });
    outside.fate = () => undefined;
    for (let count = 0; count < 12; count++) {
      await world.create("flow", {}, { webhookUrl: `https://host-${count % 4}.example/` });
    }
    for (let round = 0; round < 30; round++) {
      await world.pass(100);
      outside.release();
    }
    await world.pass(100);
    expect(outside.sendingMost).toBe(3);
    expect(await world.done(world.engine.outbox.count())).toEqual({ waiting: 0, failed: 0 });
  });

  test("for ever is given up for this time", async () => {
    const { world, outside } = await begin();
    outside.fate = () => undefined;
    const id = await world.create("flow", {}, A);
    await world.pass(MINUTE_MS + 1_000, 1_000);
    expect((await world.view(id)).outbox).toMatchObject([{ attempts: 1, error: "did not come to an end" }]);
  });
});

describe("a server that dies or is stopped", () => {
  test("sends after its next start what it had not sent", async () => {
    const { world, outside } = await begin(onDisk());
    outside.fate = () => undefined;
    const id = await world.create("flow", {}, A);
    await world.pass(100);
    await world.crash();
    outside.fate = () => ({ type: "delivered" });
    await world.restart();
    await world.pass(1_000);
    expect(jobsOf(outside.tries)).toEqual([id, id]);
    expect(outside.tries[0]?.id).toBe(outside.tries[1]?.id ?? "");
    // The first try was interrupted by us: it counts for nothing.
    expect(outside.tries[1]?.attempts).toBe(0);
    expect((await world.view(id)).outbox).toEqual([]);
  });

  test("keeps to the time of the next try", async () => {
    const { world, outside } = await begin(onDisk());
    outside.fate = () => failure;
    await world.create("flow", {}, A);
    await world.pass(6_500, 500);
    const tried = outside.tries.length;
    await world.restart();
    await world.pass(500);
    expect(outside.tries.length).toBe(tried);
    await world.pass(10_000, 500);
    expect(outside.tries.length).toBe(tried + 1);
  });

  test("sends again what it sent but could not write down, under the same id", async () => {
    const { world, outside } = await begin();
    world.disk.refuse = (unit) => (unit.outbox ? storeFull() : undefined);
    const id = await world.create("flow", {}, A);
    await world.pass(3_000);
    expect(outside.tries.length).toBeGreaterThan(1);
    world.disk.refuse = () => undefined;
    await world.pass(3_000);
    expect(new Set(outside.tries.map((row) => row.id)).size).toBe(1);
    expect((await world.view(id)).outbox).toEqual([]);
  });
});

describe("too many messages that cannot be delivered", () => {
  test("refuse jobs that would add to them, and no others", async () => {
    const { world, outside } = await begin({ settings: { outboxRows: 2 } });
    outside.fate = () => failure;
    await world.create("flow", {}, A);
    await world.create("flow", {}, A);
    await world.pass(100);
    const creating = world.engine.jobs.create(CLIENT, [{ blueprint: "flow", initialData: "{}", ...B }]);
    const refused = await world.refused(creating);
    expect(refused).toMatchObject({ code: "OUTBOX_FULL", status: 503 });
    await world.create("flow");
    outside.fate = () => ({ type: "delivered" });
    await world.pass(MINUTE_MS, 500);
    await world.create("flow", {}, B);
  });
});
