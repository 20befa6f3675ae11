/** restate #5196: something was suspended, and nothing was left that would ever wake it. */
import { describe, expect, test } from "bun:test";
import { Blueprint } from "../../../src/blueprint/index.ts";
import { branches, oneTask } from "../../support/blueprints.ts";
import type { World } from "../../support/engine.ts";
import { StreamWorker, transient } from "../../support/worker.ts";
import { startOnFile } from "./stage.ts";

const ROUND_MS = 61_000;

function named(world: World): unknown[] {
  return world.lines
    .filter((line) => line.message.includes("had nothing that would move it"))
    .map(({ fields }) => fields);
}

function timer(): Blueprint {
  return new Blueprint({ name: "timer" })
    .handlerFor("start", { isStart: true }, (_context, actions) => actions.waitFor({ seconds: 700, then: "done" }))
    .handlerFor("done", { isEnd: true }, () => undefined);
}

describe("suspended for ever", () => {
  for (const taskBytesInMemory of [0, 64 * 1024 * 1024]) {
    test(`a job whose task nobody has is named by the sweep and goes on, with ${taskBytesInMemory} bytes for tasks`, async () => {
      const world = await startOnFile({ blueprints: [oneTask("one")], settings: { taskBytesInMemory } });
      const [lost, kept] = [await world.create("one"), await world.create("one")];
      world.loseQueuedTasks(lost);
      await world.pass(3 * ROUND_MS, 1_000);

      expect(named(world)).toEqual([{ job: lost, status: "waiting_for_worker" }]);
      const worker = await new StreamWorker(world, "w").connect();
      await world.time.settle();
      expect(worker.got.map((task) => task.job_id).toSorted()).toEqual([lost, kept].toSorted());
      expect(world.engine.repairs).toBe(1);
    });
  }

  test("a job that waits for something is never taken for one that waits for nothing", async () => {
    const retry = { maxAttempts: 4, backoffSeconds: 500, maxBackoffSeconds: 500 };
    const blueprints = [oneTask("queued"), oneTask("retried", { retry }), branches("fan"), timer()];
    const world = await startOnFile({ blueprints, settings: { taskBytesInMemory: 0 } });
    const retried = await world.create("retried");
    const worker = await new StreamWorker(world, "w").connect();
    await world.time.settle();
    await worker.answer(transient);
    await worker.kill();
    await world.create("queued");
    await world.create("fan", { count: 3 });
    const timed = await world.create("timer");
    await world.restart();
    await world.pass(6 * ROUND_MS, 1_000);

    expect(named(world)).toEqual([]);
    expect([await world.status(retried), await world.status(timed)]).toEqual(["awaiting_retry", "waiting_for_timer"]);
    await world.pass(6 * ROUND_MS, 1_000);
    expect([await world.status(retried), await world.status(timed)]).toEqual(["waiting_for_worker", "finished"]);
    expect(world.engine.repairs).toBe(0);
  });
});
