/** `orchestrator worker FILE --watch`: a change of a file reaches the tasks, and costs none of them anything. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, isBuilt, Program, Server, temporaryFolder, TOKENS } from "./binary.ts";
import { submit, waitForEnd, waitForRunningTask } from "./client.ts";

const LIMIT_MS = 60_000;

describe.skipIf(!isBuilt)("a watched worker", () => {
  test(
    "runs new tasks with what a file says now, ends the old ones first, and goes on when the file is broken",
    async () => {
      const folder = temporaryFolder();
      const server = await new Server({ blueprints: join(import.meta.dir, "blueprints") }).start();
      const [file, library, marks] = ["worker.ts", "lib.ts", "marks"].map((name) => join(folder.path, name));
      if (!file || !library || !marks) throw new Error("there are three paths");
      const version = (name: string) => writeFileSync(library, `export const version = "${name}";\n`);
      version("one");
      writeFileSync(
        file,
        `import { appendFile } from "node:fs/promises";
import { Worker } from "orchestrator/worker";
import { version } from "./lib.ts";
export default new Worker().task("mark", async ({ step, ms = 5, marks }) => {
  await appendFile(marks, version + "\\n");
  await Bun.sleep(ms);
  return { step };
});\n`,
      );
      const environment = { ORCHESTRATOR_URL: server.url, WORKER_TOKEN: TOKENS.worker };
      const worker = new Program(["worker", file, "--watch"], environment, folder.path);
      const job = async (ms = 5) => submit(server, "jobs/marking", { steps: 1, ms, marks });
      const seen = () => readFileSync(marks, "utf8").trim().split("\n");
      try {
        expect((await waitForEnd(server, await job())).status).toBe("finished");
        const long = await job(1500);
        await waitForRunningTask(server, long);
        version("two");
        await eventually("the change is seen", 10_000, async () => worker.log.includes("a worker file has changed"));
        expect((await waitForEnd(server, long)).status).toBe("finished");
        expect((await waitForEnd(server, await job())).status).toBe("finished");
        expect(seen()).toEqual(["one", "one", "two"]);

        writeFileSync(library, "export const version = {{{");
        await eventually("the mistake is named", 10_000, async () => worker.log.includes("the version before goes on"));
        expect(worker.log).toContain("lib.ts:1:");
        expect((await waitForEnd(server, await job())).status).toBe("finished");
        version("three");
        await eventually("it is mended", 10_000, async () => {
          await waitForEnd(server, await job());
          return seen().at(-1) === "three";
        });

        // Its output stays open as long as anything of it lives: a worker that nobody watches ends by itself.
        const beganMs = performance.now();
        await worker.kill("SIGKILL");
        expect(performance.now() - beganMs).toBeLessThan(10_000);
      } catch (error) {
        throw new Error(`${String(error)}\nThe worker's log:\n${worker.log}`, { cause: error });
      } finally {
        await worker.kill("SIGKILL");
        await server.remove();
        folder.remove();
      }
    },
    LIMIT_MS,
  );

  test(
    "whose file never ends loading is mended by the next change, and can be stopped before it",
    async () => {
      const folder = temporaryFolder();
      const server = await new Server({ blueprints: join(import.meta.dir, "blueprints") }).start();
      const file = join(folder.path, "worker.ts");
      const write = (first: string) =>
        writeFileSync(
          file,
          `import { Worker } from "orchestrator/worker";\n${first}\nexport default new Worker().task("mark", ({ step }) => ({ step }));\n`,
        );
      const loading = join(folder.path, "loading");
      write(`await Bun.write(${JSON.stringify(loading)}, "now"); await new Promise(() => {});`);
      const environment = { ORCHESTRATOR_URL: server.url, WORKER_TOKEN: TOKENS.worker };
      const workers: Program[] = [];
      const begin = (...flags: string[]) => {
        const worker = new Program(["worker", file, ...flags], environment, folder.path);
        workers.push(worker);
        return worker;
      };
      try {
        const alone = begin();
        await eventually("it is loading", 10_000, async () => existsSync(loading));
        expect(await alone.kill("SIGTERM")).toBe(0);

        rmSync(loading);
        const watched = begin("--watch");
        await eventually("it is loading", 10_000, async () => existsSync(loading));
        write("");
        const id = await submit(server, "jobs/marking", { steps: 1 });
        expect((await waitForEnd(server, id, 20_000)).status).toBe("finished");
        expect(await watched.kill("SIGTERM")).toBe(0);
      } finally {
        await Promise.all(workers.map((worker) => worker.kill()));
        await server.remove();
        folder.remove();
      }
    },
    LIMIT_MS,
  );

  test(
    "ends in order with exit code 0 when it is told to",
    async () => {
      const server = await new Server({ blueprints: join(import.meta.dir, "blueprints") }).start();
      const file = join(import.meta.dir, "workers", "durable.ts");
      const flags = ["worker", file, "--watch", "--url", server.url, "--token", TOKENS.worker, "--id", "watched"];
      const worker = new Program(flags, { WORKER_DATA_DIR: `${server.dataDir}-workers` }, import.meta.dir);
      await eventually("it is connected", 15_000, async () => worker.log.includes("connected to the orchestrator"));

      expect(worker.log).toContain("watched");
      expect(await worker.kill("SIGTERM")).toBe(0);
      expect(worker.log).toContain("worker stopped");
      await server.remove();
    },
    LIMIT_MS,
  );
});
