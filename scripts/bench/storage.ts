/**
 * What the embedded store takes: jobs of two units (creation, end) in groups, on a file, synced.
 * Run: bun scripts/bench/storage.ts [jobs] [units in a group] [folder for the temporary file]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Job } from "../../src/job/model.ts";
import type { Unit } from "../../src/storage/port.ts";
import { openSqliteStorage } from "../../src/storage/sqlite/index.ts";
import { createRealSystem } from "../../src/system/real.ts";

const jobs = Number(process.argv[2] ?? 100_000);
const group = Number(process.argv[3] ?? 64);
const folder = mkdtempSync(join(process.argv[4] ?? tmpdir(), "storage-bench-"));

const params = JSON.stringify({ text: "x".repeat(180) });
const hash = "a".repeat(64);

function created(id: string, nowMs: number): Unit {
  const job: Job = {
    id,
    version: 1,
    client: { id: "acme", plan: "pro", config: {} },
    blueprint: "flow",
    hash,
    status: "waiting_for_worker",
    state: "start",
    visit: 1,
    enteredAtMs: 0,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    initialData: params,
    stateHistory: "{}",
    steps: 1,
    task: {
      slot: 0,
      order: {
        type: "echo",
        params,
        transitions: { success: "end" },
        strategy: "default",
        priority: 0,
        retry: { maxAttempts: 4, backoffMs: 1000, factor: 2, maxBackoffMs: 60_000 },
      },
      attempt: 1,
      queuedAtMs: nowMs,
    },
  };
  const events = [
    { type: "job_created", atMs: nowMs },
    { type: "state_started", atMs: nowMs, state: "start" },
  ] as const;
  return { jobs: [{ job, expectedVersion: 0, events }] };
}

function ended({ jobs: [write] }: Unit, nowMs: number): Unit {
  if (!write) throw new Error("a unit of one job");
  const { task, ...rest } = write.job;
  const job: Job = { ...rest, version: 2, status: "finished", state: "end", visit: 2, stateHistory: '{"ok":true}' };
  const events = [
    { type: "task_finished", atMs: nowMs, state: "start", worker: "w1", attempt: task?.attempt ?? 1 },
    { type: "state_started", atMs: nowMs, state: "end", previous: "start" },
    { type: "job_completed", atMs: nowMs, state: "end", patch: '{"set":{"ok":true}}' },
  ] as const;
  return { jobs: [{ job, expectedVersion: 1, events }] };
}

async function main(): Promise<void> {
  const system = createRealSystem({ write: () => undefined });
  const { clock, ids } = system;
  const fail = (error: unknown) => {
    throw error;
  };
  const store = await openSqliteStorage({ ...system, folder, onFatal: fail, programVersion: "bench", ballastBytes: 0 });
  const commit = (unit: Unit) => store.journal.commit(unit);
  const tookMs: number[] = [];
  for (let made = 0; made < jobs; made += group) {
    const units = Array.from({ length: group }, () => created(ids.job(), clock.nowMs()));
    const ends = units.map((unit) => ended(unit, clock.nowMs()));
    for (const part of [units, ends]) {
      const beginMs = clock.monotonicMs();
      await Promise.all(part.map(commit));
      tookMs.push(clock.monotonicMs() - beginMs);
    }
  }
  await store.close();
  // Making the units is the engine's share, and is left out.
  const totalMs = tookMs.reduce((sum, ms) => sum + ms, 0);

  tookMs.sort((a, b) => a - b);
  const at = (share: number) => (tookMs[Math.floor(tookMs.length * share)] ?? 0).toFixed(2);
  const perSecond = Math.round((jobs / totalMs) * 1000);
  console.log(`${jobs} jobs, groups of ${group}: ${perSecond} jobs/s (${perSecond * 2} units/s)`);
  console.log(`a group: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, slowest ${tookMs.at(-1)?.toFixed(2)} ms`);
}

try {
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
