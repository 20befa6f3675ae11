/** Handlers that misbehave: each costs its own task an error with a name, and the worker goes on. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually, isBuilt, type Program, Server, startWorker } from "./binary.ts";
import { submit, waitForEnd } from "./client.ts";

const LIMIT_MS = 60_000;

interface Case {
  readonly task: string;
  readonly input?: object;
  readonly code: string;
  readonly says: string;
}

const CASES: readonly Case[] = [
  { task: "throws_text", code: "TRANSIENT_ERROR", says: "out of paint" },
  { task: "throws_nothing", code: "TRANSIENT_ERROR", says: "undefined" },
  { task: "throws_what_has_no_text", code: "TRANSIENT_ERROR", says: "cannot be shown" },
  { task: "throws_5_mb", code: "TRANSIENT_ERROR", says: "yyy" },
  { task: "keeps_a_circle", code: "TRANSIENT_ERROR", says: "A checkpoint cannot be written as JSON" },
  { task: "throws_later", code: "TRANSIENT_ERROR", says: "late" },
  { task: "returns_20_mb", code: "PERMANENT_ERROR", says: "larger than 10 MB" },
  { task: "returns_a_circle", code: "PERMANENT_ERROR", says: "cannot be written as JSON" },
  { task: "returns_a_bigint", code: "PERMANENT_ERROR", says: "cannot be written as JSON" },
  { task: "returns_a_text", code: "PERMANENT_ERROR", says: "it returned a string: return an object" },
  { task: "wants_a_number", code: "INVALID_INPUT_ERROR", says: "/width" },
  { task: "wants_a_number", input: { width: "wide" }, code: "INVALID_INPUT_ERROR", says: "/width expected integer" },
  { task: "never_returns", input: { seconds: 1 }, code: "TIMEOUT_ERROR", says: "within the task's time" },
  { task: "blocks", input: { seconds: 1 }, code: "TIMEOUT_ERROR", says: "within the task's time" },
];

describe.skipIf(!isBuilt).each([["ws"], ["poll"]])("handlers that misbehave, by %s", (transport) => {
  const server = new Server({ blueprints: join(import.meta.dir, "blueprints") });
  let worker: Program;
  let pid: unknown;
  const ask = async () => {
    const job = await waitForEnd(server, await submit(server, "jobs/bad_tasks", { task: "pid" }));
    return job.state_history["pid"];
  };

  beforeAll(async () => {
    await server.start();
    const file = join(import.meta.dir, "workers", "bad.ts");
    worker = startWorker(server, [file], ["--id", "patient", "--transport", transport]);
    pid = await ask();
  }, LIMIT_MS);
  afterAll(async () => {
    await worker.kill();
    await server.remove();
  });

  for (const { task, input = {}, code, says } of CASES) {
    test(
      `${task} ${JSON.stringify(input)} is ${code}, and the worker goes on`,
      async () => {
        const job = await waitForEnd(server, await submit(server, "jobs/bad_tasks", { task, ...input }));
        expect(job.current_state).toBe("failed");
        expect(job.error?.message.length).toBeLessThan(5_000);
        expect(job.error).toMatchObject({ code, message: expect.stringContaining(says) });
        expect(await ask()).toBe(pid);
      },
      LIMIT_MS,
    );
  }

  test(
    "odd progress and odd lines of the log fail nothing, and the connection stays",
    async () => {
      const job = await waitForEnd(server, await submit(server, "jobs/bad_tasks", { task: "says_odd_things" }));
      expect(job).toMatchObject({ status: "finished", state_history: { ok: true } });
      await eventually("the log says so", 5_000, async () => worker.log.includes("progress is told as a number"));
      expect(worker.log).toContain("odd fields");
      expect(worker.log).not.toContain("no connection to the orchestrator");
      expect(await ask()).toBe(pid);
    },
    LIMIT_MS,
  );

  test(
    "nothing returned is a success, and a promise that nobody waits for is a line in the log",
    async () => {
      const done = await Promise.all(
        ["returns_nothing", "forgets_to_wait"].map(async (task) =>
          waitForEnd(server, await submit(server, "jobs/bad_tasks", { task })),
        ),
      );
      expect(done.map(({ status }) => status)).toEqual(["finished", "finished"]);
      await eventually("the log says so", 5_000, async () => worker.log.includes("nobody waits for this"));
      expect(await ask()).toBe(pid);
    },
    LIMIT_MS,
  );
});
