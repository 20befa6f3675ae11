/**
 * A server that is killed while each worker of a crowd has a task in hand and as many more wait, and
 * that is started again: all workers come back at once, and meanwhile new jobs go on coming. What was
 * accepted has to end, each job once, and with the attempt that it had.
 */
import { openConnection } from "../bench/load/connection.ts";
import type { Crowd } from "./crowd.ts";
import { type Deliveries, Newcomers } from "./newcomers.ts";
import type { ScaledServer } from "./server.ts";

export interface StormReport {
  readonly jobs: number;
  readonly finished: number;
  /** Jobs with more than one result in their history, or with an attempt that was burned. */
  readonly countedTwice: number;
  readonly burned: number;
  /** Jobs whose task was handed out more than once: it was on its way when the server died. */
  readonly handedOutAgain: number;
  /** From the kill to the start of the new process: so long it took all workers to have noticed. */
  readonly downMs: number;
  /** From the start of the new process: to its first answer, until every worker is in again, until the last job has ended. */
  readonly firstAnswerMs: number;
  readonly allBackMs: number;
  readonly allDoneMs: number;
  /** Of the new jobs: those of the calm before, of the time until all were back, and of the time after. */
  readonly before: Deliveries;
  readonly during: Deliveries;
  readonly after: Deliveries;
  readonly peakMegabytes: number;
  /** Of the new process, until every worker was in again, and in all. */
  readonly cpuSecondsBack: number;
  readonly cpuSeconds: number;
}

export interface StormOptions {
  readonly server: ScaledServer;
  readonly crowd: Crowd;
  /** How often each job's task came to a worker, and when it first did. */
  readonly deliveries: ReadonlyMap<string, number>;
  readonly gotMs: ReadonlyMap<string, number>;
  /** New jobs a second, of each kind. */
  readonly rate: number;
  readonly limitMs: number;
}

const WORK_MS = { least: 2_000, most: 6_000 };
/** More than they can do until the kill: there is a line before them, and what comes new goes ahead of it. */
const EACH = 3;
const CALM_MS = 3_000;
const AFTER_MS = 5_000;
const LOOK_MS = 100;
const JUDGES = 8;

export async function storm({ server, crowd, rate, limitMs, ...counted }: StormOptions): Promise<StormReport> {
  const { polling, streaming } = crowd.options;
  const { clientToken, port } = server;
  crowd.workMs = () => WORK_MS.least + Math.random() * (WORK_MS.most - WORK_MS.least);
  const finishedBefore = await server.finished();
  const kinds = [...(polling > 0 ? ["polled"] : []), ...(streaming > 0 ? ["streamed"] : [])];
  const url = `http://127.0.0.1:${port}`;
  const waitingBefore = await server.waiting();
  const added = [server.add("polled", EACH * polling), server.add("streamed", EACH * streaming)];
  const bulk = (await Promise.all(added)).flat();
  await until("all jobs have begun", limitMs, async () => {
    const [waiting, finished] = [await server.waiting(), await server.finished()];
    return waiting - waitingBefore + finished - finishedBefore >= bulk.length;
  });
  const newcomers = new Newcomers({ url, clientToken, kinds, rate, gotMs: counted.gotMs });
  await Bun.sleep(CALM_MS);
  newcomers.phase = "during";
  const killedMs = performance.now();
  await server.kill();
  await until("all workers have lost it", limitMs, async () => crowd.registered + crowd.welcomed === 0);

  const beganMs = performance.now();
  const { firstAnswerMs } = await server.start();
  await until("all workers are back", limitMs, async () => crowd.isWhole);
  const allBackMs = performance.now() - beganMs;
  const cpuSecondsBack = server.cpuSeconds;
  newcomers.phase = "after";
  await Bun.sleep(AFTER_MS);
  await newcomers.end();
  const ids = [...bulk, ...newcomers.ids];
  const isDone = async () => (await server.finished()) - finishedBefore >= ids.length;
  await until("all jobs have ended", limitMs, isDone).catch(() => undefined);
  const allDoneMs = performance.now() - beganMs;
  crowd.workMs = () => 0;
  const { cpuSeconds, peakBytes } = server;
  return {
    jobs: ids.length,
    ...(await judge(server, ids)),
    handedOutAgain: ids.filter((id) => (counted.deliveries.get(id) ?? 0) > 1).length,
    downMs: beganMs - killedMs,
    firstAnswerMs,
    allBackMs,
    allDoneMs,
    before: newcomers.deliveries("before"),
    during: newcomers.deliveries("during"),
    after: newcomers.deliveries("after"),
    peakMegabytes: Math.round(peakBytes / 1024 / 1024),
    cpuSecondsBack,
    cpuSeconds,
  };
}

interface HistoryEvent {
  readonly event_type: string;
  readonly attempt_number: number | null;
}

/** By what the server says of each job that it had accepted. */
async function judge({ port, clientToken }: ScaledServer, ids: readonly string[]) {
  const left = [...ids];
  let [finished, countedTwice, burned] = [0, 0, 0];
  const look = async (): Promise<void> => {
    const connection = await openConnection(port, `X-Client-Token: ${clientToken}\r\n`);
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      const events = JSON.parse(await connection.get(`/api/v1/jobs/${id}/history`)) as readonly HistoryEvent[];
      const results = events.filter(({ event_type: type }) => type === "task_finished");
      if (events.some(({ event_type: type }) => type === "job_completed")) finished += 1;
      if (results.length > 1) countedTwice += 1;
      if (results.some(({ attempt_number: attempt }) => attempt !== 1)) burned += 1;
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: JUDGES }, look));
  return { finished, countedTwice, burned };
}

async function until(what: string, limitMs: number, holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (performance.now() < endMs) {
    if (await holds()) return;
    await Bun.sleep(LOOK_MS);
  }
  throw new Error(`not within ${limitMs / 1000} s: ${what}`);
}
