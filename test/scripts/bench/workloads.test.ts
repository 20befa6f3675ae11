import { describe, expect, test } from "bun:test";
import type { Door } from "../../../scripts/bench/load/door.ts";
import { type LoadSettings, percentile, runWorkload } from "../../../scripts/bench/load/workloads.ts";

const SETTINGS: LoadSettings = {
  seconds: 0.02,
  inFlight: 3,
  batchJobs: 10,
  singles: 5,
  fanSteps: 4,
  fanRuns: 2,
  stallSeconds: 0.05,
};

/** Ends each job at once; of what it is sent it counts so many too few or too many. */
function doorThatMiscounts(by: number): Door & { readonly calls: string[] } {
  let finished = 7;
  let isMiscounted = false;
  const calls: string[] = [];
  const count = (jobs: number): void => {
    finished += isMiscounted ? jobs : jobs + by;
    isMiscounted = true;
  };
  const later = () => Bun.sleep(1);
  return {
    calls,
    create: (flow) => later().then(() => void (calls.push(flow), count(1))),
    createMany: (jobs) => later().then(() => void (calls.push(`${jobs}`), count(jobs))),
    finished: async () => finished,
    createAndWait: async (flow) => void calls.push(flow),
    fanAndWait: async (steps) => void calls.push(`fan ${steps}`),
    close: async () => undefined,
  };
}

describe("the load of the benchmark", () => {
  test("a job that does not end fails the workload", async () => {
    const run = runWorkload(doorThatMiscounts(-1), "w1", SETTINGS);
    await expect(run).rejects.toThrow("1 of the jobs did not end");
  });

  test("a job that ends twice fails the workload", async () => {
    await expect(runWorkload(doorThatMiscounts(1), "w2", SETTINGS)).rejects.toThrow("jobs ended, but");
  });

  test("a door without batches fails the workload that needs them", async () => {
    const { createMany: _, ...door } = doorThatMiscounts(0);
    await expect(runWorkload(door, "w1-batch", SETTINGS)).rejects.toThrow("no batches");
  });

  test("jobs are counted as they are sent, those of earlier workloads apart", async () => {
    const door = doorThatMiscounts(0);
    const { jobs, seconds, p50Ms } = await runWorkload(door, "w2", SETTINGS);
    expect(jobs).toBe(door.calls.length);
    expect(new Set(door.calls)).toEqual(new Set(["three"]));
    expect(seconds).toBeGreaterThanOrEqual(SETTINGS.seconds);
    expect(p50Ms).toBeGreaterThan(0);
  });

  test("a batch counts as many jobs as it holds", async () => {
    const door = doorThatMiscounts(0);
    const { jobs } = await runWorkload(door, "w1-batch", SETTINGS);
    expect(jobs).toBe(door.calls.length * SETTINGS.batchJobs);
  });

  test("single jobs go one by one, as many as are set", async () => {
    const door = doorThatMiscounts(0);
    await runWorkload(door, "w3", SETTINGS);
    await runWorkload(door, "w4", SETTINGS);
    expect(door.calls).toEqual(["one", "one", "one", "one", "one", "fan 4", "fan 4"]);
  });

  test.each([
    [0.5, 2],
    [0.99, 4],
    [0, 1],
  ])("the percentile %p of 1, 2, 3, 4 is %p", (share, expected) => {
    expect(percentile([1, 2, 3, 4], share)).toBe(expected);
  });
});
