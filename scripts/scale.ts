/**
 * How one server bears very many waiting jobs: `bun run scale --jobs 1000000 [--folder DIR] [--json]`.
 * Fills a store with jobs that wait for a worker that never comes, starts the compiled server on it
 * again, and measures what that takes, beside a store with nothing in it. Linux only.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endWithoutLeftovers } from "./bench/sides/program.ts";
import { ScaledServer } from "./scale/server.ts";
import { isBuilt } from "../test/e2e/binary.ts";
import { readCommandLine, wholeNumber } from "./command-line.ts";

const BATCH_JOBS = 2_000;
const CALLERS = 2;
const SINGLES = 300;
const REST_MS = 15_000;

const HELP = `How one server bears very many waiting jobs: its store is filled, and it is started on that again.

Usage: bun run scale [--jobs N] [--folder DIR] [--json]

  --jobs N      so many that wait for a worker which never comes (200000)
  --folder DIR  where the store lies meanwhile (the folder for temporary files)
  --json        one line of JSON at the end, and nothing else

Example: bun run scale --jobs 1000000`;

const values = readCommandLine(HELP, {
  jobs: { type: "string", default: "200000" },
  folder: { type: "string", default: tmpdir() },
  json: { type: "boolean", default: false },
});
const jobs = wholeNumber("jobs", values.jobs);
if (!isBuilt) process.exit(2);

endWithoutLeftovers();
const folder = mkdtempSync(join(values.folder, "orchestrator-scale-"));
const server = new ScaledServer(folder);
const figures: Record<string, number> = { jobs };

function note(name: string, value: number, unit: string): void {
  figures[name] = value;
  if (!values.json) console.log(`${name.padEnd(28)} ${value < 10 ? value.toFixed(2) : Math.round(value)} ${unit}`);
}

const megabytes = (bytes: number) => bytes / 1024 / 1024;

try {
  const empty = await server.start();
  note("empty_first_answer", empty.firstAnswerMs, "ms");
  note("empty_ready", empty.readyMs, "ms");
  note("empty_resident", megabytes(server.residentBytes), "MB");
  await server.medianOfNewJobs(SINGLES);
  note("empty_new_job_p50", await server.medianOfNewJobs(SINGLES), "ms");
  note("fill", await server.fill(jobs, BATCH_JOBS, CALLERS), "s");
  note("filled_peak", megabytes(server.peakBytes), "MB");
  await Bun.sleep(REST_MS);
  note("filled_resident", megabytes(server.residentBytes), "MB");
  note("filled_new_job_p50", await server.medianOfNewJobs(SINGLES), "ms");
  await server.stop();
  note("store", megabytes(statSync(join(folder, "data", "store.db")).size), "MB");

  const again = await server.start();
  note("restart_first_answer", again.firstAnswerMs, "ms");
  note("restart_first_job", again.firstJobMs, "ms");
  note("restart_ready", again.readyMs, "ms");
  note("restart_resident_at_ready", megabytes(server.residentBytes), "MB");
  note("restart_peak", megabytes(server.peakBytes), "MB");
  await Bun.sleep(REST_MS);
  note("restart_resident", megabytes(server.residentBytes), "MB");
  await server.medianOfNewJobs(SINGLES);
  note("restart_new_job_p50", await server.medianOfNewJobs(SINGLES), "ms");
  note("restart_resident_in_use", megabytes(server.residentBytes), "MB");
  if (values.json) console.log(JSON.stringify(figures));
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
