import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { isBuilt, Server, TOKENS } from "./binary.ts";
import { type Answer, call, read, submit, waitForEnd } from "./client.ts";

const LIMIT_MS = 60_000;
const MIB = 1024 * 1024;

describe.skipIf(!isBuilt)("requests that are wrong", () => {
  const server = new Server({ blueprints: join(import.meta.dir, "blueprints") });
  beforeAll(async () => void (await server.start()), LIMIT_MS);
  afterAll(() => server.remove());

  const post = (body: string, path = "/api/v1/jobs/counting") => call(server, path, { method: "POST", body });

  test.each<[string, string, readonly number[]]>([
    ["is empty text that is not JSON", "{", [400]],
    ["is an array", "[1,2]", [400]],
    ["is a text", '"text"', [400]],
    ["is a number", "42", [400]],
    ["has initial data that is no object", '{"initial_data": [1]}', [400, 422]],
    ["is too large", JSON.stringify({ text: "x".repeat(13 * MIB) }), [413]],
    ["is too deep", `{"deep":${"[".repeat(50_000)}${"]".repeat(50_000)}}`, [400, 413, 422]],
  ])("a body that %s is refused in the one form of errors", async (_, body, statuses) => {
    const answer = await post(body);
    expect(statuses).toContain(answer.status);
    expectRefusal(answer);
  });

  test.each([
    ["a NUL character", '{"text":"a\\u0000b"}', "a\u0000b"],
    ["a lone surrogate", '{"text":"a\\ud800b"}', "a\ud800b"],
    ["a huge whole number", '{"text":"x","number":12345678901234567890}', "x"],
    ["an odd key", '{"text":"x","__proto__":{"polluted":true}}', "x"],
  ])("%s is refused at the door or kept whole, and the server goes on", async (_, body, kept) => {
    const answer = await post(body);
    if (answer.status === 202) {
      const job = await call(server, `/api/v1/jobs/${String(answer.body["job_id"])}`);
      expect(job.body["initial_data"]).toMatchObject({ text: kept });
    } else {
      expect([400, 422]).toContain(answer.status);
      expectRefusal(answer);
    }
    expect((await call(server, "/_public/status")).status).toBe(200);
  });

  test.each([
    ["an unknown blueprint", "POST", "/api/v1/jobs/no_such_flow", [404, 405]],
    ["a job id that is none", "GET", "/api/v1/jobs/not-an-id", [404]],
    ["a job id that nobody has", "GET", "/api/v1/jobs/01993c6e-7c1a-7000-8000-000000000000", [404]],
    ["the history of such a job", "GET", "/api/v1/jobs/01993c6e-7c1a-7000-8000-000000000000/history", [404]],
    ["the events of such a job", "GET", "/api/v1/jobs/01993c6e-7c1a-7000-8000-000000000000/events", [404]],
    ["cancelling such a job", "POST", "/api/v1/jobs/01993c6e-7c1a-7000-8000-000000000000/cancel", [404]],
    ["a path that is none", "GET", "/no/such/path", [404]],
  ] as const)("%s is not found", async (_, method, path, statuses) => {
    const answer = await call(server, path, { method, ...(method === "POST" && { body: "{}" }) });
    expect(statuses as readonly number[]).toContain(answer.status);
    expectRefusal(answer);
  });

  test.each([
    ["no token", {}],
    ["a wrong token", { "x-client-token": "wrong" }],
    ["a worker's token", { "x-client-token": TOKENS.worker }],
  ])("%s is 401, and says nothing of the job", async (_, headers) => {
    const id = await submit(server, "jobs/counting", { steps: 1 });
    const response = await fetch(`${server.url}/api/v1/jobs/${id}`, { headers });
    expect(response.status).toBe(401);
    expect(await response.text()).not.toContain("counting_flow");
  });
});

describe.skipIf(!isBuilt)("results that must not count", () => {
  const server = new Server({ blueprints: join(import.meta.dir, "blueprints") });
  beforeAll(async () => void (await server.start()), LIMIT_MS);
  afterAll(() => server.remove());

  const headers = { "x-worker-token": TOKENS.worker };
  const asWorker = (path: string, method: string, body?: object) =>
    call(server, `/_worker${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });

  async function takeTask(workerId: string): Promise<{ job_id: string; task_id: string }> {
    await asWorker("/workers/register", "POST", {
      worker_id: workerId,
      supported_tasks: ["count"],
      max_concurrent_tasks: 5,
    });
    const answer = await asWorker(`/workers/${workerId}/tasks/next`, "GET");
    expect(answer.status).toBe(200);
    return answer.body as { job_id: string; task_id: string };
  }

  const result = (worker: string, task: { job_id: string; task_id: string }, data: object) =>
    asWorker("/tasks/result", "POST", { worker_id: worker, ...task, result: { status: "success", data } });

  test("for an unknown job", async () => {
    const answer = await result(
      "w1",
      { job_id: "01993c6e-7c1a-7000-8000-000000000000", task_id: "01993c6e-7c1a-7000-8000-000000000001" },
      {},
    );
    expect([200, 404]).toContain(answer.status);
    if (answer.status === 200) expect(answer.body).toMatchObject({ status: "ignored", reason: "job_not_found" });
  });

  test(
    "by another worker, then twice by the right one: it counts once",
    async () => {
      const id = await submit(server, "jobs/counting", { steps: 1 });
      const task = { ...(await takeTask("right")) };
      const ids = { job_id: task.job_id, task_id: task.task_id };
      expect(ids.job_id).toBe(id);

      const wrong = await result("other", ids, { step: "forged" });
      expect(wrong.body).toMatchObject({ status: "ignored" });
      expect((await result("right", ids, { step: 0 })).body).toEqual({ status: "result_accepted_success" });
      const job = await waitForEnd(server, id);
      const second = await result("right", ids, { step: "again" });
      expect(second.status).toBe(200);
      expect(job).toMatchObject({ status: "finished", state_history: { counted: [0] } });
      expect((await read(server, id)).state_history["counted"]).toEqual([0]);
    },
    LIMIT_MS,
  );

  test(
    "of an attempt that has been replaced: the reason is in the answer",
    async () => {
      const id = await submit(server, "jobs/counting", { steps: 1 });
      const first = await takeTask("first");
      const old = { job_id: first.job_id, task_id: first.task_id };
      const failure = { status: "failure", error: { code: "TRANSIENT_ERROR", message: "try again" } };
      await asWorker("/tasks/result", "POST", { worker_id: "first", ...old, result: failure });
      const again = await takeTask("first");
      expect(again.task_id).not.toBe(old.task_id);

      expect((await result("first", old, { step: "late" })).body).toMatchObject({
        status: "ignored",
        reason: "stale_task",
      });
      await result("first", { job_id: again.job_id, task_id: again.task_id }, { step: 0 });
      expect(await waitForEnd(server, id)).toMatchObject({ status: "finished", state_history: { counted: [0] } });
    },
    LIMIT_MS,
  );
});

function expectRefusal({ body }: Answer): void {
  expect(typeof body["error"]).toBe("string");
  expect(body["code"]).toMatch(/^[A-Z][A-Z0-9_]+$/);
}
