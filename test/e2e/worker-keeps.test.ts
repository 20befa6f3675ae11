/** What a worker keeps: its lease while a handler blocks it, its result while it is killed. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, isBuilt, Program, run, Server, temporaryFolder, TOKENS } from "./binary.ts";
import { call, submit, waitForEnd, waitForRunningTask } from "./client.ts";

const LIMIT_MS = 60_000;
const WORKER = join(import.meta.dir, "workers", "durable.ts");

interface Stage {
  readonly server: Server;
  readonly folder: string;
  start(id: string, flags?: readonly string[], environment?: Readonly<Record<string, string>>): Program;
}

async function withServer(environment: Record<string, string>, play: (stage: Stage) => Promise<void>): Promise<void> {
  const folder = temporaryFolder();
  const server = new Server({ blueprints: join(import.meta.dir, "blueprints"), environment });
  await server.start();
  const workers: Program[] = [];
  const start: Stage["start"] = (id, flags = [], more = {}) => {
    const where = {
      ORCHESTRATOR_URL: server.url,
      WORKER_TOKEN: TOKENS.worker,
      WORKER_DATA_DIR: join(folder.path, "kept"),
    };
    const worker = new Program(["worker", WORKER, ...flags], { ...where, WORKER_ID: id, ...more }, folder.path);
    workers.push(worker);
    return worker;
  };
  try {
    await play({ server, folder: folder.path, start });
  } catch (error) {
    const logs = workers.map(({ log }) => log).join("\n---\n");
    throw new Error(`${String(error)}\nThe workers' logs:\n${logs}`, { cause: error });
  } finally {
    server.thaw();
    await Promise.all(workers.map((worker) => worker.kill()));
    await server.remove();
    folder.remove();
  }
}

async function attemptsOf(server: Server, id: string): Promise<number> {
  const { text } = await call(server, `/api/v1/jobs/${id}/history`);
  const events = JSON.parse(text) as { attempt_number: number | null }[];
  return Math.max(...events.map(({ attempt_number: attempt }) => attempt ?? 1));
}

const marksIn = (path: string) => readFileSync(path, "utf8").trim().split("\n");

describe.skipIf(!isBuilt)("a worker whose handler blocks its thread", () => {
  test(
    "keeps the task for longer than a silent worker would, and gets nothing more meanwhile",
    () =>
      withServer({ WORKER_HEALTH_CHECK_INTERVAL_SECONDS: "2" }, async ({ server, folder, start }) => {
        const alone = { WORKER_ENABLE_WEBSOCKETS: "false", HEARTBEAT_INTERVAL: "0.5" };
        start("blocked", ["--transport", "poll", "--concurrency", "1"], alone);
        const marks = join(folder, "marks");
        const id = await submit(server, "jobs/marking", { steps: 1, ms: 9_000, marks, blocks: true });
        await waitForRunningTask(server, id);
        start("other", ["--transport", "poll"], alone);

        expect((await waitForEnd(server, id, 20_000)).status).toBe("finished");
        expect(marksIn(marks)).toEqual(["0 blocked"]);
        expect(await attemptsOf(server, id)).toBe(1);
      }),
    LIMIT_MS,
  );

  test(
    "loses the task where it blocks for longer than it may: another worker gets it, and the log names it",
    () =>
      withServer({ WORKER_HEALTH_CHECK_INTERVAL_SECONDS: "2" }, async ({ server, folder, start }) => {
        const alone = { WORKER_ENABLE_WEBSOCKETS: "false", HEARTBEAT_INTERVAL: "0.5", WORKER_STALL_SECONDS: "3" };
        const blocked = start("blocked", ["--transport", "poll", "--concurrency", "1"], alone);
        const marks = join(folder, "marks");
        const id = await submit(server, "jobs/marking", { steps: 1, ms: 40_000, marks, blocks: "blocked" });
        await waitForRunningTask(server, id);
        await eventually("the worker says so", 10_000, async () => blocked.log.includes("WORKER_STALLED"));
        expect(blocked.log).toMatch(/blocked the worker's thread for 3 s.*"tasks":\["mark"\]/);
        start("other", ["--transport", "poll"], alone);

        await eventually("the other one has it", 20_000, async () => marksIn(marks).length === 2);
        expect(marksIn(marks)).toEqual(["0 blocked", "0 other"]);
        expect(await attemptsOf(server, id)).toBe(2);
      }),
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt).each([["ws"], ["poll"]])(
  "a worker that is killed after its task and before the answer, by %s",
  (transport) => {
    test(
      "hands the result in when it starts again, and the task is not run twice",
      () =>
        withServer({}, async ({ server, folder, start }) => {
          const first = start("phoenix", ["--transport", transport]);
          const marks = join(folder, "marks");
          const id = await submit(server, "jobs/marking", { steps: 1, ms: 700, marks });
          await waitForRunningTask(server, id);
          server.freeze();
          const kept = () =>
            readdirSync(join(folder, "kept")).map((name) => readFileSync(join(folder, "kept", name), "utf8"));
          await eventually("the result is on disk", 10_000, async () => kept().some((text) => text.includes('"task"')));
          await first.kill();
          expect(kept().join()).not.toContain(TOKENS.worker);

          const second = start("phoenix", ["--transport", transport]);
          await eventually("the result was found", 10_000, async () => second.log.includes("of an earlier start"));
          server.thaw();

          expect((await waitForEnd(server, id, 20_000)).status).toBe("finished");
          expect(marksIn(marks)).toHaveLength(1);
          expect(await attemptsOf(server, id)).toBe(1);
          expect(await second.kill("SIGTERM")).toBe(0);
          expect(readdirSync(join(folder, "kept"))).toEqual([]);
        }),
      LIMIT_MS,
    );
  },
);

describe.skipIf(!isBuilt)("a worker's settings", () => {
  test.each<[string, Record<string, string>, string]>([
    ["a list of orchestrators that is no JSON", { ORCHESTRATORS_CONFIG: "[{" }, "ORCHESTRATORS_CONFIG is no JSON"],
    ["one with a misspelled field", { ORCHESTRATORS_CONFIG: '[{"url":"http://a","tokn":"t"}]' }, "did you mean token?"],
    ["a mode that is none", { MULTI_ORCHESTRATOR_MODE: "BOTH" }, "Give FAILOVER or ROUND_ROBIN"],
    ["a health port that is none", { WORKER_PORT: "http" }, "WORKER_PORT is "],
    ["a certificate that is not there", { TLS_CA_PATH: "/none.pem" }, "TLS_CA_PATH names /none.pem"],
  ])("%s ends it with exit code 2 and says which", async (_, environment, sentence) => {
    const { exitCode, err } = await run(["worker", WORKER], { environment });
    expect([exitCode, err]).toEqual([2, expect.stringContaining(sentence)]);
  });

  test("a token that is refused ends it with exit code 4 and names its variable, and not its text", async () => {
    await withServer({}, async ({ server }) => {
      for (const [name, flags] of [
        ["AVTOMATIKA_WORKER_TOKEN", []],
        ["--token", ["--token", "mistaken"]],
      ] as const) {
        const environment: Record<string, string> = name === "--token" ? {} : { [name]: "mistaken" };
        const argv = ["worker", WORKER, "--url", server.url, ...flags];
        const { exitCode, err } = await run(argv, { environment });
        expect([exitCode, err]).toEqual([4, expect.stringContaining(`The token of ${name} was not accepted`)]);
        expect(err).not.toContain("mistaken");
      }
    });
  });

  test(
    "lines of an --env-file reach the worker: it serves the list of orchestrators that stands there",
    async () => {
      await withServer({}, async ({ server, folder }) => {
        const file = join(folder, "worker.env");
        const list = JSON.stringify([{ url: server.url, token: TOKENS.worker }]);
        writeFileSync(file, `ORCHESTRATORS_CONFIG='${list}'\nWORKER_ID=listed\nWORKER_DATA_DIR=${folder}\n`);
        const worker = new Program(["worker", WORKER, "--env-file", file], {}, folder);
        try {
          expect((await waitForEnd(server, await submit(server, "jobs/marking", {}))).status).toBe("finished");
        } finally {
          await worker.kill();
        }
      });
    },
    LIMIT_MS,
  );
});
