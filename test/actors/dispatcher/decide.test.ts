import { describe, expect, test } from "bun:test";
import { BODY_BYTES_MAX, Dispatch } from "../../../actors/dispatcher/decide.ts";
import { Heap } from "../../../actors/dispatcher/heap.ts";
import type { DispatcherEffect } from "../../../actors/dispatcher/messages.ts";
import { type QueuedTask, taskKey } from "../../../actors/dispatcher/task.ts";
import { viewOf } from "../../../actors/worker-registry/record.ts";
import type { TaskOrder } from "../../../src/job/model.ts";
import type { JsonMap } from "../../../src/system/errors.ts";
import { idOf } from "../../storage/sample.ts";

const RETRY = { maxAttempts: 4, backoffMs: 1, factor: 2, maxBackoffMs: 1 };
let arrivals = 0;

function task(jobId: string, order: Partial<TaskOrder> = {}, more: Partial<QueuedTask> = {}): QueuedTask {
  return {
    jobId,
    visit: 1,
    slot: 0,
    attempt: 1,
    order: { type: "t", params: "{}", transitions: {}, strategy: "default", priority: 0, retry: RETRY, ...order },
    begun: false,
    queuedAtMs: ++arrivals,
    again: false,
    ...more,
  };
}

function run(jobId: string, attempt = 1) {
  return { jobId, visit: 1, slot: 0, attempt };
}

class Hall {
  readonly dispatch: Dispatch;
  #effects: DispatcherEffect[] = [];

  constructor(bodyBytesMax = BODY_BYTES_MAX) {
    this.dispatch = new Dispatch(bodyBytesMax);
  }

  queue(...tasks: QueuedTask[]): this {
    for (const one of tasks) this.take({ type: "queue", task: one });
    return this;
  }

  /** `reputation` and what is needed stand in the record for what the registry knows. */
  worker(id: string, room = 0, { reputation = 1, needed = 0, ...record }: JsonMap = {}): this {
    const trust = { reputation: Number(reputation), reputationNeeded: Number(needed) };
    this.take({ type: "worker", view: viewOf(id, { supported_tasks: ["t"], ...record }, false, trust) });
    if (room !== 0) this.take({ type: "credit", workerId: id, tasks: room });
    return this;
  }

  take(message: Parameters<Dispatch["decide"]>[0]): this {
    this.#effects.push(...this.dispatch.decide(message));
    return this;
  }

  /** What came of it since the last call, in short. */
  get came(): string[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects.map((effect) => {
      switch (effect.type) {
        case "assign":
          return `${effect.task.jobId} to ${effect.workerId}`;
        case "stop-task":
          return `${effect.cancel ? "cancel" : "stop"} ${effect.task.jobId} at ${effect.workerId}`;
        case "withdrawn":
          return `${effect.jobId} withdrawn`;
        case "too-expensive":
          return `${effect.task.jobId} too expensive`;
        case "fetch":
          return `fetches ${effect.tasks.map((task) => task.jobId.slice(-2)).join(" ")}`;
        case "judge-costs-later":
          return `judges ${effect.taskType} again`;
      }
    });
  }
}

describe("the heap", () => {
  test("gives the least first, and equals in the order in which they came", () => {
    const heap = new Heap<{ rank: number; name: number }>((a, b) => a.rank - b.rank);
    const ranks = Array.from({ length: 200 }, (_, index) => (index * 7_919) % 13);
    for (const [name, rank] of ranks.entries()) heap.push({ rank, name });
    const left = Array.from({ length: 200 }, () => heap.pop());

    const expected = [...ranks.entries()].map(([name, rank]) => ({ rank, name })).toSorted((a, b) => a.rank - b.rank);
    expect(left).toEqual(expected);
    expect([heap.pop(), heap.peek(), heap.size]).toEqual([undefined, undefined, 0]);
  });
});

describe("the order of the queue", () => {
  test("is priority, then jobs begun, then arrival", () => {
    const hall = new Hall().queue(
      task("low"),
      task("high-1", { priority: 5 }),
      task("begun", {}, { begun: true }),
      task("high-2", { priority: 5 }),
      task("low-2"),
    );

    expect(hall.worker("w", 5).came).toEqual(["high-1 to w", "high-2 to w", "begun to w", "low to w", "low-2 to w"]);
  });

  test("a head that cannot run blocks no other class", () => {
    const hall = new Hall()
      .queue(task("gpu", { priority: 9, requirements: { gpu: {} } }), task("plain"))
      .worker("w", 2);

    expect(hall.came).toEqual(["plain to w"]);
    expect(hall.dispatch.queued).toBe(1);
  });

  test("no more is given than there is room for", () => {
    const hall = new Hall().worker("w", 1).queue(task("a"), task("b"));
    expect(hall.came).toEqual(["a to w"]);
    hall.take({ type: "ended", workerId: "w", task: run("a", 1) });
    expect(hall.came).toEqual([]);
    hall.take({ type: "credit", workerId: "w", tasks: 1 });

    expect(hall.came).toEqual(["b to w"]);
  });
});

describe("who may have a task", () => {
  const gpu = {
    resources: { gpu_info: { model: "NVIDIA RTX 4090", vram_gb: 24 }, cpu_cores: 8, properties: { zone: "eu" } },
  };
  for (const [name, order, record, rule] of [
    ["any worker of its type", {}, {}, "fits"],
    ["no worker of another type", { type: "u" }, {}, "task"],
    ["no worker without a GPU", { requirements: { gpu: {} } }, {}, "gpu"],
    [
      "a worker with the GPU, whatever the case of its name",
      { requirements: { gpu: { model: "rtx 4090" } } },
      gpu,
      "fits",
    ],
    ["no worker with another GPU", { requirements: { gpu: { model: "A100" } } }, gpu, "gpu"],
    ["no worker with too little memory on it", { requirements: { gpu: { vramGb: 48 } } }, gpu, "gpu_vram"],
    ["no worker without the model", { requirements: { installedModels: ["m"] } }, {}, "installed_models"],
    [
      "a worker with the model",
      { requirements: { installedModels: ["m"] } },
      { installed_models: [{ name: "m" }] },
      "fits",
    ],
    ["a worker with cores enough", { requirements: { cpuCores: 8 } }, gpu, "fits"],
    ["no worker with too few cores", { requirements: { cpuCores: 9 } }, gpu, "property"],
    ["a worker in one of the zones", { requirements: { zone: ["us", "eu"] } }, gpu, "fits"],
    ["no worker elsewhere", { requirements: { zone: "us" } }, gpu, "property"],
    ["no worker that costs too much", { maxCost: 1 }, { cost_per_second: 2 }, "max_cost"],
    ["no worker that does not say what it costs", { maxCost: 1 }, {}, "max_cost"],
    [
      "a worker that is cheap for this task",
      { maxCost: 1 },
      { cost_per_second: 2, capabilities: { cost_per_skill: { t: 0.5 } } },
      "fits",
    ],
    ["no worker that is busy", {}, { status: "busy" }, "status"],
    ["a worker that calls itself active", {}, { status: "active" }, "fits"],
    ["no worker that drains", {}, { status: "draining" }, "draining"],
    ["no worker with too little reputation", {}, { reputation: 0.2999, needed: 0.3 }, "reputation"],
    [
      "nor for a task that only that worker could afford",
      { maxCost: 9 },
      { cost_per_second: 1, reputation: 0.1, needed: 0.3 },
      "reputation",
    ],
    ["a worker with just enough of it", {}, { reputation: 0.3, needed: 0.3 }, "fits"],
    ["no worker whose limit for the type is reached", {}, { task_type_limits: { t: 0 } }, "type_limit"],
  ] as const) {
    test(name, () => {
      const hall = new Hall().worker("w", 1, record as JsonMap);
      const verdict = hall.dispatch.judge(task("j", order as Partial<TaskOrder>))[0]?.verdict;

      expect(verdict).toMatchObject({ rule, accepted: rule === "fits" });
      hall.queue(task("j", order as Partial<TaskOrder>));
      expect(hall.came.includes("j to w")).toBe(rule === "fits");
    });
  }

  test("no worker without room", () => {
    expect(new Hall().worker("w").dispatch.judge(task("j"))[0]?.verdict.rule).toBe("slots");
  });

  test("limits are counted by what is in hand, over types that share one", () => {
    const record = { supported_tasks: ["t", "u"], task_type_limits: { gpu: 1 }, task_limits: { t: "gpu", u: "gpu" } };
    const hall = new Hall().worker("w", 5, record).queue(task("a"), task("b", { type: "u" }));
    expect(hall.came).toEqual(["a to w"]);

    hall.take({ type: "ended", workerId: "w", task: run("a", 1) });
    expect(hall.came).toEqual(["b to w"]);
  });

  test("a limit that changes while a task runs is counted right afterwards", () => {
    const hall = new Hall()
      .worker("w", 5, { task_limits: { t: "old" }, task_type_limits: { old: 1 } })
      .queue(task("a"));
    hall.worker("w", 0, { task_limits: { t: "new" }, task_type_limits: { new: 1 } });
    hall.take({ type: "ended", workerId: "w", task: run("a", 1) });
    hall.worker("w", 0, { task_limits: { t: "old" }, task_type_limits: { old: 1 } });
    hall.queue(task("b"));

    expect(hall.came).toEqual(["a to w", "b to w"]);
  });
});

describe("the choice among workers", () => {
  const order = (strategy: TaskOrder["strategy"]) => ({ strategy });
  for (const [strategy, workers, expected] of [
    [
      "default",
      [
        ["cold", {}],
        ["hot", { hot_cache: ["t"] }],
      ],
      ["hot", "hot"],
    ],
    [
      "round_robin",
      [
        ["a", {}],
        ["b", {}],
      ],
      ["a", "b"],
    ],
    [
      "least_connections",
      [
        ["a", {}],
        ["b", {}],
      ],
      ["a", "b"],
    ],
    [
      "cheapest",
      [
        ["dear", { cost_per_second: 2 }],
        ["cheap", { cost_per_second: 1 }],
      ],
      ["cheap", "cheap"],
    ],
    [
      "overflow",
      [
        ["silent", {}],
        ["cheap", { cost_per_second: 1 }],
      ],
      ["cheap", "cheap"],
    ],
    [
      "best_value",
      [
        ["good", { cost_per_second: 2, reputation: 1 }],
        ["bad", { cost_per_second: 1, reputation: 0.1 }],
      ],
      ["good", "good"],
    ],
    [
      "best_value",
      [
        ["none", { cost_per_second: 1, reputation: 0 }],
        ["some", { cost_per_second: 9 }],
      ],
      ["some", "some"],
    ],
  ] as const) {
    test(`${strategy}: ${workers.map(([id]) => id).join(" or ")} gives ${expected.join(", ")}`, () => {
      const hall = new Hall();
      for (const [id, record] of workers) hall.worker(id, 2, record as unknown as JsonMap);
      hall.queue(task("1", order(strategy)), task("2", order(strategy)));

      expect(hall.came).toEqual(expected.map((id, index) => `${index + 1} to ${id}`));
    });
  }

  test("overflow goes to the dearer worker once the cheap one is full", () => {
    const hall = new Hall().worker("cheap", 1, { cost_per_second: 1 }).worker("dear", 1, { cost_per_second: 5 });
    hall.queue(task("1", order("overflow")), task("2", order("overflow")));

    expect(hall.came).toEqual(["1 to cheap", "2 to dear"]);
  });
});

describe("a cost limit", () => {
  test("that no suitable worker meets fails the task at once; with no suitable worker it waits", () => {
    const hall = new Hall().queue(task("early", { maxCost: 1 }));
    expect(hall.came).toEqual([]);
    hall.worker("dear", 0, { cost_per_second: 2 });
    expect(hall.came).toEqual(["early too expensive"]);
    hall.queue(task("late", { maxCost: 1 }));

    expect(hall.came).toEqual(["late too expensive"]);
    expect([hall.dispatch.queued, hall.dispatch.holds("early")]).toEqual([0, false]);
  });

  test("waits for a cheap worker that is shut out: its reputation comes back", () => {
    const cheap = { cost_per_second: 1, reputation: 0.1, needed: 0.3 };
    const hall = new Hall().worker("cheap", 1, cheap).worker("dear", 1, { cost_per_second: 2, needed: 0.3 });
    hall.queue(task("j", { maxCost: 1 }));
    expect(hall.came).toEqual([]);
    hall.worker("cheap", 0, { ...cheap, reputation: 0.3 });

    expect(hall.came).toEqual(["j to cheap"]);
  });

  test("waits for a cheap worker that is busy", () => {
    const hall = new Hall().worker("cheap", 0, { cost_per_second: 1 }).worker("dear", 1, { cost_per_second: 2 });
    hall.queue(task("j", { maxCost: 1 }));
    expect(hall.came).toEqual([]);
    hall.take({ type: "worker-gone", workerId: "cheap" });

    expect(hall.came).toEqual(["j too expensive"]);
  });
});

describe("what the dispatcher holds", () => {
  test("is not queued twice, but a later attempt takes the place of an earlier one", () => {
    const hall = new Hall().queue(task("j"), task("j"));
    expect(hall.dispatch.queued).toBe(1);
    hall.queue(task("j", {}, { attempt: 2 }));
    expect(hall.dispatch.queued).toBe(1);
    hall.worker("w", 5);

    expect(hall.came).toEqual(["j to w"]);
  });

  test("goes back in the queue when its worker is gone, and is to be written down before it is sent again", () => {
    const hall = new Hall().worker("a", 1).queue(task("j"));
    hall.take({ type: "worker-gone", workerId: "a" });
    expect(hall.came).toEqual(["j to a"]);
    const effects = [
      ...hall.dispatch.decide({ type: "worker", view: viewOf("b", { supported_tasks: ["t"] }, false) }),
      ...hall.dispatch.decide({ type: "credit", workerId: "b", tasks: 1 }),
    ];

    expect(effects).toMatchObject([{ type: "assign", workerId: "b", task: { again: true } }]);
  });

  test("goes back in the queue when the worker could not be given it", () => {
    const one = task("j");
    const hall = new Hall().worker("a", 1).queue(one).worker("b", 1);
    expect(hall.came).toEqual(["j to a"]);
    hall.take({ type: "credit", workerId: "a", tasks: -1 }).take({ type: "returned", workerId: "a", task: one });

    expect(hall.came).toEqual(["j to b"]);
    hall.take({ type: "returned", workerId: "a", task: one });
    expect(hall.dispatch.whereIs(taskKey(one.jobId, 1, 0))).toEqual({ state: "assigned", workerId: "b" });
  });

  test("comes back from a worker that began anew without credit, which is not made of nothing", () => {
    const one = task("j");
    const hall = new Hall().worker("a", 1).queue(one);
    hall.take({ type: "worker-gone", workerId: "a" }).worker("a");
    expect(hall.came).toEqual(["j to a"]);

    hall.take({ type: "returned", workerId: "a", task: one });

    expect(hall.came).toEqual([]);
    expect(hall.dispatch.queued).toBe(1);
  });

  test("is taken out by a drop: from the queue without a word, from a worker by telling it", () => {
    const hall = new Hall().worker("w", 1).queue(task("a"), task("b"));
    hall.take({ type: "drop", ...run("b") }).take({ type: "drop", ...run("a") });
    hall.take({ type: "drop", ...run("unknown") });

    expect(hall.came).toEqual(["a to w", "stop a at w"]);
    expect([hall.dispatch.holds("a"), hall.dispatch.holds("b"), hall.dispatch.queued]).toEqual([false, false, 0]);
  });

  test("is withdrawn by a cancel from the queue, or its worker is told", () => {
    const hall = new Hall().worker("w", 1).queue(task("a"), task("b"));
    const cancel = (jobId: string) => hall.take({ type: "cancel", ...run(jobId) });
    cancel("a");
    cancel("b");
    cancel("unknown");

    expect(hall.came).toEqual(["a to w", "cancel a at w", "b withdrawn", "unknown withdrawn"]);
  });

  test("is taken from the queue when a worker that came back claims it", () => {
    const one = task("j");
    const hall = new Hall().queue(one).worker("w");
    hall.take({ type: "claimed", workerId: "w", task: one }).take({ type: "claimed", workerId: "w", task: one });
    hall.take({ type: "credit", workerId: "w", tasks: 1 });

    expect(hall.came).toEqual([]);
    expect(hall.dispatch.whereIs(taskKey(one.jobId, 1, 0))).toEqual({ state: "assigned", workerId: "w" });
    hall.take({ type: "ended", workerId: "w", task: one });
    expect(hall.dispatch.holds("j")).toBe(false);
  });

  test("counts once under its worker's limits when it is claimed after it was dropped", () => {
    const hall = new Hall().worker("w", 1, { task_type_limits: { t: 1 } }).queue(task("j"));
    const [one] = [task("j")];
    hall.take({ type: "drop", ...run(one.jobId) }).take({ type: "claimed", workerId: "w", task: one });
    hall.take({ type: "ended", workerId: "w", task: one }).take({ type: "credit", workerId: "w", tasks: 1 });

    expect(hall.queue(task("next")).came).toContain("next to w");
  });

  for (const bodyBytesMax of [0, 1_000_000]) {
    test(`stays in the queue when an earlier attempt is claimed late, with ${bodyBytesMax} bytes for bodies`, () => {
      const first = task(idOf(1));
      const hall = new Hall(bodyBytesMax)
        .queue({ ...first, attempt: 2 })
        .worker("w", 0, { task_type_limits: { t: 1 } });
      hall.take({ type: "claimed", workerId: "w", task: first });
      expect([hall.dispatch.queued, hall.dispatch.whereIs(taskKey(first.jobId, 1, 0))?.state]).toEqual([1, "queued"]);
      hall.take({ type: "credit", workerId: "w", tasks: 1 });
      expect(hall.came).toEqual([]);

      hall.take({ type: "ended", workerId: "w", task: first });
      expect(hall.came).toHaveLength(1);
      expect(hall.dispatch.holds(first.jobId)).toBe(true);
    });
  }

  test("is not touched by the end of an earlier attempt at the same worker", () => {
    const hall = new Hall().worker("w", 2, { task_type_limits: { t: 2 } }).queue(task("j"));
    hall.take({ type: "drop", ...run("j") }).queue(task("j", {}, { attempt: 2 }));
    hall.take({ type: "ended", workerId: "w", task: run("j", 1) });
    expect(hall.dispatch.holds("j")).toBe(true);
    hall.take({ type: "ended", workerId: "w", task: run("j", 2) });
    expect(hall.dispatch.holds("j")).toBe(false);

    hall.take({ type: "credit", workerId: "w", tasks: 2 }).queue(task("a"), task("b"));
    expect(hall.came.slice(-2)).toEqual(["a to w", "b to w"]);
  });
});
