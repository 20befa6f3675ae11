/** What becomes of tasks in hand when their worker dies, drains or stands still, over both transports. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually, isBuilt, Server } from "./binary.ts";
import { call, type JobDocument, read, submit, waitForEnd, waitForRunningTask } from "./client.ts";
import { SHORT_TIMES } from "./crash/campaign.ts";
import { Fleet } from "./crash/fleet.ts";
import type { WorkerId } from "./crash/plan.ts";

const LIMIT_MS = 60_000;
/** Below the 4 s that a task of the load may take. */
const TASK_MS = 2500;
/** Minutes until the server takes a worker that only polls for gone. */
const USUAL_TIMES = { LOG_LEVEL: "warn" };

interface Stage {
  readonly server: Server;
  readonly fleet: Fleet;
  /** A job whose task the first worker has in hand. */
  readonly id: string;
}

async function withTaskInHand(
  first: WorkerId,
  play: (stage: Stage) => Promise<void>,
  environment: Readonly<Record<string, string>> = SHORT_TIMES,
): Promise<void> {
  const server = new Server({ blueprints: join(import.meta.dir, "crash", "blueprints"), environment });
  await server.start();
  const fleet = new Fleet(server, [first]);
  try {
    const id = await submit(server, "jobs/counting", { steps: 1, ms: TASK_MS });
    await waitForRunningTask(server, id);
    await play({ server, fleet, id });
  } finally {
    server.thaw();
    await fleet.end();
    await server.remove();
  }
}

/** The job ended well, after so many attempts, the last one by this worker; the result counted once. */
async function expectEnd({ server, id }: Stage, attempts: number, worker: WorkerId): Promise<JobDocument> {
  const job = await waitForEnd(server, id, 30_000);
  expect([job.status, job.state_history["counted"], job.state_history["attempts_max"]]).toEqual([
    "finished",
    [0],
    attempts,
  ]);
  expect(await workersOf(server, id)).toEqual(attempts === 1 ? [worker] : [expect.any(String), worker]);
  return job;
}

/** Who ended each attempt, or was lost with it. */
async function workersOf(server: Server, id: string): Promise<string[]> {
  const { text } = await call(server, `/api/v1/jobs/${id}/history`);
  const events = JSON.parse(text) as { readonly event_type: string; readonly worker_id: string }[];
  return events.filter((event) => event.event_type === "task_finished").map((event) => event.worker_id);
}

describe.skipIf(!isBuilt).each([
  ["stream", "stream-1", "stream-2"],
  ["poll", "poll-1", "poll-2"],
] as const)("a worker with tasks in hand, by %s", (_, first, second) => {
  test.concurrent(
    "that is killed loses its attempt, and another worker does the task again",
    () =>
      withTaskInHand(first, async (stage) => {
        stage.fleet.start(second);
        await stage.fleet.kill(first);
        await expectEnd(stage, 2, second);
      }),
    LIMIT_MS,
  );

  test.concurrent(
    "that is killed and comes back under its name does it again itself",
    () =>
      withTaskInHand(first, async (stage) => {
        await stage.fleet.kill(first);
        stage.fleet.start(first);
        await expectEnd(stage, 2, first);
      }),
    LIMIT_MS,
  );

  test.concurrent(
    "that is killed and comes back under its name does it again within seconds, with the server's own times too",
    () =>
      withTaskInHand(
        first,
        async (stage) => {
          await stage.fleet.kill(first);
          stage.fleet.start(first);
          await expectEnd(stage, 2, first);
        },
        USUAL_TIMES,
      ),
    LIMIT_MS,
  );

  test.concurrent(
    "that is killed with its server does it again once both are back, and nothing is burned",
    () =>
      withTaskInHand(
        first,
        async (stage) => {
          await Promise.all([stage.server.kill(), stage.fleet.kill(first)]);
          await stage.server.start();
          stage.fleet.start(first);
          await expectEnd(stage, 1, first);
        },
        USUAL_TIMES,
      ),
    LIMIT_MS,
  );

  test.concurrent(
    "that is drained hands it back, and nothing is burned",
    () =>
      withTaskInHand(first, async (stage) => {
        stage.fleet.start(second);
        expect(await stage.fleet.drain(first)).toBe(0);
        await expectEnd(stage, 1, second);
      }),
    LIMIT_MS,
  );

  test.concurrent(
    "that stands still past the task's time is replaced, and what it says late changes nothing",
    () =>
      withTaskInHand(first, async (stage) => {
        stage.fleet.start(second);
        const frozen = stage.fleet.freeze(first, 9_000);
        const before = await expectEnd(stage, 2, second);
        await frozen;
        await stage.fleet.kill(second);
        // It is of use again: the next job is its own, and by then all that it had to say was said.
        const after = await submit(stage.server, "jobs/counting", { steps: 1 });
        expect((await waitForEnd(stage.server, after, 30_000)).status).toBe("finished");
        expect(await read(stage.server, stage.id)).toEqual(before);
      }),
    LIMIT_MS,
  );

  test.concurrent(
    "keeps it while the server stands still for longer than the task may take",
    () =>
      withTaskInHand(first, async (stage) => {
        stage.fleet.start(second);
        stage.server.freeze();
        await Bun.sleep(6_000);
        stage.server.thaw();
        await expectEnd(stage, 1, first);
        await eventually("the server has noticed", 5_000, async () => stage.server.log.includes("stood still"));
      }),
    LIMIT_MS,
  );

  test.concurrent(
    "keeps it while the server is killed and started again",
    () =>
      withTaskInHand(first, async (stage) => {
        await stage.server.kill();
        await stage.server.start();
        await expectEnd(stage, 1, first);
      }),
    LIMIT_MS,
  );
});
