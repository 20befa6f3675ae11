import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, isBuilt, Program, temporaryFolder } from "./binary.ts";

const LIMIT_MS = 30_000;

const BLUEPRINT = `import { Blueprint } from "orchestrator";
export default new Blueprint({ name: "napping" }).handlerFor("start", { isStart: true }, (context, actions) => {
  actions.dispatchTask({ taskType: "nap", transitions: { success: "finished", failure: "failed", cancelled: "failed" } });
});
`;
/** Its task hears nothing and never ends. */
const WORKER = `import { Worker } from "orchestrator/worker";
export default new Worker({}).task("nap", () => new Promise(() => undefined));
`;

describe.skipIf(!isBuilt)("a run that its user stops", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let program: Program;

  beforeEach(() => {
    folder = temporaryFolder();
    writeFileSync(join(folder.path, "napping.ts"), BLUEPRINT);
    writeFileSync(join(folder.path, "nap.ts"), WORKER);
    program = new Program(["run", "napping.ts", "--worker", "nap.ts"], { TMPDIR: folder.path }, folder.path);
  });

  afterEach(async () => {
    await program.kill();
    folder.remove();
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "ends at %s, whatever its tasks do, and says that and nothing else",
    async (signal) => {
      await eventually("the task runs", 15_000, async () => program.log.includes("task_dispatched"));
      const before = program.log.length;

      process.kill(program.pid, signal);

      // A worker of its own would let its task go on for half a minute.
      await eventually("it ends", 10_000, async () => program.hasEnded);
      expect(await program.kill()).toBe(1);
      const said = program.log.slice(before);
      expect(said).toContain("error: The run was stopped before the job ended.");
      expect(said).not.toContain("connection");
      expect(said).not.toContain("orchestrator serve");
      expect([...new Bun.Glob("orchestrator-run-*").scanSync({ cwd: folder.path, onlyFiles: false })]).toEqual([]);
    },
    LIMIT_MS,
  );
});
