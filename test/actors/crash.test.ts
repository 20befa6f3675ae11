import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Blueprint } from "../../src/blueprint/index.ts";
import { branches, oneTask } from "../support/blueprints.ts";
import { CLIENT, World } from "../support/engine.ts";
import { resultOf, StreamWorker, transient } from "../support/worker.ts";

let world: World | undefined;
let folder: string | undefined;

async function start(...blueprints: readonly Blueprint[]): Promise<World> {
  folder = mkdtempSync(join(tmpdir(), "avtomatika-engine-"));
  world = await World.start({ folder, blueprints });
  return world;
}

afterEach(async () => {
  await world?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  world = folder = undefined;
});

/** Every job ends, no result counted twice, no attempt burned: what each crash is held to. */
async function expectOneRun(w: World, id: string): Promise<void> {
  const events = await w.history(id);
  const finished = events.filter((event) => event.event_type === "task_finished");
  expect(finished).toHaveLength(1);
  expect(finished[0]?.attempt_number).toBe(1);
  expect(events.filter((event) => event.event_type === "job_completed")).toHaveLength(1);
  expect(await w.status(id)).toBe("finished");
}

/** Until the job has ended, answering whatever the worker runs. */
async function workOff(w: World, worker: StreamWorker, id: string): Promise<void> {
  for (let round = 0; round < 60 && (await w.status(id)) === "waiting_for_worker"; round++) {
    for (const task of worker.running) await worker.answer({ data: { out: task.attempt } }, task);
    await w.pass(500, 100);
  }
}

describe("a server that dies", () => {
  test("before a creation is durable has promised nothing, and keeps nothing", async () => {
    const w = await start(oneTask("simple"));
    w.disk.hold();
    let answered = false;
    w.engine.jobs.create(CLIENT, [{ blueprint: "simple", initialData: "{}" }]).then(
      () => {
        answered = true;
      },
      () => undefined,
    );
    await w.time.settle();

    await w.restart();

    expect(answered).toBe(false);
    expect(await w.done(w.engine.jobs.list({ limit: 10 }))).toEqual([]);
  });

  test("with a task in the queue hands it out after its start", async () => {
    const w = await start(oneTask("simple"));
    const id = await w.create("simple");

    await w.restart();
    const worker = await new StreamWorker(w, "w").connect();
    await w.time.settle();
    await workOff(w, worker, id);

    expect(worker.got).toHaveLength(1);
    await expectOneRun(w, id);
    expect(w.engine.repairs).toBe(0);
  });

  for (const [name, passedMs] of [
    ["before its lease was written down", 0],
    ["with its lease on disk", 500],
  ] as const) {
    test(`under a running task, ${name}, adopts it when its worker comes back`, async () => {
      const w = await start(oneTask("simple"));
      const worker = await new StreamWorker(w, "w").connect();
      const id = await w.create("simple");
      await w.pass(passedMs);

      await w.restart();
      await worker.connect();
      await w.pass(60_000, 1_000);

      expect(worker.cancelled).toEqual([]);
      expect(worker.got).toHaveLength(1);
      expect(await worker.answer()).toEqual({ status: "result_accepted_success" });
      await expectOneRun(w, id);
    });

    test(`under a running task, ${name}, hands it out again when its worker has lost it`, async () => {
      const w = await start(oneTask("simple"));
      const worker = await new StreamWorker(w, "w").connect();
      const id = await w.create("simple");
      await w.pass(passedMs);

      await w.restart();
      worker.running = [];
      await worker.connect();
      await w.pass(10_000, 500);

      expect(worker.got.map((task) => task.attempt)).toEqual([1, 1]);
      const [first] = worker.got;
      if (!first) throw new Error("a first hand-out was expected");
      expect(await worker.answer({ data: { out: "old" } }, first)).toMatchObject({ reason: "stale_task" });
      await workOff(w, worker, id);
      await expectOneRun(w, id);
    });

    test(`under a running task, ${name}, takes its result without the worker coming back first`, async () => {
      const w = await start(oneTask("simple"));
      const worker = await new StreamWorker(w, "w").connect();
      const id = await w.create("simple");
      await w.pass(passedMs);

      await w.restart();
      const answer = await w.done(w.engine.workers.result(resultOf("w", worker.last)));

      expect(answer).toEqual({ status: "result_accepted_success" });
      await expectOneRun(w, id);
      expect(w.engine.queuedTasks).toBe(0);
    });
  }

  test("with a result on its way to the disk takes it when it is sent again", async () => {
    const w = await start(oneTask("simple"));
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await w.pass(500);
    w.disk.hold();
    const result = resultOf("w", worker.last, { data: { out: 1 } });
    let answer: unknown;
    w.engine.workers.result(result).then(
      (said) => {
        answer = said;
      },
      () => undefined,
    );
    await w.time.settle();
    expect(answer).toBeUndefined();

    await w.restart();
    await worker.connect();
    expect(answer).toBeUndefined();
    expect(await worker.answer({ data: { out: 1 } }, worker.last)).toEqual({ status: "result_accepted_success" });

    await expectOneRun(w, id);
  });

  test("after a result was durable says so when it is sent again", async () => {
    const w = await start(oneTask("simple"));
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await worker.answer();

    await w.restart();
    const again = await w.done(w.engine.workers.result(resultOf("w", worker.last)));

    expect(again).toMatchObject({ status: "ignored", reason: "job_already_terminated" });
    await expectOneRun(w, id);
  });

  test("in the pause before a retry goes on where it was", async () => {
    const w = await start(oneTask("simple", { retry: { backoffSeconds: 30, maxBackoffSeconds: 30 } }));
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await worker.answer(transient);
    await w.pass(5_000, 500);

    await w.restart();
    await worker.connect();
    await w.pass(5_000, 500);
    expect(worker.got).toHaveLength(1);
    await w.pass(40_000, 500);

    expect(worker.got.map((task) => task.attempt)).toEqual([1, 2]);
    await worker.answer();
    expect(await w.status(id)).toBe("finished");
  });

  test("with a retry in the queue hands it out once", async () => {
    const w = await start(oneTask("simple", { retry: { backoffSeconds: 1, maxBackoffSeconds: 1 } }));
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await worker.answer(transient);
    await worker.kill();
    await w.pass(5_000, 500);

    await w.restart();
    await worker.connect();
    await w.pass(5_000, 500);

    expect(worker.got.map((task) => task.attempt)).toEqual([1, 2]);
    expect(await w.status(id)).toBe("waiting_for_worker");
  });

  test("while a cancel waits for the worker still cancels", async () => {
    const w = await start(oneTask("simple"));
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await w.pass(500);
    await w.done(w.engine.jobs.cancel(undefined, id));

    await w.restart();
    await worker.connect();
    await w.pass(15_000, 500);

    expect(await w.status(id)).toBe("cancelled");
    expect((await w.view(id)).job.state).toBe("stopped");
  });

  test("in the middle of branches keeps the results that it had acknowledged", async () => {
    const w = await start(branches("fan"));
    const worker = await new StreamWorker(w, "w", { concurrency: 2 }).connect();
    const id = await w.create("fan", { count: 4 });
    await worker.answer({}, worker.got[0]);
    await w.pass(500);
    expect(worker.got).toHaveLength(3);

    await w.restart();
    await worker.connect();
    await w.pass(2_000, 500);
    for (let round = 0; round < 10; round++) {
      for (const task of worker.running) await worker.answer({}, task);
      await w.pass(1_000, 500);
    }

    expect(await w.status(id)).toBe("finished");
    expect(await w.stateHistory(id)).toEqual({ collected: 4 });
    const finished = (await w.history(id)).filter((event) => event.event_type === "task_finished");
    expect(finished).toHaveLength(4);
    expect(worker.got).toHaveLength(4);
  });

  test("and starts when a handler is due that takes its time holds up no other job for that", async () => {
    let runs = 0;
    const slow = new Blueprint({ name: "slow" });
    slow.handlerFor("start", { isStart: true }, async () => {
      runs += 1;
      if (runs === 1) throw new Error("not now");
      await new Promise(() => undefined);
    });
    const w = await start(slow);
    await w.create("slow");
    await w.crash();
    w.time.advance(60_000);
    await w.restart();
    await w.pass(1_000, 100);

    expect(runs).toBe(2);
    expect(w.engine.ready).toBe(true);
    expect(w.warnings()).toEqual([]);
  });

  test("between a batch and the first handlers of its jobs runs them after its start", async () => {
    let isSlow = true;
    const slow = new Blueprint({ name: "slow" });
    slow.handlerFor("start", { isStart: true }, async (_, actions) => {
      if (isSlow) await new Promise(() => undefined);
      actions.dispatchTask({ taskType: "t", params: {}, transitions: { success: "done" } });
    });
    slow.handlerFor("done", { isEnd: true }, () => undefined);
    const w = await start(slow);
    const made = w.engine.jobs.create(CLIENT, [
      { blueprint: "slow", initialData: "{}" },
      { blueprint: "slow", initialData: "{}" },
    ]);
    await w.pass(200, 10);
    await w.done(made);
    isSlow = false;
    await w.restart();
    const worker = await new StreamWorker(w, "w").connect();
    await w.pass(1_000, 100);

    expect(worker.got).toHaveLength(2);
    expect(w.engine.repairs).toBe(0);
  });

  test("does not tell a worker that asks about its task to end it before it knows better", async () => {
    const w = await start(oneTask("simple"));
    await w.done(w.engine.workers.register({ worker_id: "w", supported_tasks: ["t"] }));
    let text: string | undefined;
    void w.engine.workers.poll("w", 30_000, new AbortController().signal).then((task) => {
      text = task;
    });
    await w.create("simple");
    const { task_id: taskId, job_id: jobId } = JSON.parse(text ?? "{}") as { task_id: string; job_id: string };

    await w.restart();

    expect(w.engine.workers.isCancelled("w", taskId)).toBe(false);
    await w.done(w.engine.jobs.cancel(undefined, jobId));
  });

  test("twice in a row still loses nothing", async () => {
    const w = await start(oneTask("simple"));
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await w.restart();
    await w.restart();
    await worker.connect();
    await w.restart();
    await worker.connect();
    await w.pass(20_000, 500);

    expect(worker.got).toHaveLength(1);
    await worker.answer();
    await expectOneRun(w, id);
  });
});
