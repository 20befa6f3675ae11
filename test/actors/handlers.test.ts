import { afterEach, describe, expect, test } from "bun:test";
import { Blueprint } from "../../src/blueprint/index.ts";
import { oneTask } from "../support/blueprints.ts";
import { CLIENT, World, type WorldOptions } from "../support/engine.ts";
import { StreamWorker } from "../support/worker.ts";

let world: World | undefined;
async function start(options: WorldOptions): Promise<World> {
  world = await World.start(options);
  return world;
}
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

describe("a first handler that takes its time", () => {
  test("runs once: the creation is answered without it, and its outcome counts when it comes", async () => {
    let runs = 0;
    const blueprint = new Blueprint({ name: "slow" });
    blueprint.handlerFor("start", { isStart: true }, (_context, actions) => {
      runs += 1;
      return new Promise<void>((resolve) => {
        w.time.after(5_000, () => {
          actions.transitionTo("finished");
          resolve();
        });
      });
    });
    const w = await start({ blueprints: [blueprint] });
    const creating = w.engine.jobs.create(CLIENT, [{ blueprint: "slow", initialData: "{}" }]);
    await w.pass(20, 10);
    const [id = ""] = await w.done(creating);
    expect(await w.status(id)).toBe("pending");

    await w.pass(6_000, 500);

    expect(await w.status(id)).toBe("finished");
    expect(runs).toBe(1);
    expect(await w.eventTypes(id)).not.toContain("state_failed");
  });
});

describe("a handler that fails", () => {
  function failing(times: number): { blueprint: Blueprint; attempts: number[] } {
    const attempts: number[] = [];
    const blueprint = new Blueprint({ name: "failing" });
    blueprint.handlerFor("start", { isStart: true }, ({ attempt }, actions) => {
      attempts.push(attempt);
      if (attempts.length <= times) throw new Error("not now");
      actions.transitionTo("finished");
    });
    return { blueprint, attempts };
  }

  test("is run again after a pause, and the job goes on when it ends well", async () => {
    const { blueprint, attempts } = failing(2);
    const w = await start({ blueprints: [blueprint] });
    const id = await w.create("failing");
    expect(await w.status(id)).toBe("awaiting_retry");

    await w.pass(5_000, 100);

    expect(attempts).toEqual([1, 2, 3]);
    expect(await w.status(id)).toBe("finished");
  });

  test("four times quarantines its job", async () => {
    const { blueprint, attempts } = failing(10);
    const w = await start({ blueprints: [blueprint] });
    const id = await w.create("failing");

    await w.pass(30_000, 500);

    expect(attempts).toEqual([1, 2, 3, 4]);
    expect((await w.view(id)).job).toMatchObject({ status: "quarantined", state: "start" });
  });

  test("without an outcome fails its job at once", async () => {
    const blueprint = new Blueprint({ name: "silent" });
    blueprint.handlerFor("start", { isStart: true }, () => undefined);
    const w = await start({ blueprints: [blueprint] });

    const id = await w.create("silent");

    expect(await w.status(id)).toBe("failed");
  });

  test("because we gave it up burns no run of it", async () => {
    let gaveUp = 0;
    const blueprint = new Blueprint({ name: "simple" });
    blueprint.handlerFor("start", { isStart: true }, (_context, actions) => actions.transitionTo("finished"));
    const w = await start({
      blueprints: [blueprint],
      runner: (inline) => ({
        run(turn, signal) {
          if (gaveUp === 10) return inline.run(turn, signal);
          gaveUp += 1;
          const error = { code: "HANDLER_ABORTED", message: "given up" };
          return Promise.resolve({ steps: [], ending: { kind: "broke", state: turn.state, error, alone: false } });
        },
      }),
    });
    const id = await w.create("simple");

    await w.pass(10_000, 100);

    expect(gaveUp).toBe(10);
    expect(await w.status(id)).toBe("finished");
  });

  test("by taking the process down three times quarantines its job without another run", async () => {
    let runs = 0;
    const w = await start({
      blueprints: [new Blueprint({ name: "killer" }).handlerFor("start", { isStart: true }, () => undefined)],
      runner: () => ({
        run(turn) {
          runs += 1;
          const error = { code: "HANDLER_KILLED_PROCESS", message: "it took the process down" };
          const ending = { kind: "broke", state: turn.state, error, alone: true } as const;
          return Promise.resolve({ steps: [], ending, crashes: 3 });
        },
      }),
    });

    const id = await w.create("killer");

    expect((await w.view(id)).job).toMatchObject({ status: "quarantined", error: { code: "HANDLER_KILLED_PROCESS" } });
    expect(runs).toBe(1);
  });
});

describe("a job whose actor fails with the runner", () => {
  test("while a lost worker's task was being counted is handed out again, and nothing has to be repaired", async () => {
    let fails = true;
    const w = await start({
      blueprints: [oneTask("simple", { retry: { maxAttempts: 1 } })],
      runner: (inline) => ({
        run(turn, signal) {
          if (turn.state !== "failed" || !fails) return inline.run(turn, signal);
          fails = false;
          return Promise.reject(new Error("a defect"));
        },
      }),
    });
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("simple");
    await w.pass(500);
    await worker.kill();
    await w.pass(10_000, 500);
    await worker.connect();
    await w.pass(10_000, 500);

    expect(fails).toBe(false);
    expect(worker.got).toHaveLength(2);
    await worker.answer();
    expect(await w.status(id)).toBe("finished");
    expect(w.engine.repairs).toBe(0);
  });
});
