/** airflow #48719: a heartbeat that came late was taken for that of another attempt, and ended a task that was well. */
import { describe, expect, test } from "bun:test";
import type { TaskPayload } from "../../../src/protocol/worker.ts";
import { oneTask } from "../../support/blueprints.ts";
import type { World } from "../../support/engine.ts";
import { resultOf, StreamWorker } from "../../support/worker.ts";
import { startOnFile } from "./stage.ts";

const retry = { maxAttempts: 5, backoffSeconds: 0.5, maxBackoffSeconds: 0.5 };
const settings = { workerReconnectMs: 5_000 };

async function heartbeat(world: World, workerId: string, tasks: readonly TaskPayload[]): Promise<unknown> {
  const current_tasks = tasks.map((task) => task.task_id);
  const record = await world.done(world.engine.workers.heartbeat(workerId, { status: "busy", current_tasks }));
  return record["cancel_task_ids"];
}

/** Frozen past its lease, its task is another's, and it wakes. */
async function frozen(): Promise<{ world: World; id: string; late: StreamWorker; other: StreamWorker }> {
  const world = await startOnFile({ blueprints: [oneTask("one", { retry })], settings });
  const id = await world.create("one");
  const late = await new StreamWorker(world, "late").connect();
  expect(late.got).toHaveLength(1);
  await late.disconnect();
  const other = await new StreamWorker(world, "other").connect();
  await world.pass(10_000, 500);
  expect(other.got.map(({ attempt }) => attempt)).toEqual([2]);
  return { world, id, late, other };
}

describe("a late heartbeat kills a healthy task", () => {
  test("it does not: the other's attempt goes on, and nothing of it is told to end", async () => {
    const { world, id, late, other } = await frozen();
    for (let round = 0; round < 20; round++) {
      await heartbeat(world, "late", late.got);
      await world.pass(1_000, 500);
    }

    expect(other.cancels).toEqual([]);
    expect((await world.view(id)).tasks).toMatchObject([{ status: "running", workerId: "other" }]);
    expect(await other.answer()).toEqual({ status: "result_accepted_success" });
    expect(await world.status(id)).toBe("finished");
  });

  test("the attempt that is over is refused by its own number, with the reason, before and after the end", async () => {
    const { world, id, late, other } = await frozen();
    const refused = { status: "ignored", message: expect.stringMatching(/\w.+\.$/) };
    const answer = () => world.done(world.engine.workers.result(resultOf("late", late.last)));

    expect(await answer()).toMatchObject({ ...refused, reason: "stale_task" });
    expect(await world.status(id)).toBe("waiting_for_worker");
    await other.answer();
    expect(await answer()).toMatchObject({ ...refused, reason: "job_already_terminated" });
    expect((await world.eventTypes(id)).filter((type) => type === "job_completed")).toHaveLength(1);
  });

  test("one worker with both attempts: the old one is told to end, the new one is not", async () => {
    const world = await startOnFile({ blueprints: [oneTask("one", { retry })], settings });
    const id = await world.create("one");
    const worker = await new StreamWorker(world, "w").connect();
    const [first] = worker.got;
    await worker.disconnect();
    await world.pass(10_000, 500);
    // It woke with its first attempt still in hand.
    await worker.connect();
    expect(worker.cancelled).toEqual([first?.task_id ?? ""]);
    await world.pass(2_000, 500);
    const second = worker.last;
    expect(second.attempt).toBe(2);

    // Written before it heard so, and long under way.
    const told = await heartbeat(world, "w", first ? [first] : []);
    expect(told ?? []).not.toContain(second.task_id);
    await world.pass(5_000, 500);
    expect(worker.cancels).not.toContain(second.task_id);
    expect(await worker.answer({}, second)).toEqual({ status: "result_accepted_success" });
    expect(await world.status(id)).toBe("finished");
  });
});
