import { afterEach, describe, expect, test } from "bun:test";
import { Blueprint } from "../../src/blueprint/index.ts";
import { branches, oneTask } from "../support/blueprints.ts";
import { World } from "../support/engine.ts";
import { permanent, StreamWorker, transient } from "../support/worker.ts";

let world: World | undefined;
async function start(...blueprints: readonly Blueprint[]): Promise<World> {
  world = await World.start({ blueprints });
  return world;
}
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

const retry = (w: World, id: string, key?: string) => w.done(w.engine.jobs.retry(undefined, id, key));

describe("a retry", () => {
  test("of a quarantined job goes on at the step that failed, with attempts reset", async () => {
    const w = await start(oneTask("simple", { retry: { maxAttempts: 1 } }));
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple", { n: 1 });
    await worker.answer(transient);
    await w.time.settle();
    expect((await w.view(id)).job).toMatchObject({ status: "quarantined", state: "failed" });

    await retry(w, id);
    await w.time.settle();
    expect(worker.last).toMatchObject({ job_id: id, attempt: 1, params: { n: 1 } });
    await worker.answer({ data: { out: 1 } });
    await w.time.settle();

    const { job } = await w.view(id);
    expect(job).toMatchObject({ id, status: "finished", state: "done" });
    expect(job.error).toBeUndefined();
    expect(await w.eventTypes(id)).toContain("job_retried");
  });

  test("sent twice with one key goes on once", async () => {
    const w = await start(oneTask("simple"));
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await worker.answer(permanent);
    await w.time.settle();
    await retry(w, id, "k");
    await w.time.settle();
    await worker.answer(permanent);
    await w.time.settle();
    await retry(w, id, "k");
    await w.time.settle();
    expect(await w.status(id)).toBe("quarantined");
    expect(worker.got).toHaveLength(2);
  });

  test("of a cancelled job goes on where it was cancelled", async () => {
    const w = await start(oneTask("simple"));
    const id = await w.create("simple");
    await w.done(w.engine.jobs.cancel(undefined, id));
    await w.time.settle();
    expect((await w.view(id)).job.state).toBe("stopped");
    await retry(w, id);
    await w.time.settle();
    expect((await w.view(id)).job).toMatchObject({ status: "waiting_for_worker", state: "start" });
  });

  test("of an aggregator that threw gives it the same results again", async () => {
    let breaks = true;
    const blueprint = branches("fan");
    const flaky = new Blueprint({ name: "flaky" });
    flaky.handlerFor("start", { isStart: true }, (_c, actions) => {
      for (const taskType of ["t", "t"]) {
        actions.dispatchTask({ taskType, transitions: { success: "gather", failure: "bad" } });
      }
    });
    flaky.aggregatorFor("gather", ({ aggregationResults, stateHistory }, actions) => {
      if (breaks) throw new Error("not today");
      stateHistory["count"] = Object.keys(aggregationResults).length;
      actions.transitionTo("good");
    });
    for (const state of ["good", "bad"]) flaky.handlerFor(state, { isEnd: true }, () => undefined);
    const w = await start(blueprint, flaky);
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("flaky");
    for (const task of worker.got) await worker.answer({}, task);
    await w.pass(10_000, 500);
    expect((await w.view(id)).job).toMatchObject({ status: "quarantined", state: "gather" });

    breaks = false;
    await retry(w, id);
    await w.time.settle();

    expect(await w.status(id)).toBe("finished");
    expect(await w.stateHistory(id)).toEqual({ count: 2 });
  });

  test.each([
    ["decided that the job fails", {}],
    ["asked for a task that failed", permanent],
  ])("of an aggregator that %s gives it the same results again", async (what, answer) => {
    const seen: number[] = [];
    const strict = new Blueprint({ name: "strict" });
    strict.handlerFor("start", { isStart: true }, (_c, actions) =>
      actions.dispatchParallel({ tasks: [{ taskType: "t" }, { taskType: "t" }], aggregateInto: "gather" }),
    );
    strict.aggregatorFor("gather", ({ aggregationResults }, actions) => {
      seen.push(Object.keys(aggregationResults).length);
      if (seen.length > 1) actions.transitionTo("good");
      else if (what.startsWith("decided")) actions.transitionTo("failed");
      else actions.dispatchTask({ taskType: "t", transitions: { success: "good", failure: "tell" } });
    });
    strict.handlerFor("tell", ({ aggregationResults }, actions) => {
      seen.push(Object.keys(aggregationResults).length);
      actions.transitionTo("failed");
    });
    for (const state of ["good", "failed"]) strict.handlerFor(state, { isEnd: true }, () => undefined);
    const w = await start(strict);
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("strict");
    for (const task of worker.got.slice(0, 2)) await worker.answer({}, task);
    await w.time.settle();
    if (worker.got.length > 2) await worker.answer(answer);
    await w.time.settle();
    expect((await w.view(id)).job).toMatchObject({ status: "failed", failedIn: "gather" });

    await retry(w, id);
    await w.time.settle();

    expect(await w.status(id)).toBe("finished");
    expect([seen[0], seen.at(-1)]).toEqual([2, 2]);
    // Nobody else takes them for its own.
    expect(seen.slice(1, -1)).toEqual(what.startsWith("decided") ? [] : [0]);
  });

  test("of a job that a person rejected asks again", async () => {
    const asking = new Blueprint({ name: "asking" });
    asking.handlerFor("start", { isStart: true }, (_c, actions) =>
      actions.awaitHumanApproval({
        integration: "dashboard",
        message: "may it?",
        transitions: { approved: "good", rejected: "failed" },
      }),
    );
    for (const state of ["good", "failed"]) asking.handlerFor(state, { isEnd: true }, () => undefined);
    const w = await start(asking);
    const id = await w.create("asking");
    const decide = (decision: string) => w.engine.jobs.decide(undefined, id, { decision, by: "b", through: "api" });
    await w.done(decide("rejected"));
    await w.time.settle();
    expect((await w.view(id)).job).toMatchObject({ status: "failed", state: "failed", failedIn: "start" });

    await retry(w, id);
    await w.time.settle();
    expect((await w.view(id)).job).toMatchObject({ status: "waiting_for_human", state: "start" });
    await w.done(decide("approved"));
    await w.time.settle();
    expect(await w.status(id)).toBe("finished");
  });

  test("of a job whose end state had to be tried twice goes on where it was led from, with the same results", async () => {
    let broken = 1;
    const seen: number[] = [];
    const led = new Blueprint({ name: "led" });
    led.handlerFor("start", { isStart: true }, (_c, actions) =>
      actions.dispatchParallel({ tasks: [{ taskType: "t" }, { taskType: "t" }], aggregateInto: "gather" }),
    );
    led.aggregatorFor("gather", ({ aggregationResults }, actions) => {
      seen.push(Object.keys(aggregationResults).length);
      actions.transitionTo(seen.length > 1 ? "good" : "failed");
    });
    led.handlerFor("failed", { isEnd: true }, () => {
      if (broken-- > 0) throw new Error("not now");
    });
    led.handlerFor("good", { isEnd: true }, () => undefined);
    const w = await start(led);
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("led");
    for (const task of worker.got) await worker.answer({}, task);
    await w.pass(10_000, 500);
    expect((await w.view(id)).job).toMatchObject({ status: "failed", state: "failed", failedIn: "gather" });

    await retry(w, id);
    await w.time.settle();
    expect([await w.status(id), seen]).toEqual(["finished", [2, 2]]);
  });

  test("of a job whose end state was broken for good mends that first, and the step that failed at the next retry", async () => {
    let isBroken = true;
    const twice = new Blueprint({ name: "twice" });
    twice.handlerFor("start", { isStart: true }, (_c, actions) =>
      actions.dispatchTask({ taskType: "t", transitions: { success: "good", failure: "failed" } }),
    );
    twice.handlerFor("failed", { isEnd: true }, () => {
      if (isBroken) throw new Error("not today");
    });
    twice.handlerFor("good", { isEnd: true }, () => undefined);
    const w = await start(twice);
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("twice");
    await worker.answer(permanent);
    await w.pass(10_000, 500);
    expect((await w.view(id)).job).toMatchObject({ status: "quarantined", failedIn: "failed" });

    isBroken = false;
    await retry(w, id);
    await w.time.settle();
    expect((await w.view(id)).job).toMatchObject({
      // As without the mistake in the end state: what counts is what the task's failure had led to.
      status: "quarantined",
      state: "failed",
      failedIn: "start",
      error: { code: "PERMANENT_ERROR" },
    });

    await retry(w, id);
    await w.time.settle();
    await worker.answer();
    await w.time.settle();
    expect(await w.status(id)).toBe("finished");
  });

  test("of a job whose clean-up was broken mends that first, and the step that failed at the next retry", async () => {
    let isBroken = true;
    const cleaned = new Blueprint({ name: "cleaned" });
    cleaned.handlerFor("start", { isStart: true }, (_c, actions) =>
      actions.dispatchTask({ taskType: "t", transitions: { success: "good", failure: "clean_up" } }),
    );
    cleaned.handlerFor("clean_up", (_c, actions) => {
      if (isBroken) throw new Error("not today");
      actions.transitionTo("failed");
    });
    cleaned.handlerFor("good", { isEnd: true }, () => undefined);
    const w = await start(cleaned);
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("cleaned");
    await worker.answer(permanent);
    await w.pass(10_000, 500);
    expect((await w.view(id)).job).toMatchObject({ status: "quarantined", state: "clean_up", failedIn: "clean_up" });

    isBroken = false;
    await retry(w, id);
    await w.time.settle();
    expect((await w.view(id)).job).toMatchObject({ status: "failed", state: "failed", failedIn: "start" });

    await retry(w, id);
    await w.time.settle();
    await worker.answer();
    await w.time.settle();
    expect(await w.status(id)).toBe("finished");
  });

  test("of a job whose failure led to an end that was broken makes no success of the failure", async () => {
    let isBroken = true;
    const given = new Blueprint({ name: "given" });
    given.handlerFor("start", { isStart: true }, (_c, actions) =>
      actions.dispatchTask({ taskType: "t", transitions: { success: "good", failure: "gave_up" } }),
    );
    given.handlerFor("gave_up", { isEnd: true }, () => {
      if (isBroken) throw new Error("not today");
    });
    given.handlerFor("good", { isEnd: true }, () => undefined);
    const w = await start(given);
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("given");
    await worker.answer({ status: "failure", error: { code: "INVALID_INPUT_ERROR", message: "no" } });
    await w.pass(10_000, 500);
    expect(await w.status(id)).toBe("quarantined");

    isBroken = false;
    await retry(w, id);
    await w.time.settle();
    expect((await w.view(id)).job).toMatchObject({
      status: "failed",
      state: "gave_up",
      failedIn: "start",
      error: { code: "INVALID_INPUT_ERROR" },
    });
  });

  test("of a job that goes on by itself, or has finished, is refused and changes nothing", async () => {
    const w = await start(oneTask("simple"));
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    expect(await w.refused(w.engine.jobs.retry(undefined, id))).toMatchObject({ code: "NOT_RETRYABLE", status: 409 });
    await worker.answer();
    await w.time.settle();
    expect(await w.refused(w.engine.jobs.retry(undefined, id))).toMatchObject({ code: "NOT_RETRYABLE", status: 409 });
    expect(await w.status(id)).toBe("finished");
  });
});

describe("a rerun", () => {
  test("is a new job with the same input, or another, that names the first", async () => {
    const w = await start(oneTask("simple"));
    const id = await w.create("simple", { n: 1 }, { tags: ["a"], priority: 3 });
    const again = await w.done(w.engine.jobs.rerun(undefined, id, {}));
    const other = await w.done(w.engine.jobs.rerun(undefined, id, { initialData: '{"n":2}' }));
    expect((await w.view(again)).job).toMatchObject({
      rerunOf: id,
      initialData: '{"n":1}',
      tags: ["a"],
      priority: 3,
      client: { id: "client" },
    });
    expect((await w.view(other)).job.initialData).toBe('{"n":2}');
    expect(again).not.toBe(id);
  });

  test("sent twice with one key is one job", async () => {
    const w = await start(oneTask("simple"));
    const id = await w.create("simple");
    const first = await w.done(w.engine.jobs.rerun(undefined, id, {}, "k"));
    expect(await w.done(w.engine.jobs.rerun(undefined, id, {}, "k"))).toBe(first);
    expect(await w.done(w.engine.jobs.list({ limit: 10 }))).toHaveLength(2);
  });

  test("from a state that the blueprint does not have is refused", async () => {
    const w = await start(oneTask("simple"));
    const id = await w.create("simple");
    const refusal = await w.refused(w.engine.jobs.rerun(undefined, id, { fromState: "nowhere" }));
    expect(refusal).toMatchObject({ code: "UNKNOWN_STATE", status: 422 });
  });
});
