import { afterEach, describe, expect, test } from "bun:test";
import type { TaskPayload } from "../../src/protocol/worker.ts";
import { oneTask } from "../support/blueprints.ts";
import { World, type WorldOptions } from "../support/engine.ts";
import { resultOf, StreamWorker } from "../support/worker.ts";

let world: World | undefined;
async function start(options: WorldOptions): Promise<World> {
  world = await World.start(options);
  return world;
}
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

const QUICK = { maxAttempts: 4, backoffSeconds: 1, maxBackoffSeconds: 1 };

/** What a long poll brings: the promise is of the task, once there is one. */
function poll(w: World, workerId: string, waitMs = 30_000, signal = new AbortController().signal) {
  const polled = { task: undefined as TaskPayload | undefined, over: false };
  void w.engine.workers.poll(workerId, waitMs, signal).then((text) => {
    polled.over = true;
    if (text !== undefined) polled.task = JSON.parse(text) as TaskPayload;
  });
  return polled;
}

const register = (w: World, workerId: string) =>
  w.done(w.engine.workers.register({ worker_id: workerId, supported_tasks: ["t"] }));

describe("a worker that is lost", () => {
  test("burns an attempt, and its task is redone by another", async () => {
    const w = await start({ blueprints: [oneTask("simple", { retry: QUICK })] });
    const killed = await new StreamWorker(w, "killed").connect();
    const id = await w.create("simple");
    await killed.kill();
    const other = await new StreamWorker(w, "other").connect();

    await w.pass(4_000, 500);
    expect(other.got).toHaveLength(0);
    await w.pass(5_000, 500);

    expect(other.got.map((task) => task.attempt)).toEqual([2]);
    const late = await w.done(w.engine.workers.result(resultOf("killed", killed.last)));
    expect(late).toMatchObject({ status: "ignored", reason: "stale_task" });
    await other.answer();
    expect(await w.status(id)).toBe("finished");
  });

  test("burns nothing when it comes back in time with its task", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await worker.disconnect();
    await w.pass(3_000, 500);
    await worker.connect();
    await w.pass(60_000, 1_000);

    expect(worker.got).toHaveLength(1);
    expect(await worker.answer()).toEqual({ status: "result_accepted_success" });
    expect(await w.status(id)).toBe("finished");
  });

  test("keeps its task as long as somebody says for it that it runs, and no longer", async () => {
    const w = await start({ blueprints: [oneTask("simple", { retry: QUICK })] });
    const blocked = await new StreamWorker(w, "blocked").connect();
    const id = await w.create("simple");
    await blocked.disconnect();
    const { task_id } = blocked.last;
    for (let round = 0; round < 8; round++) {
      await w.done(w.engine.workers.heartbeat("blocked", { status: "busy", current_tasks: [task_id] }));
      await w.pass(4_000, 500);
    }
    expect(await w.status(id)).toBe("waiting_for_worker");
    const other = await new StreamWorker(w, "other").connect();
    expect(other.got).toHaveLength(0);

    await w.pass(60_000, 500);
    expect(other.got.map((task) => task.attempt)).toEqual([2]);
  });

  test("keeps its task when its stream breaks between two times that somebody says so", async () => {
    const w = await start({ blueprints: [oneTask("simple", { retry: QUICK })] });
    const blocked = await new StreamWorker(w, "blocked").connect();
    const id = await w.create("simple");
    const vouch = () =>
      w.done(w.engine.workers.heartbeat("blocked", { status: "busy", current_tasks: [blocked.last.task_id] }));
    await vouch();
    await w.pass(2_000, 500);
    await blocked.disconnect();
    await w.pass(13_000, 500);
    await vouch();
    await w.pass(13_000, 500);
    await blocked.connect();
    await w.pass(60_000, 1_000);

    expect(blocked.got).toHaveLength(1);
    expect(await blocked.answer()).toEqual({ status: "result_accepted_success" });
    expect(await w.status(id)).toBe("finished");
  });

  test("burns nothing when what it was sent had not arrived before its connection broke", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    await w.create("simple");
    worker.running = [];
    await worker.disconnect();

    await worker.connect();
    await w.pass(500);

    expect(worker.got.map((task) => task.attempt)).toEqual([1, 1]);
  });
});

describe("a worker that changes how much it takes", () => {
  const takes = (max_concurrent_tasks: number) => ({ status: "idle", max_concurrent_tasks });

  test("is given more over its open stream, or nothing more", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w", { concurrency: 0 }).connect();
    for (let number = 0; number < 5; number++) await w.create("simple");
    expect(worker.got).toHaveLength(0);

    await w.done(w.engine.workers.heartbeat("w", takes(2)));
    await w.pass(1_000);
    expect(worker.got).toHaveLength(2);

    await w.done(w.engine.workers.heartbeat("w", takes(1)));
    await worker.answer({}, worker.got[0]);
    await w.pass(1_000);
    expect(worker.got).toHaveLength(2);
    await worker.answer({}, worker.got[1]);
    await w.pass(1_000);
    expect(worker.got).toHaveLength(3);
  });
});

describe("a worker that hands back", () => {
  test("burns no attempt, and is sent nothing more while it drains", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    await w.create("simple");
    await w.pass(500);
    await w.done(w.engine.workers.drain("w"));

    await worker.release();
    await w.pass(2_000, 500);
    const other = await new StreamWorker(w, "other").connect();

    expect(worker.got).toHaveLength(1);
    expect(other.got.map((task) => task.attempt)).toEqual([1]);
  });
});

describe("a link that refuses a task", () => {
  test("is sent no more, and the task waits for another worker without work meanwhile", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const broken = await new StreamWorker(w, "broken").connect();
    broken.takes = false;
    const id = await w.create("simple");
    await w.pass(1_000);
    expect(w.disk.unitsOf(id).length).toBeLessThan(4);

    const other = await new StreamWorker(w, "other").connect();
    await w.pass(500);

    expect(other.got.map((task) => task.attempt)).toEqual([1]);
  });
});

describe("a task that took too long", () => {
  test("is redone, and does not confuse what the same worker is given next", async () => {
    const w = await start({ blueprints: [oneTask("simple", { timeoutSeconds: 5, retry: QUICK })] });
    const worker = await new StreamWorker(w, "w", { record: { task_type_limits: { t: 2 } } }).connect();
    const id = await w.create("simple");
    await w.pass(8_000, 500);
    const [first, second] = worker.got;
    if (!first || !second) throw new Error("the task was expected to be given out again");
    expect(second.attempt).toBe(2);
    expect(worker.cancels).toEqual([first.task_id]);

    expect(await worker.answer({ status: "cancelled" }, first)).toMatchObject({ reason: "stale_task" });
    expect((await w.view(id)).tasks).toMatchObject([{ status: "running", taskId: second.task_id }]);
    expect(await worker.answer({}, second)).toEqual({ status: "result_accepted_success" });
    expect(await w.status(id)).toBe("finished");

    // Its places are all free again.
    await w.create("simple");
    await w.create("simple");
    expect(worker.got).toHaveLength(4);
  });
});

describe("a server that stood still", () => {
  test("kills no lease", async () => {
    const w = await start({ blueprints: [oneTask("simple", { timeoutSeconds: 20 })] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await w.pass(1_000, 100);

    w.time.shiftWall(3_600_000);
    await w.pass(10_000, 100);

    expect(worker.got).toHaveLength(1);
    expect((await w.view(id)).tasks).toMatchObject([{ status: "running" }]);
    await worker.answer();
    expect(await w.status(id)).toBe("finished");
  });
});

describe("a worker that polls", () => {
  test("gets a task for each poll, and is timed out when it says nothing about it", async () => {
    const w = await start({ blueprints: [oneTask("simple", { retry: QUICK })], settings: { workerTimeoutMs: 30_000 } });
    await register(w, "w");
    const polled = poll(w, "w");
    const id = await w.create("simple");
    expect(polled.task).toMatchObject({ job_id: id, attempt: 1 });

    await w.pass(35_000, 1_000);
    const again = poll(w, "w");
    await w.pass(2_000, 500);

    expect(again.task).toMatchObject({ job_id: id, attempt: 2 });
  });

  test("keeps the task as long as it reports it", async () => {
    const w = await start({ blueprints: [oneTask("simple")], settings: { workerTimeoutMs: 30_000 } });
    await register(w, "w");
    const polled = poll(w, "w");
    await w.create("simple");
    const task = polled.task;
    if (!task) throw new Error("a task was expected");

    for (let beat = 0; beat < 20; beat++) {
      await w.pass(15_000, 1_000);
      await w.done(w.engine.workers.heartbeat("w", { current_tasks: [task.task_id] }));
    }

    expect(await w.done(w.engine.workers.result(resultOf("w", task)))).toEqual({ status: "result_accepted_success" });
  });

  test("that was gone before the task reached it burns no attempt", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    await register(w, "w");
    const giveUp = new AbortController();
    poll(w, "w", 30_000, giveUp.signal);
    await w.time.settle();
    giveUp.abort();
    const id = await w.create("simple");
    const polled = poll(w, "w");
    await w.time.settle();
    expect(polled.task).toMatchObject({ job_id: id, attempt: 1 });

    w.engine.workers.undelivered("w", polled.task?.task_id ?? "");
    await w.time.settle();
    const again = poll(w, "w");
    await w.pass(500);

    expect(again.task).toMatchObject({ job_id: id, attempt: 1 });
    expect(again.task?.task_id).not.toBe(polled.task?.task_id);
  });

  test("and shares its id with another loses no task to the other's heartbeats", async () => {
    const w = await start({ blueprints: [oneTask("simple")], settings: { workerTimeoutMs: 600_000 } });
    await register(w, "shared");
    const polled = poll(w, "shared");
    await w.create("simple");
    const task = polled.task;
    if (!task) throw new Error("a task was expected");

    for (let second = 1; second <= 120; second++) {
      await w.pass(1_000, 1_000);
      // The idle one beats three times as often as the busy one.
      if (second % 5 === 0) await w.done(w.engine.workers.heartbeat("shared", { current_tasks: [] }));
      if (second % 15 === 0) await w.done(w.engine.workers.heartbeat("shared", { current_tasks: [task.task_id] }));
    }

    expect(await w.done(w.engine.workers.result(resultOf("shared", task)))).toEqual({
      status: "result_accepted_success",
    });
  });

  test("loses a task that it reports no more", async () => {
    const w = await start({ blueprints: [oneTask("simple", { retry: QUICK })] });
    await register(w, "w");
    const polled = poll(w, "w");
    const id = await w.create("simple");
    expect(polled.task).toBeDefined();

    for (let beat = 0; beat < 5; beat++) {
      await w.pass(15_000, 1_000);
      await w.done(w.engine.workers.heartbeat("w", { current_tasks: [] }));
    }
    const again = poll(w, "w");
    await w.pass(5_000, 500);

    expect(again.task).toMatchObject({ job_id: id, attempt: 2 });
  });
});
