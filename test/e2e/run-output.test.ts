/** `orchestrator run FILE --worker FILE`: standard output is the job, whatever the user's code prints. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isBuilt, run, temporaryFolder } from "./binary.ts";

const LIMIT_MS = 30_000;

const BLUEPRINT = `import { Blueprint } from "orchestrator";
export default new Blueprint({ name: "telling" }).handlerFor("start", { isStart: true }, (context, actions) => {
  console.log("the blueprint speaks");
  actions.dispatchTask({ taskType: "tell", transitions: { success: "finished", failure: "failed", cancelled: "failed" } });
});
`;
const WORKER = `import { Worker } from "orchestrator/worker";
console.log("the file is loaded");
export default new Worker().task("tell", () => {
  console.log("the task speaks", { loudly: true });
  process.stdout.write("and writes\\n");
  setInterval(() => console.log("it goes on"), 0);
  return { told: true };
});
`;
const PRINTED = ["the file is loaded\n", "the task speaks { loudly: true }\n", "and writes\n"];

describe.skipIf(!isBuilt)("a run whose worker prints", () => {
  test.each([[["--json"]], [[]]])(
    "with %j has on standard output the job alone",
    async (flags) => {
      const folder = temporaryFolder();
      try {
        writeFileSync(join(folder.path, "telling.ts"), BLUEPRINT);
        writeFileSync(join(folder.path, "tell.ts"), WORKER);

        const { exitCode, out, err } = await run(["run", "telling.ts", "--worker", "tell.ts", ...flags], {
          cwd: folder.path,
        });

        expect({ exitCode, err }).toMatchObject({ exitCode: 0 });
        if (flags.length > 0) expect(JSON.parse(out)).toMatchObject({ state_history: { told: true } });
        expect(out).toContain("told");
        for (const text of PRINTED) {
          expect(err).toContain(text);
          expect(out).not.toContain(text);
        }
        expect(out).not.toContain("it goes on");
      } finally {
        folder.remove();
      }
    },
    LIMIT_MS,
  );
});
