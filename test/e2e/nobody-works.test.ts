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
    "a person who cannot be asked ends it at once, and --decide stands in for one",
    async () => {
      const asking = join(import.meta.dir, "..", "..", "blueprints", "02-approval.ts");
      const worker = join(import.meta.dir, "..", "..", "blueprints", "_workers", "02-data.ts");
      const call = ["run", asking, "--worker", worker, "--input", '{"topic": "foxes"}'];
      const alone = await run(call);
      expect(alone.err).toContain("A person has to decide (approved or rejected), and nobody can reach a job of");
      expect(alone.err).not.toContain("outbox list");
      expect(alone.exitCode).toBe(2);
      expect((await run([...call, "--decide", "approved"])).exitCode).toBe(0);
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
