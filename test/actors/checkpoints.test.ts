import { afterEach, describe, expect, test } from "bun:test";
import { oneTask } from "../support/blueprints.ts";
import { storeFull } from "../../src/storage/refusals.ts";
import { World } from "../support/engine.ts";
import { StreamWorker, transient } from "../support/worker.ts";

let world: World | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

const RETRY = { retry: { maxAttempts: 3, backoffSeconds: 1, backoffFactor: 1, maxBackoffSeconds: 1 } };

async function started(): Promise<{ w: World; worker: StreamWorker; id: string }> {
  const w = await World.start({ blueprints: [oneTask("simple", RETRY)] });
  world = w;
  const worker = await new StreamWorker(w, "w").connect();
  return { w, worker, id: await w.create("simple") };
}

function checkpoint(w: World, id: string, taskId: string, value: unknown): void {
  w.engine.workers.checkpoint("w", { jobId: id, taskId, value: JSON.stringify(value) });
}

describe("a checkpoint", () => {
  test("is given to the next attempt, the newest one, also when the failure follows at once", async () => {
    const { w, worker, id } = await started();
    const [first] = worker.got;
    checkpoint(w, id, first?.task_id ?? "", { frame: 10 });
    checkpoint(w, id, first?.task_id ?? "", { frame: 20 });
    await worker.answer(transient);

    await w.pass(5_000, 500);

    expect(worker.got[1]).toMatchObject({ attempt: 2, last_checkpoint: { frame: 20 } });
  });

  test("is written once the disk has room, if it had none", async () => {
    const { w, worker, id } = await started();
    const [first] = worker.got;
    w.disk.refuse = () => storeFull();
    checkpoint(w, id, first?.task_id ?? "", { frame: 10 });
    await w.pass(3_000, 500);
    checkpoint(w, id, first?.task_id ?? "", { frame: 20 });
    await w.pass(3_000, 500);
    w.disk.refuse = () => undefined;
    await w.pass(3_000, 500);

    expect((await w.view(id)).job.task?.checkpoint).toBe('{"frame":20}');
  });

  test("of a replaced attempt is dropped", async () => {
    const { w, worker, id } = await started();
    const [first] = worker.got;
    await worker.answer(transient);
    await w.pass(5_000, 500);
    checkpoint(w, id, first?.task_id ?? "", "late");
    await worker.answer(transient);

    await w.pass(5_000, 500);

    expect(worker.got).toHaveLength(3);
    expect(worker.got[2]?.last_checkpoint).toBeUndefined();
  });
});
