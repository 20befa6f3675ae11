/** temporal #1507: 1,000 jobs half done, where 200 could have been done and 800 untouched. */
import { describe, expect, test } from "bun:test";
import { Blueprint } from "../../../src/blueprint/index.ts";
import type { World } from "../../support/engine.ts";
import { StreamWorker } from "../../support/worker.ts";
import { allJobs, createMany, startOnFile } from "./stage.ts";

const JOBS = 1_000;
const DONE = 200;
const STEPS = 3;
const CONCURRENCY = 10;

/** One task after the other. */
const steps = new Blueprint({ name: "steps" });
for (let step = 0; step < STEPS; step++) {
  const next = step + 1 < STEPS ? `step-${step + 1}` : "done";
  steps.handlerFor(`step-${step}`, { isStart: step === 0 }, (_context, actions) =>
    actions.dispatchTask({ taskType: "t", params: {}, transitions: { success: next } }),
  );
}
steps.handlerFor("done", { isEnd: true }, () => undefined);

/** Answers so many tasks, the oldest that it has first. */
async function work(worker: StreamWorker, tasks: number): Promise<void> {
  for (let count = 0; count < tasks; count++) {
    const [task] = worker.running;
    if (!task) throw new Error(`after ${count} tasks there was none`);
    await worker.answer({}, task);
  }
}

async function standing(world: World): Promise<{ done: number; untouched: number; between: number }> {
  const jobs = await allJobs(world);
  const done = jobs.filter(({ status }) => status === "finished").length;
  const untouched = jobs.filter(({ state, begun }) => state === "step-0" && begun === undefined).length;
  return { done, untouched, between: jobs.length - done - untouched };
}

describe("200 done and 800 untouched, rather than 1,000 half done", () => {
  test("begun jobs go before new ones: no more are between than the worker has in hand", async () => {
    const world = await startOnFile({ blueprints: [steps] });
    await createMany(world, "steps", JOBS);
    const worker = await new StreamWorker(world, "w", { concurrency: CONCURRENCY }).connect();
    await work(worker, DONE * STEPS);

    const { done, untouched, between } = await standing(world);
    expect(between).toBeLessThanOrEqual(CONCURRENCY);
    expect(done).toBeGreaterThanOrEqual(DONE - CONCURRENCY);
    expect(untouched).toBeGreaterThanOrEqual(JOBS - DONE - CONCURRENCY);
  });

  test("also those that come while it works, and over a restart", async () => {
    const world = await startOnFile({ blueprints: [steps] });
    await createMany(world, "steps", JOBS / 2);
    const worker = await new StreamWorker(world, "w", { concurrency: CONCURRENCY }).connect();
    await work(worker, (DONE / 2) * STEPS);
    await createMany(world, "steps", JOBS / 2);
    await world.restart();
    await worker.connect();
    await work(worker, (DONE / 2) * STEPS);

    const { done, between } = await standing(world);
    expect(between).toBeLessThanOrEqual(2 * CONCURRENCY);
    expect(done).toBeGreaterThanOrEqual(DONE - 2 * CONCURRENCY);
  });
});
