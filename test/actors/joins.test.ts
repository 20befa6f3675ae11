import { afterEach, describe, expect, test } from "bun:test";
import { Blueprint } from "../../src/blueprint/index.ts";
import type { ParallelRequest, TaskRequest } from "../../src/blueprint/sdk.ts";
import { World } from "../support/engine.ts";
import { permanent, StreamWorker } from "../support/worker.ts";

let world: World | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

async function start(join: ParallelRequest["join"], task: Partial<TaskRequest> = {}, count = 4): Promise<World> {
  const blueprint = new Blueprint({ name: "join" });
  blueprint.handlerFor("start", { isStart: true }, (_context, actions) =>
    actions.dispatchParallel({
      tasks: Array.from({ length: count }, (_, index) => ({
        taskType: "t",
        params: { index },
        retry: { maxAttempts: 1 },
        ...task,
        transitions: { failure: "bad", cancelled: "bad", ...task.transitions },
      })),
      aggregateInto: "gather",
      ...(join !== undefined && { join }),
    }),
  );
  blueprint.aggregatorFor("gather", ({ aggregationResults, stateHistory }, actions) => {
    stateHistory["statuses"] = Object.values(aggregationResults).map(({ status }) => status);
    actions.transitionTo("good");
  });
  for (const state of ["good", "bad", "elsewhere"]) blueprint.handlerFor(state, { isEnd: true }, () => undefined);
  world = await World.start({ blueprints: [blueprint] });
  return world;
}

async function statuses(w: World, id: string): Promise<unknown> {
  return (await w.stateHistory(id))["statuses"];
}

describe("a join of all that settled", () => {
  test("brings the aggregator once every branch has ended, whatever came of it", async () => {
    const w = await start("settled");
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("join");
    await worker.answer(permanent, worker.got[0]);
    await worker.answer({ status: "cancelled" }, worker.got[1]);
    await worker.answer({}, worker.got[2]);
    expect(await w.status(id)).toBe("waiting_for_parallel");
    await worker.answer({}, worker.got[3]);
    await w.time.settle();

    expect((await w.view(id)).job).toMatchObject({ status: "finished", state: "good" });
    expect(await statuses(w, id)).toEqual(["failure", "cancelled", "success", "success"]);
  });

  test("counts a branch that no worker took in time", async () => {
    const w = await start("settled", { dispatchTimeoutSeconds: 5 }, 2);
    const id = await w.create("join");
    await w.pass(6_000, 500);
    expect(await statuses(w, id)).toEqual(["failure", "failure"]);
    expect(await w.status(id)).toBe("finished");
  });

  test("leaves at once by a status that leads elsewhere", async () => {
    const w = await start("settled", { transitions: { review: "elsewhere" } });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("join");
    await worker.answer({ status: "review" });
    await w.time.settle();
    expect((await w.view(id)).job.state).toBe("elsewhere");
    expect(worker.cancels).toHaveLength(3);
  });
});

describe("a join of any", () => {
  test("takes the first good result and cancels the rest, whose late results are refused", async () => {
    const w = await start("any");
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("join");
    await worker.answer(permanent, worker.got[0]);
    await worker.answer({}, worker.got[1]);
    await w.time.settle();

    expect((await w.view(id)).job).toMatchObject({ status: "finished", state: "good" });
    expect(await statuses(w, id)).toEqual(["failure", "success"]);
    expect(worker.cancels).toHaveLength(2);
    expect(await worker.answer({}, worker.got[2])).toMatchObject({ status: "ignored" });
  });

  test("fails with the last branch when none ended well", async () => {
    const w = await start("any", {}, 2);
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("join");
    await worker.answer(permanent, worker.got[0]);
    expect(await w.status(id)).toBe("waiting_for_parallel");
    await worker.answer(permanent, worker.got[1]);
    await w.time.settle();
    expect((await w.view(id)).job).toMatchObject({ state: "bad", error: { code: "PERMANENT_ERROR" } });
  });
});

describe("a join of at least so many", () => {
  test("is complete with them", async () => {
    const w = await start({ atLeast: 3 });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("join");
    for (const task of worker.got.slice(0, 2)) await worker.answer({}, task);
    expect(await w.status(id)).toBe("waiting_for_parallel");
    await worker.answer({}, worker.got[2]);
    await w.time.settle();
    expect(await statuses(w, id)).toEqual(["success", "success", "success"]);
  });

  test("fails as soon as it cannot be complete any more, and cancels what still runs", async () => {
    const w = await start({ atLeast: 3 });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("join");
    await worker.answer(permanent, worker.got[0]);
    await worker.answer(permanent, worker.got[1]);
    await w.time.settle();
    expect((await w.view(id)).job).toMatchObject({ state: "bad", status: "quarantined" });
    expect(worker.cancels).toHaveLength(2);
  });

  test("is cancelled as a whole by a cancel of the job", async () => {
    const w = await start({ atLeast: 1 });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("join");
    await w.done(w.engine.jobs.cancel(undefined, id));
    await worker.answer({ status: "cancelled" }, worker.got[0]);
    await w.time.settle();
    expect((await w.view(id)).job).toMatchObject({ status: "cancelled", state: "bad" });
  });
});

describe("a join of all", () => {
  test("collects the failure of a branch whose failure leads to the aggregator itself", async () => {
    const w = await start("all", { transitions: { failure: "gather" } }, 2);
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("join");
    await worker.answer(permanent, worker.got[0]);
    await worker.answer({}, worker.got[1]);
    await w.time.settle();
    expect(await statuses(w, id)).toEqual(["failure", "success"]);
  });
});

describe("an aggregator that is entered before all branches have ended", () => {
  const toIt = { failure: "gather", cancelled: "gather" };

  test("since too few can end well, sees those results and the failures that led to it", async () => {
    const w = await start({ atLeast: 2 }, { transitions: toIt }, 4);
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("join");
    await worker.answer({}, worker.got[0]);
    for (const task of worker.got.slice(1)) await worker.answer(permanent, task);
    await w.time.settle();
    expect(await statuses(w, id)).toEqual(["success", "failure", "failure", "failure"]);
  });

  test("since the deadline of the job has passed, sees the results that had come", async () => {
    const w = await start("all", { transitions: toIt }, 3);
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("join", {}, { deadlineSeconds: 5 });
    await worker.answer({}, worker.got[1]);
    await w.pass(6_000, 500);
    expect(await statuses(w, id)).toEqual(["success"]);
    expect(worker.cancels).toHaveLength(2);
  });

  test("since the job was cancelled, sees the results that had come, and what its worker said of the cancel", async () => {
    const w = await start("all", { transitions: toIt }, 3);
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("join");
    await worker.answer({}, worker.got[0]);
    await w.done(w.engine.jobs.cancel(undefined, id));
    await worker.answer({ status: "cancelled" }, worker.got[1]);
    await w.time.settle();
    expect(await statuses(w, id)).toEqual(["success", "cancelled"]);
  });
});
