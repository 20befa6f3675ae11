import { describe, expect, test } from "bun:test";
import { ENGINE_DEFAULTS } from "../../../actors/engine-settings.ts";
import { orderOf } from "../../../src/blueprint/orders.ts";
import type { TaskOrder, TaskWait } from "../../../src/job/model.ts";
import { storedTask, type StoredTaskWait, toTaskWait } from "../../../src/storage/sqlite/stored-task.ts";
import { idOf, next, sampleJob, unitOf } from "../sample.ts";
import { storeForEachTest } from "./each.ts";

const INPUT = '{"a":"\\u0000"}';

type Whole<Of> = { [Name in keyof Required<Of>]: Exclude<Of[Name], undefined> };

/** The compiler asks for the fields that are added later. */
const ORDER: Whole<TaskOrder> = {
  type: "echo",
  params: '{"b":1}',
  transitions: { success: "end" },
  eventTransitions: { seen: "look" },
  strategy: "cheapest",
  priority: -1,
  maxCost: 0,
  requirements: { gpu: { vramGb: 40 }, zone: ["x", null] },
  dispatchTimeoutMs: 1,
  timeoutMs: 2,
  retry: { maxAttempts: 4, backoffMs: 500, factor: 2, maxBackoffMs: 60_001 },
  paramsMetadata: '{"a":{}}',
  outputSchema: { type: "object" },
};
const WAIT: Whole<TaskWait> = {
  slot: 3,
  order: ORDER,
  attempt: 2,
  queuedAtMs: 1.5,
  notBeforeMs: 0,
  delivery: { taskId: "t", workerId: "w", atMs: 9 },
  lastWorkerId: "v",
  lastError: { code: "E", message: "m" },
  checkpoint: "null",
  events: 1,
  eventIds: ["e"],
  progress: { value: 0.5, message: "half", atMs: 3 },
};
const RETRY = { maxAttempts: 4, backoffMs: 500, factor: 2, maxBackoffMs: 60_000 };
const PLAIN: TaskWait = {
  slot: 0,
  order: { type: "echo", params: INPUT, transitions: {}, strategy: "default", priority: 0, retry: RETRY },
  attempt: 1,
  queuedAtMs: 7,
};

const WAIT0: TaskWait = { ...WAIT, slot: 0 };

const written = (wait: TaskWait) => JSON.parse(JSON.stringify(storedTask(wait, INPUT))) as StoredTaskWait;

describe("a task is read as it was written", () => {
  test.each([
    ["with every field", WAIT],
    ["with no more than it must have", PLAIN],
    ...Object.entries(ORDER).map(
      ([name, value]) =>
        [`plain but for its order's ${name}`, { ...PLAIN, order: { ...PLAIN.order, [name]: value } }] as const,
    ),
    ...Object.entries(WAIT).map(([name, value]) => [`plain but for its ${name}`, { ...PLAIN, [name]: value }] as const),
    ...Object.entries(RETRY).map(
      ([name, value]) =>
        [
          `with another ${name}`,
          { ...PLAIN, order: { ...PLAIN.order, retry: { ...RETRY, [name]: value + 1 } } },
        ] as const,
    ),
  ])("%s", (_what, wait) => {
    storedTask(WAIT, INPUT);
    expect(toTaskWait(written(wait), () => INPUT)).toEqual(wait);
  });

  test("from a file of before, which left nothing out", () => {
    for (const wait of [WAIT, PLAIN])
      expect(toTaskWait(JSON.parse(JSON.stringify(wait)) as StoredTaskWait, () => "{}")).toEqual(wait);
  });
});

test("what most handlers ask for is short", () => {
  const order = orderOf({ taskType: "echo", params: { a: "\u0000" } }, { maxAttempts: ENGINE_DEFAULTS.taskAttempts });
  expect(written({ ...PLAIN, order }).order).toEqual({ type: "echo", transitions: {} });
});

describe("in a store", () => {
  const store = storeForEachTest();

  test.each([
    ["a short input", INPUT],
    ["a long input, which lies elsewhere", JSON.stringify({ text: "x".repeat(10_000) })],
    ["an input that is no UTF-8", '{"a":"\ud800"}'],
  ])("a task is given the whole of %s", async (_what, initialData) => {
    const task = { ...PLAIN, order: { ...PLAIN.order, params: initialData } };
    const job = sampleJob(idOf(1), { initialData, task, visit: 2 });
    await store.now.journal.commit(unitOf(job));
    await store.now.journal.commit(unitOf(next(job)));

    expect((await store.now.jobs.load(job.id))?.task).toEqual(task);
    expect((await store.now.jobs.waitingJobs("", 10)).map(({ facts }) => facts?.task)).toEqual([task]);
    expect(await store.now.jobs.tasks([{ jobId: job.id, slot: 0 }])).toMatchObject([{ visit: 2, wait: task }]);
  });

  test("a long input is not read where nothing is given it", async () => {
    const initialData = JSON.stringify({ text: "x".repeat(10_000) });
    const parallel = { into: "join", total: 1, open: 1, join: "all", good: 0 } as const;
    const jobs = [
      sampleJob(idOf(1), { initialData, task: PLAIN }),
      sampleJob(idOf(2), { initialData, status: "waiting_for_human" }),
      sampleJob(idOf(3), { initialData, parallel }),
    ];
    for (const job of jobs)
      await store.now.journal.commit(unitOf(job, { branches: job.parallel && [{ slot: 0, wait: WAIT0 }] }));
    await store.whileClosed((database) => database.run("DELETE FROM inputs"));

    expect((await store.now.jobs.waitingJobs("", 10)).map(({ facts }) => facts?.task ?? facts?.parallel)).toEqual([
      PLAIN,
      undefined,
      parallel,
    ]);
    const places = jobs.map(({ id }) => ({ jobId: id, slot: 0 }));
    expect((await store.now.jobs.tasks(places)).map((task) => task?.wait)).toEqual([PLAIN, undefined, WAIT0]);
  });
});
