/** trigger.dev #1566: each restart at night gave out again what had been done, by the thousand. */
import { expect, test } from "bun:test";
import { Blueprint } from "../../../src/blueprint/index.ts";
import { CLIENT } from "../../support/engine.ts";
import { StreamWorker } from "../../support/worker.ts";
import { allJobs, startOnFile } from "./stage.ts";

const JOBS = 250;
const NIGHTS = 4;

function counted(): Blueprint {
  const blueprint = new Blueprint({ name: "counted" });
  blueprint.handlerFor("start", { isStart: true }, (_context, actions) =>
    actions.dispatchTask({ taskType: "t", transitions: { success: "second", failure: "failed", cancelled: "failed" } }),
  );
  blueprint.handlerFor("second", ({ stateHistory }, actions) => {
    stateHistory["runs"] = Number(stateHistory["runs"] ?? 0) + 1;
    actions.dispatchTask({ taskType: "t", transitions: { success: "done", failure: "failed", cancelled: "failed" } });
  });
  for (const state of ["done", "failed"]) blueprint.handlerFor(state, { isEnd: true }, () => undefined);
  return blueprint;
}

for (const taskBytesInMemory of [0, 64 * 1024 * 1024]) {
  test(`thousands of duplicates after a nightly restart, with ${taskBytesInMemory} bytes for tasks`, async () => {
    const world = await startOnFile({ blueprints: [counted()], settings: { taskBytesInMemory } });
    /** A client that hears nothing sends its request again, each night. */
    const createAll = () =>
      Promise.all(
        Array.from({ length: JOBS }, (_, number) =>
          world.engine.jobs.create(CLIENT, [{ blueprint: "counted", initialData: "{}" }], {
            key: `order-${number}`,
            bodyHash: "same",
          }),
        ),
      );
    const first = (await world.done(createAll())).flat();
    const worker = new StreamWorker(world, "w", { concurrency: 60 });
    const answered = new Map<string, number>();
    let doubled = 0;
    const answerSome = async () => {
      for (const task of worker.running.slice(0, 40)) {
        const answer = await worker.answer({ data: {} }, task);
        if (answer.status === "ignored") doubled += 1;
        else answered.set(task.job_id, (answered.get(task.job_id) ?? 0) + 1);
      }
      await world.pass(100);
    };
    for (let night = 0; night < NIGHTS; night++) {
      await worker.connect();
      for (let round = 0; round < 3; round++) await answerSome();
      // With tasks in hand, results on their way, and hand-outs that are not on disk yet.
      await world.restart();
      expect((await world.done(createAll())).flat()).toEqual(first);
    }
    await worker.connect();
    for (let round = 0; round < 200 && worker.running.length > 0; round++) await answerSome();

    const jobs = await allJobs(world);
    expect(jobs.map((job) => job.id).toSorted()).toEqual([...first].toSorted());
    expect(jobs.filter((job) => job.status !== "finished")).toEqual([]);
    // Each step was done once, and its result counted once; none was even given out twice.
    expect([...answered.values()].filter((results) => results !== 2)).toEqual([]);
    expect([answered.size, doubled, worker.got.length]).toEqual([JOBS, 0, 2 * JOBS]);
    const histories = await Promise.all(jobs.slice(0, 50).map((job) => world.history(job.id)));
    for (const events of histories) {
      expect(events.filter((event) => event.event_type === "task_finished")).toHaveLength(2);
      expect(events.filter((event) => (event.attempt_number ?? 1) > 1)).toEqual([]);
    }
    expect(world.engine.repairs).toBe(0);
  }, 60_000);
}
