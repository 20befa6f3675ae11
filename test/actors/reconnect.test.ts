import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkerLink } from "../../actors/orchestrator.ts";
import { Blueprint } from "../../src/blueprint/index.ts";
import { oneTask } from "../support/blueprints.ts";
import { World, type WorldOptions } from "../support/engine.ts";
import { resultOf, StreamWorker } from "../support/worker.ts";

let world: World | undefined;
let folder: string | undefined;
async function start(options: WorldOptions): Promise<World> {
  folder = mkdtempSync(join(tmpdir(), "avtomatika-engine-"));
  world = await World.start({ folder, ...options });
  return world;
}
afterEach(async () => {
  await world?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  world = folder = undefined;
});

describe("a worker that comes back with running tasks", () => {
  test("is told to end those that are over", async () => {
    const w = await start({ blueprints: [oneTask("simple", { retry: { backoffSeconds: 1 } })] });
    const worker = await new StreamWorker(w, "w").connect();
    await w.create("simple");
    await w.pass(500);
    await worker.disconnect();
    await w.pass(10_000, 500);

    await worker.connect();

    expect(worker.cancelled).toEqual([worker.got[0]?.task_id ?? ""]);
  });

  test("and whose connection breaks again while its claims are looked up loses them in time", async () => {
    const w = await start({ blueprints: [oneTask("simple", { retry: { backoffSeconds: 1 } })] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await w.restart();
    await w.pass(500);
    // The hand-out was not on disk: the claim has to write it down, and that takes its time.
    w.disk.hold();
    const connecting = worker.connect();
    await worker.disconnect();
    w.disk.release();
    await connecting;
    worker.running = [];
    const other = await new StreamWorker(w, "other").connect();
    await w.pass(20_000, 500);

    expect(other.got).toHaveLength(1);
    await other.answer();
    expect(await w.status(id)).toBe("finished");
  });

  test("and one whose result was not acknowledged is welcome while its job's next handler takes its time", async () => {
    let open = (): void => undefined;
    const slow = new Blueprint({ name: "slow" });
    slow.handlerFor("start", { isStart: true }, (_, actions) =>
      actions.dispatchTask({ taskType: "t", params: {}, transitions: { success: "done" } }),
    );
    slow.handlerFor("done", { isEnd: true }, () => new Promise<void>((resolve) => (open = resolve)));
    const w = await start({ blueprints: [slow, oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("slow");
    const answered = w.engine.workers.result(resultOf("w", worker.last));
    await w.pass(500);
    await worker.disconnect();

    const got: string[] = [];
    const link: WorkerLink = {
      kind: "stream",
      task: (payload) => got.push(payload) > 0,
      cancel: () => true,
      close: () => undefined,
    };
    const registration = { worker_id: "w", supported_tasks: ["t"], max_concurrent_tasks: 2 };
    const running = worker.running.map(({ job_id, task_id }) => ({ job_id, task_id }));
    let isWelcome = false;
    void w.engine.workers.connect("w", link, { session: "session-of-w", registration, running }).then(() => {
      isWelcome = true;
    });
    // No worker waits for longer than ten seconds.
    await w.pass(9_000, 500);
    expect(isWelcome).toBe(true);
    await w.create("simple");
    expect(got).toHaveLength(1);

    open();
    await w.done(answered);
    expect(await w.status(id)).toBe("finished");
  });

  test("keeps one that the sweep finds while its claims are looked up", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w", { concurrency: 2 }).connect();
    await w.create("simple");
    await w.pass(1_000);
    await w.create("simple");
    // The sweep comes late, and the claim of the second one, whose hand-out is not on disk, takes its time.
    let isUnread = true;
    w.refuseRead = (name) => (name === "waitingJobs" && isUnread ? new Error("not now") : undefined);
    await w.restart();
    isUnread = false;
    w.disk.hold();
    const connecting = worker.connect();
    await w.pass(1_100, 100);
    w.disk.release();
    await connecting;
    const other = await new StreamWorker(w, "other").connect();
    await w.pass(20_000, 500);

    expect(worker.running).toHaveLength(2);
    expect(other.got).toEqual([]);
    await w.create("simple");
    // It has no room for a third.
    expect(worker.running).toHaveLength(2);
    expect(other.got).toHaveLength(1);
  });

  test("twice at once has as much room as it said", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w", { concurrency: 2 }).connect();
    await w.create("simple");
    const running = worker.running.map(({ job_id, task_id }) => ({ job_id, task_id }));
    await w.restart();

    const links: WorkerLink[] = [];
    const got: string[] = [];
    const hello = () => {
      const link: WorkerLink = {
        kind: "stream",
        task: (payload) => links.at(-1) === link && got.push((JSON.parse(payload) as { task_id: string }).task_id) > 0,
        cancel: () => true,
        close: () => undefined,
      };
      links.push(link);
      const registration = { worker_id: "w", supported_tasks: ["t"], max_concurrent_tasks: 2 };
      return w.engine.workers.connect("w", link, { session: "session-of-w", registration, running });
    };
    const both = [hello(), hello()];
    for (const one of both) await w.done(one);
    const [task] = running;
    if (!task) throw new Error("a running task was expected");
    await w.done(
      w.engine.workers.result({
        jobId: task.job_id,
        taskId: task.task_id,
        workerId: "w",
        status: "success",
        raw: "{}",
      }),
    );

    await w.create("simple");
    await w.create("simple");
    await w.create("simple");

    expect(got).toHaveLength(2);
  });
});

describe("two workers of one id", () => {
  test("keep their tasks apart: neither connection takes anything from the other", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const first = await new StreamWorker(w, "shared", { session: "one", concurrency: 1 }).connect();
    await w.create("simple");
    const second = await new StreamWorker(w, "shared", { session: "two", concurrency: 1 }).connect();
    await w.create("simple");
    expect([first.got.length, second.got.length]).toEqual([1, 1]);

    await second.kill();
    await w.pass(30_000, 500);

    expect(first.closed).toEqual([]);
    expect(first.cancels).toEqual([]);
    expect(await first.answer()).toEqual({ status: "result_accepted_success" });
  });

  test("come back after a restart of the server, each with its own task", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const first = await new StreamWorker(w, "shared", { session: "one", concurrency: 1 }).connect();
    await w.create("simple");
    const second = await new StreamWorker(w, "shared", { session: "two", concurrency: 1 }).connect();
    await w.create("simple");
    await w.pass(500);

    await w.restart();
    await first.connect();
    await w.pass(2_000, 500);
    await second.connect();
    await w.pass(30_000, 500);

    expect([...first.cancelled, ...second.cancelled]).toEqual([]);
    expect(await first.answer()).toEqual({ status: "result_accepted_success" });
    expect(await second.answer()).toEqual({ status: "result_accepted_success" });
  });
});

describe("a worker's actor that fails", () => {
  test("hands its tasks out again, and takes up those that its worker brings back", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await w.pass(500);
    worker.fails = true;
    await w.done(w.engine.jobs.cancel(undefined, await w.create("simple"))).catch(() => undefined);
    worker.fails = false;
    await w.time.settle();
    worker.running = [];

    await worker.connect();
    await w.pass(20_000, 500);

    expect(worker.last.job_id).toBe(id);
    expect(worker.last.attempt).toBe(1);
    await worker.answer();
    expect(await w.status(id)).toBe("finished");
  });
});

describe("a worker that the server does not know", () => {
  test("is told to register though it has polled already", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    void w.engine.workers.poll("w", 1_000, new AbortController().signal);
    await w.time.settle();

    const refusal = await w.refused(w.engine.workers.heartbeat("w", { current_tasks: [] }));
    expect(refusal).toMatchObject({
      code: "WORKER_NOT_FOUND",
      status: 404,
      details: { hint: expect.stringContaining("Register it first") },
    });

    await w.done(w.engine.workers.register({ worker_id: "w", supported_tasks: ["t"] }));
    expect(await w.done(w.engine.workers.heartbeat("w", { current_tasks: [] }))).toMatchObject({ worker_id: "w" });
  });
});

describe("a task that a worker was told to end", () => {
  test("gives its room back once the worker says that it does not run it", async () => {
    const w = await start({ blueprints: [oneTask("simple", { timeoutSeconds: 1 })] });
    const worker = await new StreamWorker(w, "w", { concurrency: 1 }).connect();
    await w.create("simple");
    await w.pass(3_000, 500);
    expect(worker.cancels).toHaveLength(1);
    worker.running = [];

    await w.done(w.engine.workers.heartbeat("w", { current_tasks: [] }));
    await w.pass(3_000, 500);

    expect(worker.got.map((task) => task.attempt)).toEqual([1, 2]);
  });
});

describe("a result", () => {
  test("that names another job than its task's counts for neither", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const [first, second] = [await w.create("simple"), await w.create("simple")];
    const [task] = worker.got;
    if (!task) throw new Error("the worker got no task");

    const answer = await w.done(w.engine.workers.result({ ...resultOf("w", task), jobId: second }));

    expect(answer).toMatchObject({ status: "ignored", reason: "stale_task" });
    expect([await w.status(first), await w.status(second)]).toEqual(["waiting_for_worker", "waiting_for_worker"]);
    expect(await worker.answer({}, task)).toEqual({ status: "result_accepted_success" });
  });
});

describe("a legacy socket", () => {
  test("carries cancels to a worker that polls", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    await w.done(w.engine.workers.register({ worker_id: "w", supported_tasks: ["t"] }));
    const told: string[] = [];
    const link: WorkerLink = {
      kind: "socket",
      task: () => false,
      cancel: (_jobId, taskId) => told.push(taskId) > 0,
      close: () => undefined,
    };
    await w.done(w.engine.workers.connect("w", link));
    let text = "{}";
    void w.engine.workers.poll("w", 30_000, new AbortController().signal).then((task) => {
      text = task ?? "{}";
    });
    const id = await w.create("simple");
    const { task_id: taskId = "" } = JSON.parse(text) as { task_id?: string };
    const asked = () => ["w", undefined].map((who) => w.engine.workers.isCancelled(who, taskId));
    expect(asked()).toEqual([false, false]);

    expect(await w.done(w.engine.jobs.cancel(undefined, id))).toBe("cancellation_request_sent");
    await w.time.settle();

    expect(told).toEqual([taskId]);
    expect(asked()).toEqual([true, true]);
    for (const body of [{}, undefined]) {
      expect(await w.done(w.engine.workers.heartbeat("w", body))).toMatchObject({ cancel_task_ids: [taskId] });
    }
  });
});
