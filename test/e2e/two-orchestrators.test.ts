/** Two servers and one worker: each of the servers may die, the tasks go on, and nothing is done twice. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, isBuilt, Program, Server, temporaryFolder, TOKENS } from "./binary.ts";
import { type JobDocument, submit, waitForEnd, waitForRunningTask } from "./client.ts";

const LIMIT_MS = 60_000;
const TAKE_OVER_MS = 5_000;
const WORKER = join(import.meta.dir, "workers", "durable.ts");
const BLUEPRINTS = join(import.meta.dir, "blueprints");

interface Stage {
  readonly main: Server;
  readonly other: Server;
  readonly worker: Program;
  readonly folder: string;
  /** The same worker once more. */
  startAgain(): Program;
}

interface Given {
  readonly transport: string;
  readonly mode?: string;
}

async function withTwo({ transport, mode = "FAILOVER" }: Given, play: (stage: Stage) => Promise<void>): Promise<void> {
  const folder = temporaryFolder();
  const [main, other] = [new Server({ blueprints: BLUEPRINTS }), new Server({ blueprints: BLUEPRINTS })];
  await Promise.all([main.start(), other.start()]);
  const config = [
    { url: other.url, priority: 2 },
    { url: main.url, priority: 1, token: TOKENS.worker },
  ];
  const environment = {
    ORCHESTRATORS_CONFIG: JSON.stringify(config),
    MULTI_ORCHESTRATOR_MODE: mode,
    WORKER_TOKEN: TOKENS.worker,
    WORKER_ID: "both",
    WORKER_DATA_DIR: join(folder.path, "worker"),
    TASK_POLL_ERROR_DELAY: "0.2",
  };
  const workers: Program[] = [];
  const startAgain = () => {
    const worker = new Program(["worker", WORKER, "--transport", transport], environment, folder.path);
    workers.push(worker);
    return worker;
  };
  try {
    await play({ main, other, worker: startAgain(), folder: folder.path, startAgain });
  } catch (error) {
    const logs = workers.map(({ log }) => log).join("\n---\n");
    throw new Error(`${String(error)}\nThe workers' logs:\n${logs}`, { cause: error });
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()));
    await Promise.all([main.remove(), other.remove()]);
    folder.remove();
  }
}

/** One job to its end; how long that took. */
async function timed(server: Server): Promise<number> {
  const beganMs = performance.now();
  const job = await waitForEnd(server, await submit(server, "jobs/marking", { steps: 1 }), 20_000);
  expect(job.status).toBe("finished");
  return performance.now() - beganMs;
}

/** Each step counted once, and run once. */
function expectOnce(job: JobDocument, marks: string, steps: number): void {
  const all = Array.from({ length: steps }, (_, step) => step);
  expect([job.status, job.state_history["counted"]]).toEqual(["finished", all]);
  const lines = readFileSync(marks, "utf8").trim().split("\n");
  expect(lines.map((line) => Number(line.split(" ")[0])).toSorted((one, two) => one - two)).toEqual(all);
}

describe.skipIf(!isBuilt).each([["ws"], ["poll"]])("one worker at two orchestrators, by %s", (transport) => {
  test(
    "one is killed and the tasks of the other go on within 5 s; it starts again and is used again; nothing is lost or done twice",
    () =>
      withTwo({ transport }, async ({ main, other, folder, worker }) => {
        await timed(main);
        const marks = join(folder, "marks");
        const held = await submit(main, "jobs/marking", { steps: 3, ms: 1500, marks });
        await waitForRunningTask(main, held);
        await main.kill();

        expect(await timed(other)).toBeLessThan(TAKE_OVER_MS);
        // The task of the one that is away ends meanwhile: its result waits.
        await Bun.sleep(1500);
        expect(await timed(other)).toBeLessThan(TAKE_OVER_MS);
        await main.start();

        expectOnce(await waitForEnd(main, held, 20_000), marks, 3);
        await eventually("the main one is used again", 10_000, async () =>
          worker.log.slice(worker.log.lastIndexOf("gives the tasks now")).includes(main.url),
        );
        expect(await timed(main)).toBeLessThan(TAKE_OVER_MS);
        expect(await worker.kill("SIGTERM")).toBe(0);
      }),
    LIMIT_MS,
  );

  test(
    "one stands still and the tasks of the other go on; when it goes on so does its own task",
    () =>
      withTwo({ transport }, async ({ main, other, folder }) => {
        await timed(main);
        const marks = join(folder, "marks");
        const held = await submit(main, "jobs/marking", { steps: 2, ms: 1000, marks });
        await waitForRunningTask(main, held);
        main.freeze();

        expect(await timed(other)).toBeLessThan(transport === "ws" ? TAKE_OVER_MS + 2_000 : 2 * TAKE_OVER_MS);
        main.thaw();
        expectOnce(await waitForEnd(main, held, 20_000), marks, 2);
      }),
    LIMIT_MS,
  );

  test(
    "one is away and the worker is killed as well: the result of its task waits on disk, and is handed in when both are back",
    () =>
      withTwo({ transport }, async ({ main, other, folder, worker, startAgain }) => {
        await timed(main);
        const marks = join(folder, "marks");
        const held = await submit(main, "jobs/marking", { steps: 1, ms: 700, marks });
        await waitForRunningTask(main, held);
        await main.kill();
        expect(await timed(other)).toBeLessThan(TAKE_OVER_MS);
        await Bun.sleep(1000);
        await worker.kill();
        const second = startAgain();
        expect(await timed(other)).toBeLessThan(TAKE_OVER_MS);
        await main.start();

        expectOnce(await waitForEnd(main, held, 20_000), marks, 1);
        expect(second.log).toContain("results of an earlier start are handed in");
      }),
    LIMIT_MS,
  );

  test(
    "in turns both are served at once, and the death of one does not hold up the other",
    () =>
      withTwo({ transport, mode: "ROUND_ROBIN" }, async ({ main, other, folder }) => {
        await Promise.all([timed(main), timed(other)]);
        const marks = join(folder, "marks");
        const long = await submit(other, "jobs/marking", { steps: 20, ms: 100, marks });
        await waitForRunningTask(other, long);
        await main.kill();
        expectOnce(await waitForEnd(other, long, 10_000), marks, 20);
      }),
    LIMIT_MS,
  );
});
