/** The workloads, the same for every system: what is done through a door, and what is timed. */
import type { Door, Flow } from "./door.ts";

export const WORKLOADS = ["w1", "w1-batch", "w2", "w3", "w4"] as const;
export type Workload = (typeof WORKLOADS)[number];

export interface LoadSettings {
  readonly seconds: number;
  readonly inFlight: number;
  readonly batchJobs: number;
  /** W3: jobs one at a time. */
  readonly singles: number;
  /** W4: steps of the one job, and how often it is run. */
  readonly fanSteps: number;
  readonly fanRuns: number;
  /** Nothing ends for so long: something is stuck, and the workload has failed. */
  readonly stallSeconds: number;
}

/** All times are measured in the generator's own process. */
export interface LoadResult {
  readonly jobs: number;
  /** From the first submit to the last completion. */
  readonly seconds: number;
  /** Of each submit's answer (W1, W2), of each job from submit to its end (W3, W4). */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const BATCH_CALLS_AT_ONCE = 4;
const BACKLOG_JOBS_MAX = 20_000;
const POLL_MS = 10;

export async function runWorkload(door: Door, workload: Workload, settings: LoadSettings): Promise<LoadResult> {
  switch (workload) {
    case "w1":
      return closedLoop(door, "one", settings);
    case "w1-batch":
      return batches(door, settings);
    case "w2":
      return closedLoop(door, "three", settings);
    case "w3":
      return oneByOne(settings.singles, () => door.createAndWait("one"));
    case "w4":
      return oneByOne(settings.fanRuns, () => door.fanAndWait(settings.fanSteps));
  }
}

/** Each of so many callers sends its next job when the answer to its last one says that it is safe. */
async function closedLoop(door: Door, flow: Flow, settings: LoadSettings): Promise<LoadResult> {
  const { seconds, inFlight, stallSeconds } = settings;
  const before = await door.finished();
  const timesMs: number[] = [];
  const beganMs = performance.now();
  const endMs = beganMs + seconds * 1000;
  const caller = async (): Promise<void> => {
    for (let sentMs = performance.now(); sentMs < endMs;) {
      await door.create(flow);
      const answeredMs = performance.now();
      timesMs.push(answeredMs - sentMs);
      sentMs = answeredMs;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  const jobs = timesMs.length;
  await ended(door, before + jobs, { missingMax: 0, stallSeconds });
  return resultOf(jobs, beganMs, timesMs);
}

/** As many jobs a call as are set; who is far ahead of the completions waits for them. */
async function batches(door: Door, { seconds, batchJobs, stallSeconds }: LoadSettings): Promise<LoadResult> {
  const createMany = door.createMany?.bind(door);
  if (!createMany) throw new Error("this door takes no batches");
  const before = await door.finished();
  const timesMs: number[] = [];
  let jobs = 0;
  const beganMs = performance.now();
  const endMs = beganMs + seconds * 1000;
  const caller = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const sentMs = performance.now();
      jobs += batchJobs;
      await createMany(batchJobs);
      timesMs.push(performance.now() - sentMs);
      await ended(door, before + jobs, { missingMax: BACKLOG_JOBS_MAX, stallSeconds });
    }
  };
  await Promise.all(Array.from({ length: BATCH_CALLS_AT_ONCE }, caller));
  await ended(door, before + jobs, { missingMax: 0, stallSeconds });
  return resultOf(jobs, beganMs, timesMs);
}

async function oneByOne(runs: number, run: () => Promise<void>): Promise<LoadResult> {
  const timesMs: number[] = [];
  const beganMs = performance.now();
  for (let index = 0; index < runs; index++) {
    const sentMs = performance.now();
    await run();
    timesMs.push(performance.now() - sentMs);
  }
  return resultOf(runs, beganMs, timesMs);
}

/** Resolves when all but so many of the jobs have ended. More than were sent is a fault of the count. */
async function ended(
  door: Door,
  jobs: number,
  { missingMax, stallSeconds }: { readonly missingMax: number; readonly stallSeconds: number },
): Promise<void> {
  let seen = -1;
  let seenMs = performance.now();
  for (;;) {
    const finished = await door.finished();
    if (missingMax === 0 && finished > jobs) throw new Error(`${finished} jobs ended, but ${jobs} were sent`);
    if (jobs - finished <= missingMax) return;
    if (finished !== seen) {
      seen = finished;
      seenMs = performance.now();
    } else if (performance.now() - seenMs > stallSeconds * 1000) {
      throw new Error(`${jobs - finished} of the jobs did not end: nothing ended for ${stallSeconds} s`);
    }
    await Bun.sleep(POLL_MS);
  }
}

function resultOf(jobs: number, beganMs: number, timesMs: readonly number[]): LoadResult {
  const seconds = (performance.now() - beganMs) / 1000;
  const ascending = timesMs.toSorted((a, b) => a - b);
  return { jobs, seconds, p50Ms: percentile(ascending, 0.5), p99Ms: percentile(ascending, 0.99) };
}

/** The smallest time that so large a share of them does not exceed. */
export function percentile(ascending: readonly number[], share: number): number {
  return ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? Number.NaN;
}
