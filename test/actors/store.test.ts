import { afterEach, describe, expect, test } from "bun:test";
import { Blueprint } from "../../src/blueprint/index.ts";
import { Refusal } from "../../src/system/errors.ts";
import { branches, oneTask } from "../support/blueprints.ts";
import { CLIENT, World, type WorldOptions } from "../support/engine.ts";
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

const full = () => new Refusal("STORE_FULL", 503, "There is no space left; free some.");
const simple = { blueprint: "simple", initialData: "{}" };

describe("a change that cannot be stored", () => {
  const invalid = () => new Refusal("STORE_INVALID", 500, "the change cannot be stored: it is too large");

  test("quarantines its job with the reason, and is not tried for ever", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    const [task] = worker.got;
    if (!task) throw new Error("a task was expected");
    w.disk.refuse = (unit) => (unit.jobs[0]?.job.status === "finished" ? invalid() : undefined);

    expect(await w.refused(w.engine.workers.result(resultOf("w", task)))).toMatchObject({ code: "STORE_INVALID" });
    await w.pass(5_000, 500);

    expect((await w.view(id)).job).toMatchObject({ status: "quarantined", error: { code: "STORE_INVALID" } });
  });

  test("that not even the quarantine takes leaves the job as it was", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    const [task] = worker.got;
    if (!task) throw new Error("a task was expected");
    let tries = 0;
    w.disk.refuse = () => (++tries, invalid());

    expect(await w.refused(w.engine.workers.result(resultOf("w", task)))).toMatchObject({ code: "STORE_INVALID" });
    await w.pass(5_000, 500);

    expect(tries).toBeLessThan(5);
    expect(await w.status(id)).toBe("waiting_for_worker");
  });
});

describe("a full disk", () => {
  test("has a handler run again about once a second, however long it lasts", async () => {
    let runs = 0;
    const counting = new Blueprint({ name: "simple" })
      .handlerFor("start", { isStart: true }, (_, actions) => actions.waitFor({ seconds: 1, then: "work" }))
      .handlerFor("work", (_, actions) => {
        runs += 1;
        actions.transitionTo("finished");
      });
    const w = await start({ blueprints: [counting] });
    w.disk.refuse = (unit) => (unit.jobs.some(({ job }) => job.status === "finished") ? full() : undefined);
    const ids = await w.done(w.engine.jobs.create(CLIENT, [simple, simple]));
    await w.pass(20_000, 500);
    expect(runs).toBeGreaterThan(2 * 10);
    expect(runs).toBeLessThan(2 * 2 * 25);
    w.disk.refuse = () => undefined;
    await w.pass(2_000, 500);
    for (const id of ids) expect(await w.status(id)).toBe("finished");
  });

  test("refuses a creation, which leaves nothing behind", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    w.disk.refuse = full;

    expect(await w.refused(w.engine.jobs.create(CLIENT, [simple]))).toMatchObject({ code: "STORE_FULL", status: 503 });
    await w.pass(5_000, 500);

    expect(worker.got).toEqual([]);
    expect(await w.done(w.engine.jobs.list({ limit: 10 }))).toEqual([]);
  });

  test("refuses a result, and takes it when it is sent again later", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await w.pass(500);
    w.disk.refuse = full;
    const result = resultOf("w", worker.last, { data: { out: 1 } });
    expect(await w.refused(w.engine.workers.result(result))).toMatchObject({ code: "STORE_FULL" });
    await w.pass(500);
    expect(await w.status(id)).toBe("waiting_for_worker");

    w.disk.refuse = () => undefined;
    expect(await w.done(w.engine.workers.result(result))).toEqual({ status: "result_accepted_success" });
    await w.pass(5_000, 500);

    expect(await w.stateHistory(id)).toEqual({ out: 1 });
    expect((await w.eventTypes(id)).filter((type) => type === "task_finished")).toHaveLength(1);
    expect(await w.status(id)).toBe("finished");
  });

  test("keeps no time-out from being counted once there is space again", async () => {
    const w = await start({ blueprints: [oneTask("simple", { timeoutSeconds: 2 })] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await w.pass(500);
    w.disk.refuse = full;
    await w.pass(4_000, 500);
    w.disk.refuse = () => undefined;
    await w.pass(2_500, 500);
    // Unanswered, the second run would time out as well, and rightly.
    await worker.answer(undefined, worker.got[1]);
    await w.pass(2_500, 500);

    expect(worker.got.map((task) => task.attempt)).toEqual([1, 2]);
    expect(await w.status(id)).toBe("finished");
    expect(w.engine.repairs).toBe(0);
  });

  test("refuses a cancel, and takes the next one", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const id = await w.create("simple");
    w.disk.refuse = full;
    expect(await w.refused(w.engine.jobs.cancel(undefined, id))).toMatchObject({ code: "STORE_FULL" });
    await w.time.settle();

    w.disk.refuse = () => undefined;
    await w.done(w.engine.jobs.cancel(undefined, id));
    await w.time.settle();

    expect(await w.status(id)).toBe("cancelled");
  });
});

describe("a store that knows better", () => {
  test("has the job's actor start again from what is on disk", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await w.pass(500);
    let conflicts = 1;
    w.disk.refuse = () => (conflicts-- > 0 ? new Refusal("STORE_CONFLICT", 409, "another version") : undefined);
    const result = resultOf("w", worker.last);
    expect(await w.refused(w.engine.workers.result(result))).toMatchObject({ code: "STORE_CONFLICT" });
    await w.time.settle();

    expect(await w.done(w.engine.workers.result(result))).toEqual({ status: "result_accepted_success" });
    expect(await w.status(id)).toBe("finished");
  });
});

describe("a creation with a key", () => {
  const keyed = { key: "k", bodyHash: "one" };

  test("that is sent twice makes one job", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const first = await w.done(w.engine.jobs.create(CLIENT, [simple], keyed));
    const second = await w.done(w.engine.jobs.create(CLIENT, [simple], keyed));

    expect(second).toEqual(first);
    expect(await w.done(w.engine.jobs.list({ limit: 10 }))).toHaveLength(1);
  });

  test("that is sent twice at once makes one job", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const both = [w.engine.jobs.create(CLIENT, [simple], keyed), w.engine.jobs.create(CLIENT, [simple], keyed)];
    const [first, second] = await w.done(Promise.all(both));

    expect(second).toEqual(first ?? []);
    expect(await w.done(w.engine.jobs.list({ limit: 10 }))).toHaveLength(1);
  });

  test("and another body is refused, at once and later", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const first = w.engine.jobs.create(CLIENT, [simple], keyed);
    const meanwhile = w.engine.jobs.create(CLIENT, [simple], { key: "k", bodyHash: "two" });
    expect(await w.refused(meanwhile)).toMatchObject({ code: "IDEMPOTENCY_MISMATCH", status: 422 });
    await w.done(first);

    const later = w.engine.jobs.create(CLIENT, [simple], { key: "k", bodyHash: "two" });
    expect(await w.refused(later)).toMatchObject({ code: "IDEMPOTENCY_MISMATCH" });
    await w.time.settle();
  });

  test("of another client is another key, and after a day it may be used again", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    await w.done(w.engine.jobs.create(CLIENT, [simple], keyed));
    await w.done(w.engine.jobs.create({ id: "another", config: {} }, [simple], keyed));
    await w.pass(24 * 3_600_000 + 1_000, 3_600_000);
    await w.done(w.engine.jobs.create(CLIENT, [simple], { key: "k", bodyHash: "two" }));

    expect(await w.done(w.engine.jobs.list({ limit: 10 }))).toHaveLength(3);
  });

  test("is admitted once, however often it is sent", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    let admitted = 0;
    const create = () => w.engine.jobs.create(CLIENT, [simple], keyed, () => (admitted += 1));
    const [first, meanwhile] = [create(), create()];
    expect(await w.done(meanwhile)).toEqual(await w.done(first));
    expect(await w.done(create())).toEqual(await first);
    expect(admitted).toBe(1);
    const refused = w.engine.jobs.create(CLIENT, [simple], undefined, () => {
      throw new Error("nothing left");
    });
    expect(await w.refused(refused)).toMatchObject({ message: "nothing left" });
    expect(await w.done(w.engine.jobs.list({ limit: 10 }))).toHaveLength(1);
  });

  test("that failed may be sent again", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    w.disk.refuse = full;
    expect(await w.refused(w.engine.jobs.create(CLIENT, [simple], keyed))).toMatchObject({ code: "STORE_FULL" });
    await w.time.settle();
    w.disk.refuse = () => undefined;

    expect(await w.done(w.engine.jobs.create(CLIENT, [simple], keyed))).toHaveLength(1);
  });
});

describe("memory", () => {
  test("may hold few jobs: the others go on from disk", async () => {
    const w = await start({ blueprints: [oneTask("simple")], settings: { jobsInMemory: 2, jobIdleMs: 100 } });
    const worker = await new StreamWorker(w, "w", { concurrency: 100 }).connect();
    const ids = [];
    for (let count = 0; count < 20; count++) ids.push(await w.create("simple", { count }));
    await w.pass(2_000, 100);

    for (const task of worker.got) expect(await worker.answer({}, task)).toEqual({ status: "result_accepted_success" });

    for (const id of ids) expect(await w.status(id)).toBe("finished");
    expect(w.engine.repairs).toBe(0);
  });

  test("is not filled again by jobs that were over before their creation would have lost its patience", async () => {
    const quick = new Blueprint({ name: "quick" });
    quick.handlerFor("start", { isStart: true }, (_, actions) => actions.transitionTo("finished"));
    const w = await start({ blueprints: [quick] });
    const loads: string[] = [];
    w.refuseRead = (name) => {
      loads.push(name);
      return undefined;
    };
    const one = { blueprint: "quick", initialData: "{}" };
    await w.done(w.engine.jobs.create(CLIENT, [one]));
    await w.done(w.engine.jobs.create(CLIENT, [one, one, one]));
    await w.pass(1_000, 10);

    expect(loads).toEqual([]);
    expect(w.engine.jobsActive).toBe(0);
  });
});

describe("a job's actor that fails", () => {
  test("in the middle of a turn runs the handler again, and what it was asked is refused, not lost", async () => {
    let crashes = 1;
    const w = await start({
      blueprints: [oneTask("simple")],
      runner: (inline) => ({
        run: (turn, signal) =>
          turn.state === "done" && crashes-- > 0 ? Promise.reject(new Error("a defect")) : inline.run(turn, signal),
      }),
    });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await w.pass(500);
    const result = resultOf("w", worker.last);

    expect(await w.refused(w.engine.workers.result(result))).toMatchObject({ status: 503 });
    await w.time.settle();
    expect(await w.done(w.engine.workers.result(result))).toEqual({ status: "result_accepted_success" });

    expect(await w.status(id)).toBe("finished");
    expect((await w.eventTypes(id)).filter((type) => type === "task_finished")).toHaveLength(1);
  });

  test("in the middle of what a timer had brought has it brought again, and needs no sweep for that", async () => {
    let crashes = 1;
    const nap = new Blueprint({ name: "nap" });
    nap.handlerFor("start", { isStart: true }, (_c, actions) => actions.waitFor({ seconds: 60, then: "done" }));
    nap.handlerFor("done", { isEnd: true }, () => undefined);
    const w = await start({
      blueprints: [nap],
      runner: (inline) => ({
        run: (turn, signal) =>
          turn.state === "done" && crashes-- > 0 ? Promise.reject(new Error("a defect")) : inline.run(turn, signal),
      }),
    });
    const id = await w.create("nap");
    await w.pass(62_000, 500);
    expect([crashes, await w.status(id), w.engine.repairs]).toEqual([-1, "finished", 0]);
  });

  test("while it hands a unit to the store goes on from what is on disk, and can be cancelled", async () => {
    const w = await start({ blueprints: [oneTask("simple")] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await w.pass(500);
    const write = w.disk.write.bind(w.disk);
    w.disk.write = () => {
      w.disk.write = write;
      throw new Error("a defect");
    };

    const refusal = await w.refused(w.engine.workers.result(resultOf("w", worker.last)));
    await w.done(w.engine.jobs.cancel(undefined, id));
    await w.pass(15_000, 100);

    expect(refusal).toMatchObject({ status: 503 });
    expect(await w.status(id)).toBe("cancelled");
  });

  test("in the middle of a repeated turn runs it again by itself", async () => {
    let runs = 0;
    const blueprint = new Blueprint({ name: "flaky" });
    blueprint.handlerFor("start", { isStart: true }, (_context, actions) => {
      if (runs === 1) throw new Error("not now");
      actions.transitionTo("finished");
    });
    const w = await start({
      blueprints: [blueprint],
      runner: (inline) => ({
        run(turn, signal) {
          runs += 1;
          return runs === 2 ? Promise.reject(new Error("a defect")) : inline.run(turn, signal);
        },
      }),
    });
    const id = await w.create("flaky");
    await w.pass(5_000, 100);

    expect(runs).toBe(3);
    expect(await w.status(id)).toBe("finished");
  });
});

describe("many branches", () => {
  test("a thousand come together without a unit for each", async () => {
    const w = await start({ blueprints: [branches("fan")] });
    const worker = await new StreamWorker(w, "w", { concurrency: 1_000 }).connect();
    const id = await w.create("fan", { count: 1_000 });
    await w.pass(500);
    expect(worker.got).toHaveLength(1_000);

    const answers = worker.got.map((task) => w.engine.workers.result(resultOf("w", task, { data: { n: 1 } })));
    await w.done(Promise.all(answers));

    expect(await w.status(id)).toBe("finished");
    expect(await w.stateHistory(id)).toEqual({ collected: 1_000 });
    expect(w.disk.unitsOf(id).length).toBeLessThan(40);
  });

  test("the first that fails sends the job to its failure state and takes the others back", async () => {
    const w = await start({ blueprints: [branches("fan")] });
    const worker = await new StreamWorker(w, "w", { concurrency: 2 }).connect();
    const id = await w.create("fan", { count: 4 });
    const [first, second] = worker.got;
    if (!first || !second) throw new Error("two branches were expected");

    await worker.answer({ error: { code: "PERMANENT_ERROR", message: "never" } }, first);

    expect((await w.view(id)).job).toMatchObject({ status: "quarantined", state: "failed" });
    expect(new Set(worker.cancels)).toEqual(new Set(worker.running.map((task) => task.task_id)));
    expect(worker.cancels).toContain(second.task_id);
    expect(w.engine.queuedTasks).toBe(0);
    expect(await worker.answer({}, second)).toMatchObject({ reason: "job_already_terminated" });
  });
});

describe("the envelope's result timeout", () => {
  test("holds for tasks that set no time of their own", async () => {
    const w = await start({ blueprints: [oneTask("simple", { retry: { maxAttempts: 1 } })] });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple", {}, { resultTimeoutSeconds: 20 });
    expect(worker.last.timeout_seconds).toBe(20);

    await w.pass(25_000, 500);

    expect((await w.view(id)).job).toMatchObject({ status: "quarantined", error: { code: "TIMEOUT_ERROR" } });
  });
});
