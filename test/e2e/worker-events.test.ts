/** `sendEvent` of our SDK on the compiled program, by each transport. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually, isBuilt, type Program, Server, startWorker } from "./binary.ts";
import { call, submit, waitForEnd, waitUntil } from "./client.ts";

const LIMIT_MS = 60_000;

interface Event {
  readonly event_type: string;
  readonly worker_id: string | null;
  readonly context_snapshot: Readonly<Record<string, unknown>>;
}

async function told(server: Server, id: string): Promise<Event[]> {
  const events = JSON.parse((await call(server, `/api/v1/jobs/${id}/history`)).text) as Event[];
  return events.filter(({ event_type: type }) => type.startsWith("worker_event:"));
}

describe.skipIf(!isBuilt).each([["ws"], ["poll"]])("events of a worker's task, by %s", (transport) => {
  const server = new Server({ blueprints: join(import.meta.dir, "blueprints") });
  let worker: Program;

  beforeAll(async () => {
    await server.start();
    const file = join(import.meta.dir, "workers", "studio.ts");
    worker = startWorker(server, [file], ["--id", "studio", "--transport", transport]);
  }, LIMIT_MS);
  afterAll(async () => {
    await worker.kill();
    await server.remove();
  });

  test(
    "stand in the history, and one that the blueprint waits for takes the job on and ends the task",
    async () => {
      const id = await submit(server, "jobs/filming", { clips: 2, preview: "https://example.com/p.png" });
      const job = await waitForEnd(server, id);

      expect(job).toMatchObject({ status: "finished", state_history: { reviewed: "https://example.com/p.png" } });
      expect((await told(server, id)).map(({ event_type, worker_id }) => [event_type, worker_id])).toEqual([
        ["worker_event:clip", "studio"],
        ["worker_event:clip", "studio"],
        ["worker_event:preview_ready", "studio"],
      ]);
      await eventually("the handler hears that it is over", 10_000, async () =>
        worker.log.includes("after the end: STALE_TASK"),
      );
    },
    LIMIT_MS,
  );

  test.each([
    ["an event that does not fit its schema", { odd: "seven" }, "payload/n expected integer"],
    ["a result that does not fit its schema", { clips: 1, length: "long" }, "data/clips expected integer"],
  ])("%s fails the task as a broken contract", async (_, input, said) => {
    const job = await waitForEnd(server, await submit(server, "jobs/filming", input));
    expect(job.error).toMatchObject({ code: "CONTRACT_VIOLATION_ERROR", message: expect.stringContaining(said) });
  });

  test(
    "reach the server once each and in order, though it is killed in between",
    async () => {
      const clips = 20;
      const id = await submit(server, "jobs/filming", { clips, pauseMs: 30 });
      await eventually("some are told", 20_000, async () => (await told(server, id)).length >= 3);
      await server.kill();
      await server.start();
      await waitUntil(server, id, "the film is done", ({ status }) => status === "finished", 40_000);

      const numbers = (await told(server, id)).map(({ context_snapshot }) => context_snapshot["worker_event"]);
      expect(numbers).toEqual(Array.from({ length: clips }, (_, index) => ({ n: index + 1 })));
    },
    LIMIT_MS,
  );
});
