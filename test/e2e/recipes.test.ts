import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { exampleWorkers, examples, isBuilt, Server, startWorker, TOKENS } from "./binary.ts";
import { call, cancel, read, submit, waitForEnd, waitForRunningTask, waitUntil } from "./client.ts";

const LIMIT_MS = 60_000;

interface Case {
  readonly name: string;
  readonly endpoint: string;
  readonly input: object;
  readonly status: string;
  readonly state: string;
  readonly result?: object;
}

const ENDS: readonly Case[] = [
  {
    name: "recipe 1 finishes with the worker's data",
    endpoint: "jobs/simple_flow",
    input: { name: "Ada", seconds: 0.1 },
    status: "finished",
    state: "finished",
    result: { greeting: "Hello, Ada!" },
  },
  {
    name: "recipe 1 fails with a permanent error, into quarantine",
    endpoint: "jobs/simple_flow",
    input: { broken: true },
    status: "quarantined",
    state: "failed",
  },
  {
    name: "recipe 2 goes its way when nobody decides in time",
    endpoint: "jobs/moderation_flow",
    input: { topic: "foxes", timeout_seconds: 0.3 },
    status: "finished",
    state: "nobody_decided",
  },
  {
    name: "recipe 2 fails when there is nothing to decide about",
    endpoint: "jobs/moderation_flow",
    input: {},
    status: "failed",
    state: "failed",
  },
  {
    name: "recipe 3 brings both branches together",
    endpoint: "jobs/parallel_example",
    input: { seconds: 0.1 },
    status: "finished",
    state: "end",
    result: { branches: 2, outputs: ["DATA_FOR_A", "DATA_FOR_B"] },
  },
  {
    name: "recipe 3 fails at once when one branch fails, the other cancelled",
    endpoint: "jobs/parallel_example",
    input: { seconds: 20, broken: "A" },
    status: "quarantined",
    state: "failed",
  },
  {
    name: "recipe 5 processes English",
    endpoint: "jobs/multilingual_flow",
    input: { language: "en", text: "the quick fox" },
    status: "finished",
    state: "finished",
    result: { language: "en", words: 2 },
  },
  {
    name: "recipe 5 processes German",
    endpoint: "jobs/multilingual_flow",
    input: { language: "de", text: "der schnelle Fuchs" },
    status: "finished",
    state: "finished",
    result: { language: "de", nouns: 1 },
  },
  {
    name: "recipe 5 takes the handler without a condition for any other language",
    endpoint: "jobs/multilingual_flow",
    input: { language: "xx" },
    status: "finished",
    state: "not_supported",
  },
  {
    name: "recipe 5 fails on input that the worker refuses",
    endpoint: "jobs/multilingual_flow",
    input: { language: "en" },
    status: "failed",
    state: "failed",
  },
  {
    name: "recipe 6 finishes",
    endpoint: "jobs/critical_flow",
    input: { number: 97, seconds: 0.1 },
    status: "finished",
    state: "finished",
    result: { number: 97, prime: true },
  },
  {
    name: "recipe 6 fails",
    endpoint: "jobs/critical_flow",
    input: { number: -1 },
    status: "failed",
    state: "failed",
  },
  {
    name: "recipe 7 finishes",
    endpoint: "jobs/priority_flow",
    input: { label: "one" },
    status: "finished",
    state: "finished",
    result: { label: "one" },
  },
  {
    name: "recipe 7 fails",
    endpoint: "jobs/priority_flow",
    input: { broken: true },
    status: "quarantined",
    state: "failed",
  },
  {
    name: "recipe 9 gives the job its number",
    endpoint: "jobs/analytics",
    input: {},
    status: "finished",
    state: "finished",
    result: { request_number: 1 },
  },
  {
    name: "recipe 9 counts nothing for a job whose handler fails, into quarantine",
    endpoint: "jobs/analytics",
    input: { broken: true },
    status: "quarantined",
    state: "start",
  },
  {
    name: "recipe 9 goes on with the next number",
    endpoint: "jobs/analytics",
    input: {},
    status: "finished",
    state: "finished",
    result: { request_number: 2 },
  },
  {
    name: "recipe 13 finishes with a good key",
    endpoint: "jobs/error_handling",
    input: { api_key: "good" },
    status: "finished",
    state: "finished_successfully",
    result: { answer: 42, attempts: 1 },
  },
  {
    name: "recipe 13 tries a transient error again",
    endpoint: "jobs/error_handling",
    input: { api_key: "flaky" },
    status: "finished",
    state: "finished_successfully",
    result: { answer: 42, attempts: 3 },
  },
  {
    name: "recipe 13 gives up after its attempts, into quarantine",
    endpoint: "jobs/error_handling",
    input: { api_key: "down" },
    status: "quarantined",
    state: "handle_failure",
    result: { advice: "somebody has to look at it" },
  },
  {
    name: "recipe 13 puts a permanent error into quarantine at once",
    endpoint: "jobs/error_handling",
    input: { api_key: "expired" },
    status: "quarantined",
    state: "handle_failure",
    result: { advice: "somebody has to look at it", code: "PERMANENT_ERROR" },
  },
  {
    name: "recipe 13 fails at once on invalid input",
    endpoint: "jobs/error_handling",
    input: {},
    status: "failed",
    state: "handle_failure",
    result: { advice: "send better input", code: "INVALID_INPUT_ERROR" },
  },
  {
    name: "recipe 15 sorts data of type A",
    endpoint: "jobs/conditional_flow",
    input: { type: "A", values: [3, 1, 2] },
    status: "finished",
    state: "finished",
    result: { sorted: [1, 2, 3] },
  },
  {
    name: "recipe 15 adds up data of type B",
    endpoint: "jobs/conditional_flow",
    input: { type: "B", values: [3, 1, 2] },
    status: "finished",
    state: "finished",
    result: { sum: 6 },
  },
  {
    name: "recipe 15 fails on data that the worker refuses",
    endpoint: "jobs/conditional_flow",
    input: { type: "A" },
    status: "failed",
    state: "failed",
  },
  {
    name: "recipe 15 fails on data of any other type",
    endpoint: "jobs/conditional_flow",
    input: { type: "C", values: [1] },
    status: "failed",
    state: "failed",
  },
  {
    name: "recipe 10 finishes when nobody calls it off",
    endpoint: "jobs/cancellable",
    input: { frames: 3 },
    status: "finished",
    state: "finished_successfully",
    result: { frames_done: 3 },
  },
  {
    name: "recipe 10 fails on params that do not fit the task's schema",
    endpoint: "jobs/cancellable",
    input: { frames: -1 },
    status: "failed",
    state: "task_failed",
  },
  {
    name: "recipe 11 finishes with an update for each epoch",
    endpoint: "jobs/training",
    input: { epochs: 3 },
    status: "finished",
    state: "finished",
    result: { epochs: 3, first_epoch: 1 },
  },
  {
    name: "recipe 11 goes on at its checkpoint after an attempt that failed",
    endpoint: "jobs/training",
    input: { epochs: 4, fails_at: 3 },
    status: "finished",
    state: "finished",
    result: { epochs: 4, first_epoch: 3 },
  },
  {
    name: "recipe 11 fails without data, into quarantine",
    endpoint: "jobs/training",
    input: { broken: true },
    status: "quarantined",
    state: "failed",
  },
];

describe.skipIf(!isBuilt)("the recipes, with a worker", () => {
  const server = new Server();
  let worker: ReturnType<typeof startWorker> | undefined;

  beforeAll(async () => {
    await server.start();
    worker = startWorker(server, exampleWorkers());
  }, LIMIT_MS);
  afterAll(async () => {
    await worker?.kill();
    await server.remove();
  });

  for (const { name, endpoint, input, status, state, result } of ENDS) {
    test(
      name,
      async () => {
        const job = await waitForEnd(server, await submit(server, endpoint, input));
        expect(job).toMatchObject({ status, current_state: state });
        if (result !== undefined) expect(job.result).toMatchObject(result);
      },
      LIMIT_MS,
    );
  }

  test.each([
    ["recipe 1", "jobs/simple_flow", { seconds: 30 }, "cancelled"],
    ["recipe 2", "jobs/moderation_flow", { topic: "foxes", seconds: 30 }, "cancelled"],
    ["recipe 3", "jobs/parallel_example", { seconds: 30 }, "cancelled"],
    ["recipe 6", "jobs/critical_flow", { seconds: 30 }, "cancelled"],
    ["recipe 13", "jobs/error_handling", { api_key: "slow" }, "cancelled"],
    ["recipe 15, type A", "jobs/conditional_flow", { type: "A", values: [], seconds: 30 }, "cancelled"],
    ["recipe 15, type B", "jobs/conditional_flow", { type: "B", values: [], seconds: 30 }, "cancelled"],
    ["recipe 10", "jobs/cancellable", { frames: 1000 }, "task_cancelled"],
    ["recipe 11", "jobs/training", { epochs: 1000 }, "cancelled"],
  ])(
    "%s is cancelled while its worker is at it",
    async (_, endpoint, input, state) => {
      const id = await submit(server, endpoint, input);
      await waitForRunningTask(server, id);
      expect((await cancel(server, id)).status).toBe(200);
      expect(await waitForEnd(server, id)).toMatchObject({ status: "cancelled", current_state: state });
      expect((await cancel(server, id)).status).toBe(409);
    },
    LIMIT_MS,
  );

  // By Telegram, links and commands: see approvals.test.ts.
  test.each([
    ["approved", "finished"],
    ["rejected", "rejected_by_moderator"],
  ])(
    "recipe 2 goes where a person says: %s",
    async (decision, state) => {
      const id = await submit(server, "jobs/moderation_flow", { topic: "foxes" });
      await waitUntil(server, id, "it waits for a person", ({ status }) => status === "waiting_for_human");
      const path = `/api/v1/jobs/${id}/decision`;
      const answer = await call(server, path, { method: "POST", body: JSON.stringify({ decision }) });
      expect(answer.status).toBe(200);
      expect(await waitForEnd(server, id)).toMatchObject({ status: "finished", current_state: state });
    },
    LIMIT_MS,
  );

  test(
    "recipe 11 keeps each update as it was sent, and shows the last one while it runs",
    async () => {
      // Three seconds of it: whoever looks has time to see it run, also where many tests share a processor.
      const epochs = 60;
      const id = await submit(server, "jobs/training", { epochs });
      await waitUntil(
        server,
        id,
        "progress is seen",
        ({ progress, status }) => (progress ?? 0) > 0 && status !== "finished",
      );
      const { state_history: history } = await waitForEnd(server, id);
      const updates = history["progress_updates"] as { progress: number; message: string; timestamp: string }[];
      expect(updates.map(({ progress }) => progress)).toEqual(
        Array.from({ length: epochs }, (_, index) => (index + 1) / epochs),
      );
      expect(updates[0]).toMatchObject({ message: "epoch 1 of 60", timestamp: expect.any(String) });
    },
    LIMIT_MS,
  );

  test(
    "recipe 1 shows its progress while it runs",
    async () => {
      const id = await submit(server, "jobs/simple_flow", { seconds: 2 });
      const job = await waitUntil(server, id, "progress is seen", ({ progress }) => (progress ?? 0) > 0);
      expect(job.progress).toBeGreaterThan(0);
      expect(job.status).toBe("waiting_for_worker");
      expect((await waitForEnd(server, id)).status).toBe("finished");
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("the recipes, before a worker is there", () => {
  const server = new Server();
  beforeAll(async () => void (await server.start()), LIMIT_MS);
  afterAll(() => server.remove());

  test.each([
    ["recipe 1", "jobs/simple_flow", {}],
    ["recipe 2", "jobs/moderation_flow", { topic: "foxes" }],
    ["recipe 3", "jobs/parallel_example", {}],
    ["recipe 5, English", "jobs/multilingual_flow", { language: "en", text: "x" }],
    ["recipe 5, German", "jobs/multilingual_flow", { language: "de", text: "x" }],
    ["recipe 6", "jobs/critical_flow", {}],
    ["recipe 7", "jobs/priority_flow", {}],
    ["recipe 13", "jobs/error_handling", {}],
    ["recipe 11", "jobs/training", {}],
  ])(
    "%s waits, says so, and is cancelled at once",
    async (_, endpoint, input) => {
      const id = await submit(server, endpoint, input);
      const waiting = await waitUntil(server, id, "it waits", ({ status }) => status.startsWith("waiting_for_"));
      expect(waiting.tasks?.every(({ status }) => status === "queued")).toBe(true);
      expect((await cancel(server, id)).status).toBe(200);
      expect(await waitForEnd(server, id)).toMatchObject({ status: "cancelled", current_state: "cancelled" });
    },
    LIMIT_MS,
  );

  test(
    "recipe 7: what is urgent overtakes what waits, and equals keep their order",
    async () => {
      const ids: string[] = [];
      for (const label of ["a", "b", "c"]) ids.push(await submit(server, "jobs/priority_flow", { label }));
      ids.push(await submit(server, "jobs/priority_flow", { label: "urgent", is_urgent: true }));
      for (const id of ids) await waitUntil(server, id, "it waits", ({ status }) => status === "waiting_for_worker");
      const worker = startWorker(server, [join(examples, "_workers", "07-computation.ts")]);
      const jobs = await Promise.all(ids.map((id) => waitForEnd(server, id)));
      await worker.kill();
      const inOrder = jobs.toSorted((one, other) => placeOf(one) - placeOf(other));
      expect(inOrder.map(({ state_history: history }) => history["label"])).toEqual(["urgent", "a", "b", "c"]);
    },
    LIMIT_MS,
  );
});

function placeOf(job: { readonly state_history: Readonly<Record<string, unknown>> }): number {
  return Number(job.state_history["place"]);
}

describe.skipIf(!isBuilt)("recipe 16: a worker changes one field of what it announced", () => {
  const server = new Server();
  beforeAll(async () => void (await server.start()), LIMIT_MS);
  afterAll(() => server.remove());

  const worker = (method: string, path: string, body?: object) =>
    call(server, `/_worker/${path}`, {
      method,
      headers: { "x-worker-token": TOKENS.worker },
      ...(body && { body: JSON.stringify(body) }),
    });

  test.each([["workers/patched"], ["workers/patched/status"]])(
    "PATCH /_worker/%s answers with the whole record, in which nothing else has changed",
    async (path) => {
      const announced = { worker_id: "patched", worker_type: "cpu", supported_tasks: ["paint"], cost_per_second: 0.2 };
      await worker("POST", "workers/register", announced);
      expect((await worker("PATCH", path, { load: 3 })).body).toMatchObject({ ...announced, load: 3 });
      expect((await worker("PATCH", path, { cost_per_second: 0.1 })).body).toMatchObject({
        ...announced,
        load: 3,
        cost_per_second: 0.1,
      });
      expect((await worker("PATCH", path)).body).toEqual({ status: "ttl_refreshed" });
    },
    LIMIT_MS,
  );

  test("a worker that is not known is told so, and a field of the wrong kind is named", async () => {
    expect(await worker("PATCH", "workers/nobody/status", { load: 1 })).toMatchObject({
      status: 404,
      body: { error: "Worker not found" },
    });
    await worker("POST", "workers/register", { worker_id: "patched", supported_tasks: ["paint"] });
    const wrong = await worker("PATCH", "workers/patched/status", { load: "high" });
    expect([wrong.status, wrong.text]).toEqual([422, expect.stringContaining("/load")]);
  });
});

describe.skipIf(!isBuilt)("a job and the end of its server", () => {
  const server = new Server();
  let worker: ReturnType<typeof startWorker> | undefined;
  beforeAll(async () => {
    await server.start();
    worker = startWorker(server, exampleWorkers());
  }, LIMIT_MS);
  afterAll(async () => {
    await worker?.kill();
    await server.remove();
  });

  test(
    "a kill -9 in the middle of a task costs the job nothing, not even an attempt",
    async () => {
      const id = await submit(server, "jobs/simple_flow", { name: "Ada", seconds: 3 });
      await waitForRunningTask(server, id);
      await server.kill();
      await server.start();
      expect(await waitForEnd(server, id)).toMatchObject({ status: "finished", result: { greeting: "Hello, Ada!" } });
      const { text } = await call(server, `/api/v1/jobs/${id}/history`);
      const events = JSON.parse(text) as { event_type: string; attempt_number: number | null }[];
      expect(Math.max(...events.map(({ attempt_number: attempt }) => attempt ?? 1))).toBe(1);
    },
    LIMIT_MS,
  );

  test(
    "SIGTERM stops it in order within 10 s with exit code 0, and the job goes on afterwards",
    async () => {
      const id = await submit(server, "jobs/simple_flow", { seconds: 3 });
      await waitForRunningTask(server, id);
      const beganMs = performance.now();
      expect(await server.stop()).toBe(0);
      expect(performance.now() - beganMs).toBeLessThan(10_000);
      await server.start();
      expect((await waitForEnd(server, id)).status).toBe("finished");
      expect(await read(server, id)).toMatchObject({ current_state: "finished" });
    },
    LIMIT_MS,
  );
});
