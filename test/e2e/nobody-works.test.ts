import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { isBuilt, run, Program, eventually, temporaryFolder } from "./binary.ts";

const LIMIT_MS = 60_000;
const blueprint = join(import.meta.dir, "blueprints", "counting.ts");

describe.skipIf(!isBuilt)("run, when nobody can do the work", () => {
  test(
    "a worker file that is broken ends it with exit code 2",
    async () => {
      const { exitCode, err } = await run(["run", blueprint, "--worker", "nope.ts", "--input", '{"steps": 1}']);
      expect(err).toContain("nope.ts");
      expect(exitCode).toBe(2);
    },
    LIMIT_MS,
  );

  test(
    "without a worker it says what to give, and waits",
    async () => {
      const folder = temporaryFolder();
      const program = new Program(["run", blueprint, "--input", '{"steps": 1}'], {}, folder.path);
      try {
        await eventually("it says so", 20_000, async () =>
          program.log.includes("no connected worker takes count: give --worker FILE"),
        );
        expect(program.hasEnded).toBe(false);
      } finally {
        await program.kill("SIGTERM");
        folder.remove();
      }
    },
    LIMIT_MS,
  );
});
