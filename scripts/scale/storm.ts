/**
 * A server that is killed while each worker of a crowd has a task in hand and as many more wait, and
 * that is started again: all workers come back at once. What was accepted has to end, each job once.
 */
import type { Crowd } from "./crowd.ts";
import type { ScaledServer } from "./server.ts";

export interface StormReport {
  readonly jobs: number;
  readonly finished: number;
  /** Jobs whose task was handed out more than once: it was on its way when the server died. */
  readonly handedOutAgain: number;
  /** From the start of the new process until every worker is in again. */
  readonly allBackMs: number;
  /** And until the last job has ended. */
  readonly allDoneMs: number;
  readonly peakMegabytes: number;
  readonly cpuSeconds: number;
}

export interface StormOptions {
  readonly server: ScaledServer;
  readonly crowd: Crowd;
  /** How often each job's task came to a worker. */
  readonly deliveries: ReadonlyMap<string, number>;
  readonly limitMs: number;
}

const WORK_MS = { least: 500, most: 2_500 };
const KILL_AFTER_MS = 800;
const LOOK_MS = 100;

export async function storm({ server, crowd, deliveries, limitMs }: StormOptions): Promise<StormReport> {
  const { polling, streaming } = crowd.options;
  crowd.workMs = () => WORK_MS.least + Math.random() * (WORK_MS.most - WORK_MS.least);
  const before = await server.finished();
  const ids = (await Promise.all([server.add("polled", 2 * polling), server.add("streamed", 2 * streaming)])).flat();
  await Bun.sleep(KILL_AFTER_MS);
  await server.kill();
  await until("all workers have lost it", limitMs, async () => crowd.registered + crowd.welcomed === 0);

  const beganMs = performance.now();
  await server.start();
  await until("all workers are back", limitMs, async () => crowd.isWhole);
  const allBackMs = performance.now() - beganMs;
  const ended = async () => (await server.finished()) - before;
  await until("all jobs have ended", limitMs, async () => (await ended()) >= ids.length).catch(() => undefined);
  const allDoneMs = performance.now() - beganMs;
  crowd.workMs = () => 0;
  return {
    jobs: ids.length,
    finished: await ended(),
    handedOutAgain: ids.filter((id) => (deliveries.get(id) ?? 0) > 1).length,
    allBackMs,
    allDoneMs,
    peakMegabytes: Math.round(server.peakBytes / 1024 / 1024),
    cpuSeconds: server.cpuSeconds,
  };
}

async function until(what: string, limitMs: number, holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (performance.now() < endMs) {
    if (await holds()) return;
    await Bun.sleep(LOOK_MS);
  }
  throw new Error(`not within ${limitMs / 1000} s: ${what}`);
}
