import { describe, expect, test } from "bun:test";
import { concurrencyOf, mergeRecord, viewOf } from "../../../actors/worker-registry/record.ts";
import type { JsonMap } from "../../../src/system/errors.ts";
import { costOf, limitName } from "../../../src/job/worker.ts";

describe("what a worker says of itself", () => {
  for (const [name, record, read] of [
    ["tasks as texts", { supported_tasks: ["a"] }, { tasks: ["a"] }],
    ["tasks as objects", { supported_skills: [{ name: "a" }, { type: "x" }, 7] }, { tasks: ["a"] }],
    ["both", { supported_tasks: ["a"], supported_skills: [{ name: "b" }] }, { tasks: ["a", "b"] }],
    ["no tasks at all", { supported_tasks: null }, { tasks: [] }],
    [
      "a GPU under resources",
      { resources: { gpu_info: { model: "A", vram_gb: 8 } } },
      { gpu: { model: "A", vramGb: 8 } },
    ],
    ["a GPU at the top", { gpu_info: { model: "A" } }, { gpu: { model: "A", vramGb: 0 } }],
    ["a GPU without a model", { gpu_info: { vram_gb: 8 } }, { gpu: undefined }],
    ["models as objects", { installed_models: [{ name: "m", version: "1" }] }, { models: ["m"] }],
    ["models as artifacts", { installed_artifacts: [{ name: "m" }] }, { models: ["m"] }],
    ["a hot task", { hot_cache: ["a"] }, { hot: ["a"] }],
    ["a hot skill", { hot_skills: ["a"] }, { hot: ["a"] }],
    [
      "models in memory that a task needs",
      { hot_cache: ["m1", "m2"], skill_dependencies: { a: ["m1", "m2"], b: ["m1", "m3"], c: [] } },
      { hot: ["m1", "m2", "a"] },
    ],
    ["a reputation, which is not its own to say", { reputation: 0.2 }, { reputation: 1 }],
    ["a status of the later generation", { status: "active" }, { status: "idle" }],
    ["no status", {}, { status: "idle" }],
    ["nonsense everywhere", { resources: 7, capabilities: "x", supported_tasks: "a", task_limits: [] }, { tasks: [] }],
  ] as const) {
    test(`is read in every spelling: ${name}`, () => {
      const view = viewOf("w", record as unknown as JsonMap, false);
      const shown = { ...view, tasks: [...view.tasks], models: [...view.models], hot: [...view.hot] };

      expect(shown).toMatchObject(read as Record<string, unknown>);
    });
  }

  test("costs by task where it says so, else by second, else nobody knows", () => {
    const record = { cost_per_second: 2, capabilities: { cost_per_skill: { a: 1 } } };
    const view = viewOf("w", record, false);

    expect([costOf(view, "a"), costOf(view, "b")]).toEqual([1, 2]);
    expect(costOf(viewOf("w", { cost: 3 }, false), "a")).toBe(3);
    expect(costOf(viewOf("w", {}, false), "a")).toBe(Number.POSITIVE_INFINITY);
  });

  test("names the limit that a task falls under", () => {
    const view = viewOf("w", { task_limits: { a: "gpu" } }, false);

    expect([limitName(view, "a"), limitName(view, "b")]).toEqual(["gpu", "b"]);
  });

  test("has its properties under both spellings of their names", () => {
    const { properties } = viewOf("w", { resources: { cpu_cores: 8, properties: { zone: "eu" } } }, false);

    expect([properties.get("cpu_cores"), properties.get("cpuCores"), properties.get("zone")]).toEqual([8, 8, "eu"]);
  });

  test("takes as many tasks as it says", () => {
    expect(concurrencyOf({ max_concurrent_tasks: 3 })).toBe(3);
    expect(concurrencyOf({ resources: { max_concurrent_tasks: 4 } })).toBe(4);
    expect(concurrencyOf({ max_concurrent_tasks: "many" })).toBeUndefined();
  });

  test("drains when told to, or when it says so", () => {
    expect(viewOf("w", {}, true).draining).toBe(true);
    expect(viewOf("w", { status: "draining" }, false).draining).toBe(true);
  });
});

describe("a heartbeat", () => {
  test("replaces what it states, and null states nothing", () => {
    const merged = mergeRecord({ a: 1, b: 2, c: { d: 3 } }, { a: 5, b: null, c: { e: 4 }, f: null });

    expect(merged).toEqual({ a: 5, b: 2, c: { e: 4 }, f: null });
  });
});
