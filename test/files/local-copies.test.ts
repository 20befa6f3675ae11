import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLocalCopies } from "../../src/files/job-files.ts";
import type { LogLine } from "../../src/system/log.ts";
import { createRealSystem } from "../../src/system/real.ts";

let folder = "";
let lines: LogLine[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "copies-"));
  lines = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function copiesIn(path: string) {
  const { log } = createRealSystem({ write: (line) => lines.push(line) });
  return createLocalCopies(path, log);
}

function keep(jobId: string): void {
  mkdirSync(join(folder, jobId, "deep"), { recursive: true });
  writeFileSync(join(folder, jobId, "deep", "a.txt"), "a");
}

async function untilGone(path: string): Promise<void> {
  const endMs = performance.now() + 3_000;
  while (existsSync(path) && performance.now() < endMs) await Bun.sleep(2);
  expect(existsSync(path)).toBe(false);
}

test("what a job left here goes with its end, and a job that left nothing is no trouble", async () => {
  keep("job-1");
  keep("job-2");
  const copies = copiesIn(folder);
  copies.remove("job-1");
  copies.remove("job-3");
  await untilGone(join(folder, "job-1"));
  expect(readdirSync(folder)).toEqual(["job-2"]);
  expect(lines).toEqual([]);
});

test("what a crash left is swept at the next start: only of jobs that are over, never another server's", async () => {
  for (const jobId of ["over", "open", "of-another-server"]) keep(jobId);
  await copiesIn(folder).sweep(async (jobId) => jobId === "over");
  expect(readdirSync(folder).toSorted()).toEqual(["of-another-server", "open"]);
});

test("a folder that is not there, or cannot be read, keeps nobody from starting", async () => {
  await copiesIn(join(folder, "never-made")).sweep(async () => true);
  expect(lines).toEqual([]);
  writeFileSync(join(folder, "a-file"), "");
  chmodSync(join(folder, "a-file"), 0o600);
  await copiesIn(join(folder, "a-file")).sweep(async () => true);
  expect(lines.map(({ level }) => level)).toEqual(["warn"]);
});
