import { afterEach, describe, expect, test } from "bun:test";
import { branches, oneTask } from "../support/blueprints.ts";
import { World, type WorldOptions } from "../support/engine.ts";
import { StreamWorker } from "../support/worker.ts";
import { Sweep } from "../../actors/scheduler/sweep.ts";
import type { JobReader, OpenJob } from "../../src/storage/port.ts";
import { silentLog } from "../../src/system/log.ts";
import { ManualTime } from "../support/manual-time.ts";

let world: World | undefined;
async function start(options: WorldOptions): Promise<World> {
  world = await World.start(options);
  return world;
}
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

describe("the sweep in a server", () => {
  test("repairs nothing where nothing was lost", async () => {
    const retry = { maxAttempts: 4, backoffSeconds: 200, maxBackoffSeconds: 200 };
    const w = await start({ blueprints: [oneTask("simple", { retry }), branches("fan", { retry })] });
    const worker = await new StreamWorker(w, "w", { concurrency: 2 }).connect();
    for (let count = 0; count < 5; count++) await w.create("simple", {}, { deadlineSeconds: 3_600 });
    await w.create("fan", { count: 5 });
    await worker.answer({ error: { code: "TRANSIENT_ERROR", message: "again" } });

    await w.pass(600_000, 5_000);

    expect(w.engine.repairs).toBe(0);
  });

  for (const [name, more] of [
    ["whose wake-up was lost", {}],
    ["whose task was lost, though its deadline is still to come", { deadlineSeconds: 36_000 }],
  ] as const) {
    test(`finds a job ${name}, sets it going and counts it`, async () => {
      const w = await start({ blueprints: [oneTask("simple")] });
      const id = await w.create("simple", {}, more);
      w.loseQueuedTasks(id);

      await w.pass(200_000, 5_000);
      const worker = await new StreamWorker(w, "w").connect();
      await w.time.settle();

      expect(worker.got).toHaveLength(1);
      expect(w.engine.repairs).toBe(1);
    });
  }
});

interface Stage {
  readonly time: ManualTime;
  readonly sweep: Sweep;
  readonly recovered: string[];
  isReady: boolean;
}

function stage(
  jobs: () => readonly OpenJob[],
  parts: { held?: (id: string) => boolean; fails?: (id: string) => boolean },
) {
  const time = new ManualTime();
  const recovered: string[] = [];
  const page = (afterId: string, limit: number) =>
    Promise.resolve(
      jobs()
        .filter((job) => job.id > afterId)
        .slice(0, limit),
    );
  const reader = { openJobs: page, waitingJobs: page } as unknown as JobReader;
  const made: Stage = {
    time,
    recovered,
    isReady: false,
    sweep: new Sweep(
      {
        reader,
        timers: time,
        log: silentLog,
        isHeld: (job) => parts.held?.(job.id) ?? false,

        isOverdue: () => false,
        wake: () => undefined,
        saw: () => undefined,
        sawAll: () => undefined,
        resume: (waiting) => Promise.resolve(waiting),
        recover(id) {
          if (parts.fails?.(id)) return Promise.reject(new Error("it cannot be read"));
          recovered.push(id);
          return Promise.resolve();
        },
      },
      () => {
        made.isReady = true;
      },
    ),
  };
  return made;
}

const open = (id: string): OpenJob => ({ id, status: "waiting_for_worker" });

describe("the sweep", () => {
  test("is not held up by a job that cannot be set going, and comes back to it", async () => {
    const bad = new Set(["a"]);
    const made = stage(() => [open("a"), open("b")], { fails: (id) => bad.has(id), held: (id) => id === "b" });
    made.sweep.start();
    await made.time.settle();
    expect(made.recovered).toEqual(["b"]);
    expect(made.isReady).toBe(true);

    bad.clear();
    for (let second = 0; second < 130; second++) {
      made.time.advance(1_000);
      await made.time.settle();
    }

    expect(made.recovered).toContain("a");
    made.sweep.stop();
  });

  test("sets going every job at the start, page by page", async () => {
    const many = Array.from({ length: 1_200 }, (_, index) => open(String(index).padStart(5, "0")));
    const made = stage(() => many, {});
    made.sweep.start();
    for (let step = 0; step < 5; step++) {
      made.time.advance(1);
      await made.time.settle();
    }

    expect(made.recovered).toEqual(many.map((job) => job.id));
    expect(made.sweep.repairs).toBe(0);
    made.sweep.stop();
  });

  test("repairs what was without a source in two rounds in a row, not in two with another between", async () => {
    let round = 0;
    const made = stage(() => [open("a")], { held: () => round === 1 });
    made.sweep.start();
    await made.time.settle();
    made.recovered.length = 0;
    const next = async () => {
      made.time.advance(60_100);
      await made.time.settle();
      round += 1;
    };

    await next();
    await next();
    await next();
    expect(made.sweep.repairs).toBe(0);
    await next();

    expect(made.sweep.repairs).toBe(1);
    made.sweep.stop();
  });
});
