import { describe, expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measureSide } from "../../../scripts/bench/measure.ts";
import { type Options, readOptions } from "../../../scripts/bench/options.ts";
import { Program } from "../../../scripts/bench/sides/program.ts";
import type { Side } from "../../../scripts/bench/sides/side.ts";
import { isBuilt } from "../../e2e/binary.ts";

const bench = join(import.meta.dir, "..", "..", "..", "scripts", "bench", "main.ts");
const RUN_MS = 60_000;

function optionsFor(...argv: string[]): Options & { readonly round: number; say(text: string): void } {
  return { ...readOptions(argv, []), round: 1, say: () => undefined };
}

describe("measuring a side", () => {
  test("one that does not start fails all its workloads, and what it had started is stopped", async () => {
    let started: Program | undefined;
    let folder = "";
    const side: Side = {
      name: "broken",
      promise: "none",
      workloads: ["w1", "w3"],
      async start(own, tell) {
        folder = own;
        started = new Program({ name: "sleeper", command: ["sleep", "60"], folder });
        tell(started);
        throw new Error("the second program is missing");
      },
    };
    const measured = await measureSide(side, optionsFor("--quick"));
    expect(measured).toEqual(
      (["w1", "w3"] as const).map((workload) => ({
        side: "broken",
        workload,
        round: 1,
        error: "the second program is missing",
      })),
    );
    expect(() => started?.assertRuns()).toThrow("sleeper ended");
    expect(existsSync(folder)).toBe(false);
  });

  test("a workload that was not asked for is not run", async () => {
    const start = () => Promise.reject(new Error("not to be started"));
    const side: Side = { name: "other", promise: "none", workloads: ["w1"], start };
    expect(await measureSide(side, optionsFor("--quick", "--only", "w4"))).toEqual([]);
  });
});

describe("the benchmark's command", () => {
  test("a wrong option ends it with exit code 2 and says what there is", () => {
    const { exitCode, stderr } = Bun.spawnSync([process.execPath, bench, "--only", "w9"]);
    expect(exitCode).toBe(2);
    expect(stderr.toString()).toContain("there are w1, w1-batch, w2, w3, w4");
  });

  test.skipIf(!isBuilt || process.platform !== "linux")(
    "the quick form runs every workload on the compiled server and measures all of it",
    async () => {
      const file = join(tmpdir(), `orchestrator-bench-${process.pid}.json`);
      const child = Bun.spawn([process.execPath, bench, "--quick", "--json", file], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      expect(err).not.toContain("FAILED");
      expect(await child.exited).toBe(0);
      const { rows } = (await Bun.file(file).json()) as { rows: Record<string, unknown>[] };
      rmSync(file);
      expect(rows.map((row) => row["workload"])).toEqual(["w1", "w1-batch", "w2", "w3", "w4"]);
      for (const row of rows) {
        expect(row["jobsPerSecond"]).toBeGreaterThan(0);
        expect(row["p50Ms"]).toBeGreaterThan(0);
        expect(row["writtenBytesPerJob"]).toBeGreaterThan(0);
        const programs = row["programs"] as { name: string; peakBytes: number }[];
        expect(programs.map(({ name }) => name)).toEqual(["server", "worker", "generator"]);
        for (const { peakBytes } of programs) expect(peakBytes).toBeGreaterThan(0);
      }
      expect(out).toContain("w1-batch");
    },
    RUN_MS,
  );
});
