import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRunLog, runKey } from "../../src/handlers/run-log.ts";
import { createLog, type LogLine, silentLog } from "../../src/system/log.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "orchestrator-runs-"));
  path = join(folder, "running.log");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** As a new process finds the file. */
function reopen(bytesMax?: number) {
  const runLog = openRunLog({ path, log: silentLog, ...(bytesMax !== undefined && { bytesMax }) });
  return { runLog, found: Object.fromEntries(runLog.read()) };
}

const one = { jobId: "job-1", state: "start" };
const two = { jobId: "job-2", state: 'a "state"\nwith a line end' };

describe("the run log", () => {
  test("knows nothing where there is no file", () => {
    expect(reopen().found).toEqual({});
  });

  test("finds what was running when the process died, and not what had ended", () => {
    const { runLog } = reopen();
    runLog.begin(one, false);
    runLog.begin(two, false);
    runLog.flush();
    runLog.end(one);
    runLog.flush();

    expect(reopen().found).toEqual({ [runKey(two)]: { crashes: 0, interrupted: 1 } });
  });

  test("charges a death to what ran alone, and adds it up over further deaths", () => {
    for (let deaths = 1; deaths <= 3; deaths++) {
      const { runLog } = reopen();
      runLog.begin(one, true);
      runLog.flush();
      expect(reopen().found).toMatchObject({ [runKey(one)]: { crashes: deaths } });
      runLog.flush();
      // The death of the process that only looked, while nothing ran, adds nothing.
      expect(reopen().found).toMatchObject({ [runKey(one)]: { crashes: deaths } });
    }
  });

  test("suspects nothing after a clean end, but still knows what killed a process", () => {
    const first = reopen().runLog;
    first.begin(one, true);
    first.begin(two, false);
    first.flush();
    reopen().runLog.close();

    expect(reopen().found).toEqual({ [runKey(one)]: { crashes: 1, interrupted: 0 } });
  });

  test("forgets a suspicion once the run has ended", () => {
    const first = reopen().runLog;
    first.begin(one, true);
    first.flush();
    const second = reopen().runLog;
    second.begin(one, true);
    second.end(one);
    second.flush();

    expect(reopen().found).toEqual({});
  });

  test("reads a file whose end was torn off", async () => {
    const { runLog } = reopen();
    runLog.begin(one, false);
    runLog.begin(two, false);
    runLog.flush();
    const text = await Bun.file(path).text();
    await Bun.write(path, text.slice(0, -3));

    expect(reopen().found).toEqual({ [runKey(one)]: { crashes: 0, interrupted: 1 } });
  });

  test("stays small, and keeps what is open", async () => {
    const { runLog } = reopen(1_000);
    runLog.begin(two, false);
    for (let index = 0; index < 500; index++) {
      const run = { jobId: `job-${index}`, state: "start" };
      runLog.begin(run, false);
      runLog.end(run);
      runLog.flush();
    }

    expect((await stat(path)).size).toBeLessThan(2_000);
    expect(reopen().found).toEqual({ [runKey(two)]: { crashes: 0, interrupted: 1 } });
  });

  test("says once that it cannot be written, and goes on", () => {
    const lines: LogLine[] = [];
    const runLog = openRunLog({ path: "/proc/nothing/running.log", log: createLog((line) => lines.push(line)) });

    expect(runLog.read().size).toBe(0);
    for (let index = 0; index < 3; index++) {
      runLog.begin(one, false);
      runLog.flush();
    }

    expect(lines).toHaveLength(1);
    expect(lines[0]?.level).toBe("error");
  });
});
