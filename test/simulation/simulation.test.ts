import { describe, expect, test } from "bun:test";
import { WORKER_KINDS, type WorkerKind } from "./mishaps.ts";
import { runSeed } from "./run.ts";
import kept from "./seeds.json";
import type { Report } from "./world.ts";

const SEEDS = 500;
const IN_ONE_TEST = 50;
const OF_EACH_KIND = 50;

function told({ seed, broken, last }: Report, kind: WorkerKind | undefined): string {
  const again = `bun run simulate --seed ${seed} ${kind === undefined ? "" : `--kind ${kind} `}--trace`;
  return [`seed ${seed}: ${broken}`, ...last.slice(-20), again].join("\n");
}

function broken(seeds: readonly number[]): string[] {
  return brokenOf(seeds.map((seed) => runSeed(seed)));
}

function brokenOf(reports: readonly Report[], kind?: WorkerKind): string[] {
  return reports.flatMap((report) => (report.broken === undefined ? [] : told(report, kind)));
}

function numbers(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

describe("the orchestrator keeps its promises whatever goes wrong", () => {
  for (let first = 1; first <= SEEDS; first += IN_ONE_TEST) {
    const seeds = numbers(first, IN_ONE_TEST);
    test(`in the worlds ${first} to ${first + IN_ONE_TEST - 1}`, () => expect(broken(seeds)).toEqual([]), 60_000);
  }

  for (const { seed, found } of kept) {
    test(`in world ${seed}, where once ${found}`, () => expect(broken([seed])).toEqual([]));
  }
});

describe("the orchestrator keeps them where workers fail in one way for certain", () => {
  for (const [kind, about] of Object.entries(WORKER_KINDS) as [WorkerKind, string][]) {
    test(
      about,
      () => {
        const reports = numbers(1, OF_EACH_KIND).map((seed) => runSeed(seed, { kind }));
        expect(brokenOf(reports, kind)).toEqual([]);
        expect(reports.filter(({ mishaps }) => mishaps === 0)).toEqual([]);
      },
      60_000,
    );
  }
});

describe("the simulator", () => {
  test("tells the same story for the same seed", () => {
    const stories = [1, 2].map(() => {
      const lines: string[] = [];
      const { hash, events } = runSeed(3, { onEvent: (line) => void lines.push(line) });
      return { lines, hash, events };
    });
    expect(stories[0]?.lines.length).toBeGreaterThan(50);
    expect(stories[1]).toEqual(stories[0] as never);
  });

  test("tells it in another process too", async () => {
    const script = `${import.meta.dir}/../../scripts/simulate.ts`;
    const child = Bun.spawn([process.execPath, script, "--seed", "3"], { stdout: "pipe" });
    expect(await child.stdout.text()).toContain(`trace ${runSeed(3).hash.toString(16)}`);
    expect(await child.exited).toBe(0);
  });

  test("tells other stories for other seeds", () => {
    const hashes = new Set([1, 2, 3, 4, 5].map((seed) => runSeed(seed).hash));
    expect(hashes.size).toBe(5);
  });

  test("meets what can go wrong", () => {
    const lines: string[] = [];
    for (let seed = 1; seed <= 100; seed++) runSeed(seed, { onEvent: (line) => void lines.push(line) });
    const met = (what: string) => lines.filter((line) => line.includes(what)).length;
    const happenings = [
      "server dies",
      "server is stopped",
      "server stands still",
      "the wall clock jumps",
      "the disk is full",
      "OUTCOME_UNKNOWN",
      "STORE_FULL",
      ": lost",
      "loses its connection",
      "is frozen",
      "gives back",
      "drains",
      "is drained",
      "quarantined",
      "cancelled",
      "awaiting_retry",
      "job_already_terminated",
      "stale_task",
      "the disk refuses what was made of a data store",
    ];
    expect(happenings.filter((what) => met(what) < 3)).toEqual([]);
  });
});
