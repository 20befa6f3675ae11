/**
 * How one server bears very many workers that wait: `bun run crowd --polling 2000 --streaming 2000`.
 * All are idle at first; then jobs come, a few hundred a second, and the time is taken from a job's
 * creation to the moment when its task is with a worker. In the end the server is killed while all are
 * busy, and all come back at once.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { percentile } from "./bench/load/workloads.ts";
import { endWithoutLeftovers } from "./bench/sides/program.ts";
import { readCommandLine, wholeNumber } from "./command-line.ts";
import { Crowd } from "./scale/crowd.ts";
import { ScaledServer } from "./scale/server.ts";
import { storm, type StormReport } from "./scale/storm.ts";
import { isBuilt } from "../test/e2e/binary.ts";

const IDLE_SECONDS = 20;
const LOAD_SECONDS = 10;
const LAST_MS = 3_000;
const STORM_MS = 60_000;

const HELP = `How one server bears very many workers that wait, work, and come back all at once after it was killed.

Usage: bun run crowd [--polling N] [--streaming N] [--rate N]

  --polling N    workers that poll (2000)
  --streaming N  workers that stream (2000)
  --rate N       new jobs a second, of each kind (100)

Example: bun run crowd --polling 500 --streaming 500`;

const values = readCommandLine(HELP, {
  polling: { type: "string", default: "2000" },
  streaming: { type: "string", default: "2000" },
  rate: { type: "string", default: "100" },
});
const polling = wholeNumber("polling", values.polling, 0);
const streaming = wholeNumber("streaming", values.streaming, 0);
const rate = wholeNumber("rate", values.rate, 0);
if (!isBuilt) process.exit(2);

endWithoutLeftovers();
const folder = mkdtempSync(join(tmpdir(), "orchestrator-crowd-"));
const server = new ScaledServer(folder);
const gotMs = new Map<string, number>();
const deliveries = new Map<string, number>();

try {
  await server.start();
  const before = server.residentBytes;
  const crowd = new Crowd({
    port: server.port,
    token: server.workerToken,
    polling,
    streaming,
    got(jobId, atMs) {
      deliveries.set(jobId, (deliveries.get(jobId) ?? 0) + 1);
      if (!gotMs.has(jobId)) gotMs.set(jobId, atMs);
    },
  });
  const beganMs = performance.now();
  await crowd.come();
  say(
    "connected",
    `${crowd.registered} polling, ${crowd.welcomed} streaming in ${seconds(performance.now() - beganMs)} s`,
  );
  await Bun.sleep(2_000);
  const cpu = server.cpuSeconds;
  await Bun.sleep(IDLE_SECONDS * 1000);
  say("idle CPU", `${(((server.cpuSeconds - cpu) / IDLE_SECONDS) * 100).toFixed(1)} % of a core`);
  say("memory", `${megabytes(server.residentBytes)} MB, ${megabytes(before)} MB without workers`);
  for (const kinds of [["polled"], ["streamed"], ["polled", "streamed"]]) await deliver(kinds);
  say("memory", `${megabytes(server.residentBytes)} MB after the jobs`);
  const report = await storm({ server, crowd, deliveries, gotMs, rate, limitMs: STORM_MS });
  tellStorm(report);
  crowd.leave();
  if (report.finished !== report.jobs || report.countedTwice + report.burned > 0) process.exitCode = 1;
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

function tellStorm({ jobs, finished, before, during, after, ...it }: StormReport): void {
  say(
    "killed, and all come back",
    `started after ${seconds(it.downMs)} s; from then: first answer ${seconds(it.firstAnswerMs)} s, all in ${seconds(it.allBackMs)} s, all done ${seconds(it.allDoneMs)} s`,
  );
  say(
    "",
    `${jobs} jobs, ${jobs - finished} lost, ${it.countedTwice} counted twice, ${it.burned} with an attempt burned, ${it.handedOutAgain} handed out again`,
  );
  for (const [when, { jobs: count, p50Ms, p99Ms }] of Object.entries({ before, during, after })) {
    say("", `new jobs ${when}: ${count}, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms to delivery`);
  }
  const [back, all] = [it.cpuSecondsBack.toFixed(1), it.cpuSeconds.toFixed(1)];
  say("", `${back} s of a core until all were in, ${all} s until all was done, ${it.peakMegabytes} MB at most`);
}

async function deliver(kinds: readonly string[]): Promise<void> {
  const cpu = server.cpuSeconds;
  const asked = await Promise.all(kinds.map((kind) => server.trickle(kind, rate, LOAD_SECONDS)));
  await Bun.sleep(LAST_MS);
  const used = (server.cpuSeconds - cpu) / LOAD_SECONDS;
  for (const [index, jobs] of asked.entries()) {
    const times = [...jobs].flatMap(([id, askedMs]) => (gotMs.has(id) ? [(gotMs.get(id) ?? 0) - askedMs] : []));
    const ascending = times.toSorted((a, b) => a - b);
    const [p50, p99] = [percentile(ascending, 0.5), percentile(ascending, 0.99)].map((ms) => ms.toFixed(2));
    const missing = jobs.size - times.length;
    const doubled = [...jobs.keys()].filter((id) => (deliveries.get(id) ?? 0) > 1).length;
    const text = `p50 ${p50} ms, p99 ${p99} ms to delivery, ${jobs.size} jobs, ${missing} not delivered, ${doubled} twice`;
    say(
      `${kinds[index]}${kinds.length > 1 ? " (with the others)" : ""}`,
      `${text}, ${(used * 100).toFixed(0)} % of a core`,
    );
  }
}

function say(what: string, text: string): void {
  console.log(`${what.padEnd(28)} ${text}`);
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
