/** One side, started afresh in a folder of its own: warmed up, measured workload by workload, stopped. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadResult, LoadSettings, Workload } from "./load/workloads.ts";
import { Generator } from "./sides/generator.ts";
import type { Program } from "./sides/program.ts";
import type { Running, Side } from "./sides/side.ts";
import { countSyncs } from "./sides/sync-counter.ts";
import { resetPeak, usageOf } from "./sides/usage.ts";

export interface ProgramFigures {
  readonly name: string;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

export interface Figures extends LoadResult {
  readonly programs: readonly ProgramFigures[];
  /** Of the program that makes jobs durable. Left out: this machine does not tell. */
  readonly syncs?: number;
  readonly writtenBytes: number;
}

export type Measurement = { readonly side: string; readonly workload: Workload; readonly round: number } & (
  | { readonly figures: Figures }
  | { readonly error: string }
);

export interface MeasureOptions {
  readonly workloads: readonly Workload[];
  readonly settings: LoadSettings;
  readonly warmUpSeconds: number;
  readonly round: number;
  readonly say: (text: string) => void;
}

const SETTLE_MS = 300;
const GENERATOR = "generator";

export async function measureSide(side: Side, options: MeasureOptions): Promise<Measurement[]> {
  const workloads = side.workloads.filter((workload) => options.workloads.includes(workload));
  if (workloads.length === 0) return [];
  const folder = mkdtempSync(join(tmpdir(), "orchestrator-bench-"));
  const started: Program[] = [];
  const measured: Measurement[] = [];
  try {
    const running = await side.start(folder, (program) => void started.push(program));
    const generator = await Generator.open(running.generator);
    try {
      await warmUp(generator, options);
      for (const workload of workloads) measured.push(await measureOne(side, workload, running, generator, options));
    } finally {
      await generator.close();
    }
  } catch (error) {
    const missing = workloads.filter((workload) => !measured.some((one) => one.workload === workload));
    for (const workload of missing) measured.push(failure(side, workload, options.round, error));
  } finally {
    for (const program of started.toReversed()) await program.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return measured;
}

async function warmUp(generator: Generator, { settings, warmUpSeconds }: MeasureOptions): Promise<void> {
  const short = { ...settings, seconds: warmUpSeconds };
  await generator.run({ workload: "w1", settings: short });
  await generator.run({ workload: "w2", settings: short });
}

async function measureOne(
  side: Side,
  workload: Workload,
  running: Running,
  generator: Generator,
  { settings, round, say }: MeasureOptions,
): Promise<Measurement> {
  const processes = [...running.programs, { name: GENERATOR, pid: generator.pid }];
  // The time of single jobs is that of a path which was taken before.
  if (isSingle(workload)) await generator.run({ workload, settings: { ...settings, fanRuns: 1 } });
  const counter = countSyncs(running.store.pid);
  // What was left to be written is not this workload's, and the counter takes a moment to begin.
  await Bun.sleep(SETTLE_MS);
  for (const { pid } of processes) resetPeak(pid);
  const before = new Map(processes.map(({ pid }) => [pid, usageOf(pid)]));
  const written = (pid: number) => usageOf(pid).writtenBytes - (before.get(pid)?.writtenBytes ?? 0);
  try {
    const result = await generator.run({ workload, settings });
    const syncs = await counter.stop();
    const programs = processes.map(({ name, pid }) => {
      const { cpuSeconds, peakBytes } = usageOf(pid);
      return { name, cpuSeconds: cpuSeconds - (before.get(pid)?.cpuSeconds ?? 0), peakBytes };
    });
    const writtenBytes = written(running.store.pid);
    say(`  ${side.name} ${workload}: ${result.jobs} jobs in ${result.seconds.toFixed(2)} s`);
    const figures = { ...result, programs, writtenBytes, ...(syncs !== undefined && { syncs }) };
    return { side: side.name, workload, round, figures };
  } catch (error) {
    await counter.stop();
    say(`  ${side.name} ${workload}: failed`);
    for (const program of running.programs) program.assertRuns();
    return failure(side, workload, round, error);
  }
}

function isSingle(workload: Workload): boolean {
  return workload === "w3" || workload === "w4";
}

function failure({ name }: Side, workload: Workload, round: number, error: unknown): Measurement {
  return { side: name, workload, round, error: error instanceof Error ? error.message : String(error) };
}
