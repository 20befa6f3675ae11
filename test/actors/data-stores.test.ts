import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Blueprint } from "../../src/blueprint/index.ts";
import type { Context } from "../../src/blueprint/sdk.ts";
import type { HandlerRunner } from "../../src/handlers/port.ts";
import { storeFull } from "../../src/storage/refusals.ts";
import { World, type WorldOptions } from "../support/engine.ts";

let world: World | undefined;
let folder: string | undefined;
afterEach(async () => {
  await world?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
});

async function start(options: WorldOptions): Promise<World> {
  world = await World.start(options);
  return world;
}

async function startKept(options: Omit<WorldOptions, "folder">, known?: string): Promise<World> {
  folder = known ?? mkdtempSync(join(tmpdir(), "data-stores-"));
  return start({ ...options, folder });
}

function counter(
  act: (context: Context) => Promise<unknown> | void,
  initial: Record<string, number> = { total: 0 },
): Blueprint {
  return new Blueprint({ name: "counter", dataStores: { requests: initial } }).handlerFor(
    "start",
    { isStart: true },
    async (context, { transitionTo }) => {
      await act(context);
      transitionTo("finished");
    },
  );
}

/** As the recipe has it. */
async function getThenSet({ dataStores, stateHistory }: Context): Promise<void> {
  const store = dataStores["requests"];
  const number = ((await store?.get<number>("total")) ?? Number.NaN) + 1;
  await store?.set("total", number);
  stateHistory["number"] = number;
}

function counting(): { runs: number; runner: (inline: HandlerRunner) => HandlerRunner } {
  const counted = {
    runs: 0,
    runner: (inline: HandlerRunner): HandlerRunner => ({
      run(turn, signal) {
        counted.runs += 1;
        return inline.run(turn, signal);
      },
    }),
  };
  return counted;
}

async function entries(of: World, store = "requests"): Promise<Record<string, unknown>> {
  const found = await of.done(of.engine.dataStores.entries("counter", store, { limit: 1_000 }));
  return Object.fromEntries(found.map(({ key, json }) => [key, JSON.parse(json) as unknown]));
}

async function createMany(of: World, count: number): Promise<readonly string[]> {
  const jobs = Array.from({ length: count }, () => ({ blueprint: "counter", initialData: "{}" }));
  const made = of.engine.jobs.create({ id: "client", config: {} }, jobs);
  // It waits a while for first handlers that take their time.
  await of.pass(1_000);
  return of.done(made);
}

async function numbersOf(of: World, ids: readonly string[]): Promise<number[]> {
  const numbers: number[] = [];
  for (const id of ids) numbers.push(Number((await of.stateHistory(id))["number"]));
  return numbers.toSorted((a, b) => a - b);
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe("get then set, in 300 jobs at once", () => {
  test("counts exactly, and runs each job about twice", async () => {
    const counted = counting();
    const here = await start({ blueprints: [counter(getThenSet)], runner: counted.runner });
    const ids = await createMany(here, 300);
    expect(await entries(here)).toEqual({ total: 300 });
    expect(await numbersOf(here, ids)).toEqual(upTo(300));
    expect(counted.runs).toBeGreaterThan(300);
    expect(counted.runs).toBeLessThanOrEqual(600);
  });

  test("counts exactly where each is created alone, and the next 300 run once or twice", async () => {
    const counted = counting();
    const here = await start({ blueprints: [counter(getThenSet)], runner: counted.runner });
    for (const total of [300, 600]) {
      const creating = Array.from({ length: 300 }, () =>
        here.engine.jobs.create({ id: "client", config: {} }, [{ blueprint: "counter", initialData: "{}" }]),
      );
      const ids = (await here.done(Promise.all(creating))).flat();
      await here.pass(1_000);
      expect(await numbersOf(here, ids)).toEqual(upTo(total).slice(-300));
      expect(await entries(here)).toEqual({ total });
      expect(counted.runs).toBeLessThanOrEqual(2 * total);
    }
  });

  test("counts what is on disk exactly when the server dies in the middle of it", async () => {
    const here = await startKept({ blueprints: [counter(getThenSet)] });
    await createMany(here, 20);
    let written = 0;
    here.disk.refuse = () => (++written > 60 ? new Error("the process is dying") : undefined);
    const dying = here.engine.jobs.create(
      { id: "client", config: {} },
      Array.from({ length: 100 }, () => ({ blueprint: "counter", initialData: "{}" })),
    );
    const ids = await here.done(dying);
    await here.crash();

    await here.restart();
    await here.pass(120_000, 500);
    const numbers = await numbersOf(here, ids);
    expect(numbers).toEqual(upTo(120).slice(20));
    expect(await entries(here)).toEqual({ total: 120 });
  });
});

describe("initial values", () => {
  const none = counter(({ dataStores, stateHistory }) =>
    dataStores["requests"]?.keys().then((keys) => void (stateHistory["keys"] = keys)),
  );

  test("are there before the first write, and kept from the first touch on", async () => {
    const here = await start({ blueprints: [none] });
    expect(await entries(here)).toEqual({});
    const id = await here.create("counter");
    expect(await here.stateHistory(id)).toEqual({ keys: ["total"] });
    expect(await entries(here)).toEqual({ total: 0 });
  });

  test("never overwrite what is kept, neither after a restart nor in a new version of the blueprint", async () => {
    const here = await startKept({ blueprints: [counter(getThenSet)] });
    await createMany(here, 3);
    await here.restart();
    expect(await numbersOf(here, [await here.create("counter")])).toEqual([4]);
    await here.stop();

    const next = await startKept({ blueprints: [counter(getThenSet, { total: 1_000, more: 5 })] }, folder);
    expect(await numbersOf(next, [await next.create("counter")])).toEqual([5]);
    expect(await entries(next)).toEqual({ total: 5, more: 5 });
  });

  test("do not come back after they were deleted", async () => {
    const deleting = counter(({ dataStores }) => dataStores["requests"]?.delete("total"));
    const here = await startKept({ blueprints: [deleting] });
    await here.create("counter");
    expect(await entries(here)).toEqual({});
    await here.restart();
    await here.create("counter");
    expect(await entries(here)).toEqual({});
  });
});

describe("what a handler wrote", () => {
  test("is gone when it throws, and the next run begins from what was there", async () => {
    let runs = 0;
    const failing = counter(async (context) => {
      await getThenSet(context);
      runs += 1;
      if (runs === 1) throw new Error("no");
    });
    const here = await start({ blueprints: [failing] });
    const id = await here.create("counter");
    expect(await here.status(id)).toBe("awaiting_retry");
    expect(await entries(here)).toEqual({ total: 0 });
    await here.pass(1_000);
    expect(await here.status(id)).toBe("finished");
    expect(await entries(here)).toEqual({ total: 1 });
  });

  test("is seen by others as soon as its unit is on its way, and dropped with it when the disk refuses", async () => {
    const here = await start({ blueprints: [counter(getThenSet)], settings: { creationPatienceMs: 60_000 } });
    await here.create("counter");
    here.disk.hold();
    const create = () =>
      here.engine.jobs.create({ id: "client", config: {} }, [{ blueprint: "counter", initialData: "{}" }]);
    const [first, second] = [create(), create()];
    first.catch(() => undefined);
    await here.pass(100);
    expect(here.disk.waiting).toBe(2);
    let units = 0;
    here.disk.refuse = () => (units++ === 0 ? storeFull() : undefined);
    here.disk.release();
    expect(await here.refused(first)).toMatchObject({ code: "STORE_FULL" });
    await here.pass(1_000);
    expect(await numbersOf(here, await here.done(second))).toEqual([2]);
    expect(await entries(here)).toEqual({ total: 2 });
  });
});

describe("a line", () => {
  const gates = new Map<string, () => void>();
  const gated = counter(async ({ dataStores, initialData, stateHistory }) => {
    const number = ((await dataStores["requests"]?.get<number>("total")) ?? 0) + 1;
    const { gate } = initialData as { gate?: string };
    if (gate !== undefined) await new Promise<void>((resolve) => gates.set(gate, resolve));
    await dataStores["requests"]?.set("total", number);
    stateHistory["number"] = number;
  });

  /** Answered before its first handler has ended. */
  async function createWaiting(here: World, input: object = {}): Promise<string> {
    const job = { blueprint: "counter", initialData: JSON.stringify(input) };
    const creating = here.engine.jobs.create({ id: "client", config: {} }, [job]);
    await here.pass(100);
    return String((await here.done(creating))[0]);
  }

  /** One that holds the line until its gate is opened, and two behind it. */
  async function inLine() {
    const here = await start({ blueprints: [gated] });
    for (const gate of ["x", "y"]) await createWaiting(here, { gate });
    for (const gate of ["x", "y", "y"]) {
      gates.get(gate)?.();
      await here.pass(100);
    }
    const holder = await createWaiting(here, { gate: "a" });
    const [second, third] = [await createWaiting(here), await createWaiting(here)];
    for (const id of [holder, second, third]) expect(["pending", "running"]).toContain(await here.status(id));
    return { here, holder, second, third };
  }

  test("is gone through in its order", async () => {
    const { here, holder, second, third } = await inLine();
    gates.get("a")?.();
    await here.pass(100);
    for (const [index, id] of [holder, second, third].entries())
      expect(await numbersOf(here, [id])).toEqual([index + 3]);
  });

  test("is left by a job that is cancelled in it", async () => {
    const { here, second, third } = await inLine();
    await here.done(here.engine.jobs.cancel(undefined, second));
    expect(await here.status(second)).toBe("cancelled");
    gates.get("a")?.();
    await here.pass(100);
    expect(await numbersOf(here, [third])).toEqual([4]);
    expect(await entries(here)).toEqual({ total: 4 });
  });

  test("is left by a job that is cancelled at its head", async () => {
    const { here, holder, second, third } = await inLine();
    await here.done(here.engine.jobs.cancel(undefined, holder));
    await here.pass(100);
    expect(await numbersOf(here, [second, third])).toEqual([3, 4]);
    gates.get("a")?.();
    await here.pass(100);
    expect(await entries(here)).toEqual({ total: 4 });
  });

  test("is left by a handler that takes too long", async () => {
    const { here, second, third } = await inLine();
    await here.pass(30_100, 1_000);
    expect(await numbersOf(here, [second, third])).toEqual([3, 4]);
    expect(await entries(here)).toEqual({ total: 4 });
  });

  test("is left by a job whose deadline has come, which fails", async () => {
    const { here, third } = await inLine();
    const late = { blueprint: "counter", initialData: "{}", deadlineSeconds: 5 };
    const creating = here.engine.jobs.create({ id: "client", config: {} }, [late]);
    await here.pass(100);
    const [id = ""] = await here.done(creating);
    expect(["pending", "running"]).toContain(await here.status(id));
    await here.pass(8_000);
    expect((await here.view(id)).job).toMatchObject({ status: "failed", error: { code: "DEADLINE_EXCEEDED" } });
    gates.get("a")?.();
    await here.pass(100);
    expect(await numbersOf(here, [third])).toEqual([5]);
    expect(await entries(here)).toEqual({ total: 5 });
  });

  test("is left by a run whose thread died, which counts when it has run again", async () => {
    const { here, holder, second, third } = await inLine();
    here.engine.stores.lost(holder);
    await here.pass(100);
    expect(await numbersOf(here, [second, third])).toEqual([3, 4]);
    gates.get("a")?.();
    await here.pass(100);
    gates.get("a")?.();
    await here.pass(100);
    expect(await numbersOf(here, [holder])).toEqual([5]);
    expect(await entries(here)).toEqual({ total: 5 });
  });

  test("burns no attempt of those that wait in it, however long", async () => {
    const seen: number[] = [];
    const patient = counter(async (context) => {
      seen.push(context.attempt);
      await getThenSet(context);
      await new Promise<void>((resolve) => gates.set("slow", resolve));
    });
    const here = await start({ blueprints: [patient] });
    await createMany(here, 5);
    for (let round = 0; round < 12; round++) {
      await here.pass(20_000, 1_000);
      gates.get("slow")?.();
    }
    await here.pass(1_000);
    expect(new Set(seen)).toEqual(new Set([1]));
    expect(await entries(here)).toEqual({ total: 5 });
  });
});

describe("two stores", () => {
  test("that are touched in both orders hold up nobody for ever", async () => {
    const counted = counting();
    const both = new Blueprint({ name: "counter", dataStores: { left: { total: 0 }, right: { total: 0 } } }).handlerFor(
      "start",
      { isStart: true },
      async ({ dataStores, initialData }, { transitionTo }) => {
        const names = ["left", "right"];
        for (const name of initialData.turned === true ? names.toReversed() : names) {
          const store = dataStores[name];
          await store?.set("total", ((await store.get<number>("total")) ?? 0) + 1);
        }
        transitionTo("finished");
      },
    );
    const here = await start({ blueprints: [both], runner: counted.runner });
    for (const total of [100, 200]) {
      const jobs = Array.from({ length: 100 }, (_, index) => ({
        blueprint: "counter",
        initialData: JSON.stringify({ turned: index % 2 === 0 }),
      }));
      const ids = await here.done(here.engine.jobs.create({ id: "client", config: {} }, jobs));
      await here.pass(2_000);
      for (const id of ids) expect(await here.status(id)).toBe("finished");
      expect(await entries(here, "left")).toEqual({ total });
      expect(await entries(here, "right")).toEqual({ total });
    }
    expect(counted.runs).toBeLessThanOrEqual(600);
  });
});
