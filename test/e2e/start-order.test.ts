import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { eventually, isBuilt, Program, run, Server, temporaryFolder } from "./binary.ts";

const LIMIT_MS = 60_000;
const workerFile = join(import.meta.dir, "workers", "counting.ts");
const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

function folder(): string {
  const made = temporaryFolder();
  cleanups.push(made.remove);
  return made.path;
}

describe.skipIf(!isBuilt)("a worker that is there before its server", () => {
  test.each([
    ["names the data folder", ["--data-dir", "data"]],
    ["names nothing", []],
  ])(
    "waits for the local door, when it %s",
    async (_, flags) => {
      const cwd = folder();
      const dataDir = join(cwd, "data");
      mkdirSync(dataDir);
      const worker = new Program(["worker", workerFile, ...flags], {}, cwd);
      cleanups.push(async () => void (await worker.kill()));
      await eventually("the worker has tried", 10_000, async () => worker.log.includes("no connection"));

      const server = await new Server({ dataDir, blueprints: join(import.meta.dir, "blueprints") }).start();
      cleanups.push(() => server.remove());

      await eventually("the worker is connected", 20_000, async () => worker.log.includes("connected to the"));
    },
    LIMIT_MS,
  );

  test(
    "ends with exit code 3 if the named folder never comes",
    async () => {
      const { exitCode, err } = await run(["worker", workerFile, "--data-dir", "/none/at/all"], { cwd: folder() });
      expect(err).toContain("There is no folder /none/at/all, and none came in 3 s");
      expect(exitCode).toBe(3);
    },
    LIMIT_MS,
  );
});
