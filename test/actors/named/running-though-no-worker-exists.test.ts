/** hatchet #1280: jobs were shown as running for days, and there was not one worker. */
import { describe, expect, test } from "bun:test";
import { jobText } from "../../../src/http/views.ts";
import { branches, oneTask } from "../../support/blueprints.ts";
import type { World } from "../../support/engine.ts";
import { StreamWorker } from "../../support/worker.ts";
import { startOnFile } from "./stage.ts";

interface ReadTask {
  readonly task_id: string | null;
  readonly type: string;
  readonly status: string;
  readonly worker_id: string | null;
}

async function read(world: World, id: string): Promise<{ status: string; tasks: readonly ReadTask[] }> {
  return JSON.parse(jobText(await world.view(id)));
}

const queued = (tasks: number) =>
  Array.from({ length: tasks }, () => ({ status: "queued", type: "t", worker_id: null }));

async function counts(world: World): Promise<object> {
  return Object.fromEntries(await world.done(world.engine.jobs.counts(undefined)));
}

describe("running, though no worker exists", () => {
  test("a job says that it waits, for which task, and that nobody has it", async () => {
    const world = await startOnFile({ blueprints: [oneTask("one"), branches("fan")] });
    const one = await world.create("one");
    const fan = await world.create("fan", { count: 3 });

    expect(await read(world, one)).toMatchObject({ status: "waiting_for_worker", tasks: queued(1) });
    expect(await read(world, fan)).toMatchObject({ status: "waiting_for_parallel", tasks: queued(3) });
    expect(await counts(world)).toEqual({ waiting_for_worker: 1, waiting_for_parallel: 1 });
  });

  test("a worker that takes other types of task changes nothing of that", async () => {
    const world = await startOnFile({ blueprints: [oneTask("one")] });
    await new StreamWorker(world, "other", { tasks: ["something else"] }).connect();
    const id = await world.create("one");
    await world.pass(5_000, 500);

    expect((await read(world, id)).tasks).toMatchObject(queued(1));
  });

  test("a task is running from when a worker has it until that worker is lost, and queued again then", async () => {
    const world = await startOnFile({ blueprints: [oneTask("one")], settings: { workerReconnectMs: 5_000 } });
    const id = await world.create("one");
    const worker = await new StreamWorker(world, "w").connect();
    expect((await read(world, id)).tasks).toMatchObject([{ status: "running", worker_id: "w" }]);

    await worker.kill();
    await world.pass(30_000, 500);

    expect(await read(world, id)).toMatchObject({ status: "waiting_for_worker", tasks: queued(1) });
    expect(await counts(world)).toEqual({ waiting_for_worker: 1 });
  });

  test("a task that its worker gives back is queued from then on", async () => {
    const world = await startOnFile({ blueprints: [oneTask("one")] });
    const id = await world.create("one");
    const worker = await new StreamWorker(world, "w").connect();
    await world.pass(5_000, 500);
    await world.done(world.engine.workers.drain("w"));
    await worker.release();
    await world.time.settle();

    expect((await read(world, id)).tasks).toMatchObject(queued(1));
  });

  test("after a restart into which no worker comes back it is queued, though it ran before", async () => {
    const world = await startOnFile({ blueprints: [oneTask("one"), branches("fan")] });
    const one = await world.create("one");
    const fan = await world.create("fan", { count: 3 });
    const worker = await new StreamWorker(world, "w").connect();
    expect(worker.got).toHaveLength(4);
    // Written down that they were handed out.
    await world.pass(5_000, 500);
    await world.restart();
    await world.pass(120_000, 1_000);

    expect(await read(world, one)).toMatchObject({ status: "waiting_for_worker", tasks: queued(1) });
    expect(await read(world, fan)).toMatchObject({ status: "waiting_for_parallel", tasks: queued(3) });
    expect(world.engine.workers.list().filter((face) => face["status"] !== "offline")).toEqual([]);

    const other = await new StreamWorker(world, "other").connect();
    expect(other.got).toHaveLength(4);
    expect((await read(world, fan)).tasks.map(({ status, worker_id }) => [status, worker_id])).toEqual(
      [0, 1, 2].map(() => ["running", "other"]),
    );
  });
});
