import { describe, expect, test } from "bun:test";
import type { Workload } from "../../../scripts/bench/load/workloads.ts";
import type { Measurement } from "../../../scripts/bench/measure.ts";
import { readOptions } from "../../../scripts/bench/options.ts";
import { median, summarise, tableText } from "../../../scripts/bench/report.ts";
import { syncsIn } from "../../../scripts/bench/sides/sync-counter.ts";

function measured(side: string, workload: Workload, round: number, jobs: number, p50Ms: number): Measurement {
  const programs = [{ name: "server", cpuSeconds: 1, peakBytes: 2 ** 20 }];
  return { side, workload, round, figures: { jobs, seconds: 1, p50Ms, p99Ms: 9, programs, syncs: 5, writtenBytes: 0 } };
}

describe("the report of the benchmark", () => {
  test("a round that failed is no figure", () => {
    const rows = summarise([{ side: "ours", workload: "w1", round: 1, error: "broken" }], "ours");
    expect(rows).toEqual([]);
  });

  test("medians stand for the rounds, and a ratio over one says that ours is better", () => {
    const rows = summarise(
      [
        measured("ours", "w1", 1, 400, 1),
        measured("ours", "w1", 2, 100, 1),
        measured("ours", "w1", 3, 200, 1),
        measured("theirs", "w1", 1, 100, 1),
        measured("ours", "w3", 1, 300, 1),
        measured("theirs", "w3", 1, 300, 4),
      ],
      "ours",
    );
    expect(rows.map((row) => [row.workload, row.side, row.jobsPerSecond, row.oursIsBetterBy])).toEqual([
      ["w1", "ours", 200, undefined],
      ["w1", "theirs", 100, 2],
      ["w3", "ours", 300, undefined],
      ["w3", "theirs", 300, 4],
    ]);
    expect(rows[0]?.spread).toEqual([100, 400]);
    expect(tableText(rows)).toContain("2.00 x");
  });

  test("the median of an even number lies between the two in the middle", () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  test("syncs are told only where both calls could be counted", () => {
    expect(syncsIn("3,,syscalls:sys_enter_fsync,1,100.00,,\n4,,syscalls:sys_enter_fdatasync,1,100.00,,\n")).toBe(7);
    expect(syncsIn("<not supported>,,syscalls:sys_enter_fsync,0,100.00,,\n")).toBeUndefined();
    expect(syncsIn("event syntax error")).toBeUndefined();
  });
});

describe("the options of the benchmark", () => {
  test.each([
    [["--rounds", "0"], "--rounds"],
    [["--seconds", "soon"], "--seconds"],
    [["--only", "w1,w9"], 'names "w9"'],
    [["--peers", "nobody"], 'names "nobody"'],
    [["--fast"], "--fast"],
  ])("%p is refused by name", (argv, named) => {
    expect(() => readOptions(argv, ["peer"])).toThrow(named);
  });

  test("quick is one round of ours alone", () => {
    expect(readOptions(["--quick"], ["peer"])).toMatchObject({ rounds: 1, peers: [] });
    expect(readOptions([], ["peer"])).toMatchObject({ rounds: 3, peers: ["peer"] });
    expect(readOptions(["--only", "w3,w1"], [])).toMatchObject({ workloads: ["w1", "w3"] });
  });
});
