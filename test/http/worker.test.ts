import { describe, expect, test } from "bun:test";
import { Refusal } from "../../src/system/errors.ts";
import { asClient, asWorker, createDoors, request } from "./doors.ts";
import { type Fake, task } from "./fake-orchestrator.ts";
import { runScenarios } from "./scenarios.ts";

const RESULT = "/_worker/tasks/result";
const post = { method: "POST", headers: asWorker };
const inHand = { job_id: "j", task_id: "t" };
const ids = { job_id: "j", task_id: "t", worker_id: "w1" };
const patch = { method: "PATCH", headers: asWorker, path: "/_worker/workers/w1" };
const known = {
  prepare: (fake: ReturnType<typeof createDoors>["fake"]) =>
    void fake.workers.set("w1", { worker_id: "w1", cancel_task_ids: ["t9"] }),
};

describe("tokens of workers", () => {
  runScenarios([
    {
      name: "a missing token is named",
      ...post,
      headers: {},
      path: RESULT,
      body: ids,
      status: 401,
      has: ['"error":"Missing X-Worker-Token header"'],
    },
    {
      name: "a wrong one is refused",
      ...post,
      headers: { "x-worker-token": "guess" },
      path: RESULT,
      body: ids,
      status: 401,
      has: ['"error":"Unauthorized: No valid token found"'],
      lacks: ["guess"],
    },
    {
      name: "a client's token is none of a worker's",
      ...post,
      headers: { ...asClient, "x-worker-token": "c-token" },
      path: RESULT,
      body: ids,
      status: 401,
    },
    {
      name: "an exchange of tokens without a token is refused at once",
      ...post,
      headers: {},
      path: "/_worker/auth/token",
      status: 401,
      has: ['"code":"MISSING_TOKEN"'],
    },
    {
      name: "the local door asks no worker for a token",
      ...post,
      headers: {},
      path: "/_worker/workers/register",
      body: { worker_id: "w1" },
      status: 200,
      local: true,
    },
  ]);
});

describe("announcing a worker", () => {
  const path = "/_worker/workers/register";
  runScenarios([
    {
      name: "the body of a published worker is taken whole",
      ...post,
      path,
      body: {
        worker_id: "w1",
        supported_tasks: ["echo"],
        resources: { cpu_cores: 4, gpu_info: null },
        capabilities: { extra: null },
      },
      status: 200,
      has: ['{"status":"registered"}'],
      after: (fake) => expect(fake.workers.get("w1")).toMatchObject({ resources: { cpu_cores: 4 } }),
    },
    {
      name: "without an id it is refused",
      ...post,
      path,
      body: { worker_type: "x" },
      status: 400,
      has: ['"error":"Missing required field: worker_id"'],
    },
    { name: "no JSON is refused", ...post, path, body: "nope", status: 400, has: ['"error":"Invalid JSON body"'] },
    {
      name: "a field of the wrong kind is named",
      ...post,
      path,
      body: { worker_id: "w1", supported_tasks: "echo" },
      status: 422,
      has: ["/supported_tasks"],
    },
    {
      name: "one that says which process it is hears what it is to end and how often to beat, and that is kept nowhere",
      ...post,
      path,
      body: { worker_id: "w1", worker_process: { session: "s-1", connection: 2, running: [inHand] } },
      status: 200,
      has: ['{"status":"registered","heartbeat_seconds":5,"cancel_task_ids":["cancelled-task"]}'],
      after: (fake) => {
        expect(fake.told.processes).toEqual([{ session: "s-1", connection: 2, running: [inHand] }]);
        expect(fake.workers.get("w1")).toEqual({ worker_id: "w1" });
      },
    },
    ...[
      "s-1",
      { session: "s-1" },
      { session: "s/1", connection: 1, running: [] },
      { session: "s-1", connection: 0, running: [] },
      { session: "s-1", connection: 1.5, running: [] },
      { session: "s-1", connection: 1, running: ["t"] },
    ].map((worker_process) => ({
      name: `what somebody else means by the same name is a field like any other: ${JSON.stringify(worker_process)}`,
      ...post,
      path,
      body: { worker_id: "w1", worker_process },
      status: 200,
      has: ['{"status":"registered"}'],
      after: (fake: Fake) => {
        expect(fake.told.processes).toEqual([]);
        expect(fake.workers.get("w1")).toEqual({ worker_id: "w1", worker_process });
      },
    })),
    {
      name: "another id in the header is refused",
      ...post,
      headers: { ...asWorker, "x-worker-id": "w2" },
      path,
      body: { worker_id: "w1" },
      status: 403,
      has: ['"code":"WORKER_MISMATCH"'],
    },
  ]);
});

describe("heartbeats", () => {
  runScenarios([
    {
      name: "an empty one renews the time to live and still tells what was cancelled",
      ...patch,
      ...known,
      status: 200,
      has: ['"status":"ttl_refreshed"', '"cancel_task_ids":["t9"]'],
      after: (fake) => expect(fake.told.heartbeats).toEqual([undefined]),
    },
    {
      name: "one with a body answers the merged record",
      ...patch,
      ...known,
      body: { load: 0.5, status: "busy" },
      status: 200,
      has: ['"worker_id":"w1"', '"load":0.5', '"cancel_task_ids":["t9"]'],
    },
    {
      name: "its other path is the same",
      ...patch,
      path: "/_worker/workers/w1/status",
      ...known,
      body: { load: 1 },
      status: 200,
      has: ['"load":1'],
    },
    {
      name: "what is no JSON counts as empty",
      ...patch,
      ...known,
      body: "alive!",
      status: 200,
      has: ["ttl_refreshed"],
    },
    { name: "a list counts as empty", ...patch, ...known, body: [], status: 200, has: ["ttl_refreshed"] },
    {
      name: "nulls of later workers are fine",
      ...patch,
      ...known,
      body: { worker_id: "w1", skill_dependencies: null, hot_skills: null, current_tasks: [] },
      status: 200,
    },
    {
      name: "an unknown worker is told so in the words that workers look for",
      ...patch,
      status: 404,
      has: ['"error":"Worker not found"'],
    },
    { name: "the body cannot speak for another worker", ...patch, ...known, body: { worker_id: "w2" }, status: 403 },
    {
      name: "a field of the wrong kind is named",
      ...patch,
      ...known,
      body: { load: "much" },
      status: 422,
      has: ["/load"],
    },
  ]);
});

describe("results", () => {
  runScenarios([
    {
      name: "the nested layout",
      ...post,
      path: RESULT,
      body: { ...ids, result: { status: "success", data: { echo: 7 } } },
      status: 200,
      has: ['{"status":"result_accepted_success"}'],
      after: (fake) =>
        expect(fake.told.results).toEqual([
          {
            jobId: "j",
            taskId: "t",
            workerId: "w1",
            status: "success",
            data: '{"echo":7}',
            raw: '{"status":"success","data":{"echo":7}}',
          },
        ]),
    },
    {
      name: "without ids it is refused",
      ...post,
      path: RESULT,
      body: { worker_id: "w1", status: "success" },
      status: 400,
      has: ['"error":"job_id and task_id are required"'],
    },
    {
      name: "without a worker it is refused",
      ...post,
      path: RESULT,
      body: { job_id: "j", task_id: "t" },
      status: 400,
      has: ["worker_id"],
    },
    {
      name: "the header can name the worker",
      ...post,
      headers: { ...asWorker, "x-worker-id": "w1" },
      path: RESULT,
      body: { job_id: "j", task_id: "t" },
      status: 200,
    },
    {
      name: "a worker cannot answer for another",
      ...post,
      headers: { ...asWorker, "x-worker-id": "w2" },
      path: RESULT,
      body: ids,
      status: 403,
    },
    { name: "a list is refused", ...post, path: RESULT, body: [ids], status: 400 },
    {
      name: "a result that does not count is a 200 with the reason",
      ...post,
      path: RESULT,
      body: ids,
      prepare: (fake) =>
        void (fake.answerResult = async () => ({ status: "ignored", reason: "stale_task", message: "later" })),
      status: 200,
      has: ['{"status":"ignored","reason":"stale_task","message":"later"}'],
    },
    {
      name: "a result of a job that is gone is ignored, so that it is not sent for ever",
      ...post,
      path: RESULT,
      body: ids,
      prepare: (fake) => void (fake.answerResult = () => Promise.reject(new Refusal("JOB_NOT_FOUND", 404, "gone"))),
      status: 200,
      has: ['"reason":"job_not_found"'],
    },
    {
      name: "a store that is full is a 503, so that the worker sends it again",
      ...post,
      path: RESULT,
      body: ids,
      prepare: (fake) =>
        void (fake.answerResult = () => Promise.reject(new Refusal("STORE_FULL", 503, "full", undefined, 3))),
      status: 503,
      headersBack: { "retry-after": "3" },
    },
    {
      name: "text that cannot be kept becomes the task's failure: the job says why",
      ...post,
      path: RESULT,
      body: '{"job_id":"j","task_id":"t","worker_id":"w1","status":"success","data":{"text":"a\\u0000b"}}',
      status: 200,
      after: (fake) => {
        expect(fake.told.results[0]).toMatchObject({ status: "failure", error: { code: "CONTRACT_VIOLATION_ERROR" } });
        expect(fake.told.results[0]?.error?.message).toContain("/data/text");
        expect(fake.told.results[0]?.data).toBeUndefined();
      },
    },
  ]);
});

describe("other messages", () => {
  runScenarios([
    {
      name: "progress by HTTP reaches the engine",
      ...post,
      path: "/_worker/events",
      body: {
        worker_id: "w1",
        event_type: "progress",
        target_job_id: "j",
        target_task_id: "t",
        payload: { progress: 0.5, message: "half" },
      },
      status: 200,
      has: ['{"status":"event_accepted"}'],
      after: (fake) =>
        expect(fake.told.progress).toEqual([
          { workerId: "w1", jobId: "j", taskId: "t", progress: 0.5, message: "half" },
        ]),
    },
    {
      name: "other events are taken and said to have no effect",
      ...post,
      path: "/_worker/events",
      body: { worker_id: "w1", event_type: "hot", payload: {} },
      status: 200,
      has: ['"status":"event_accepted"', '"note":'],
    },
    {
      name: "tasks are handed back",
      ...post,
      path: "/_worker/tasks/release",
      body: { worker_id: "w1", task_ids: ["t1", "t2"] },
      status: 200,
      after: (fake) => expect(fake.told.released).toEqual(["t1", "t2"]),
    },
    {
      name: "handing back what is no list is refused",
      ...post,
      path: "/_worker/tasks/release",
      body: { worker_id: "w1", task_ids: "t1" },
      status: 422,
    },
    {
      name: "a cancelled task says so",
      method: "GET",
      headers: asWorker,
      path: "/_worker/tasks/cancelled-task/cancellation",
      status: 200,
      has: ['{"cancelled":true}'],
    },
    {
      name: "another one does not",
      method: "GET",
      headers: asWorker,
      path: "/_worker/tasks/t1/cancellation",
      status: 200,
      has: ['{"cancelled":false}'],
    },
    {
      name: "a plain GET of the socket says what it wants",
      method: "GET",
      headers: asWorker,
      path: "/_worker/stream",
      status: 426,
      has: ['"code":"UPGRADE_REQUIRED"'],
    },
    { name: "the socket asks for a token before anything else", method: "GET", path: "/_worker/ws", status: 401 },
  ]);
});

describe("polling", () => {
  const path = "/_worker/workers/w1/tasks/next";

  test("a task goes out with every field that workers need, and its trace in the headers too", async () => {
    const { app, fake, parking } = createDoors();
    fake.polls.push(async () => task({ tracing_context: { traceparent: "00-a-b-01" } }));
    const answer = await app.handle(request("GET", path, asWorker));
    expect(answer.headers.get("traceparent")).toBe("00-a-b-01");
    expect(await answer.json()).toMatchObject({
      job_id: "job-1",
      task_id: "task-1",
      type: "echo",
      params: { x: 7 },
      priority: 0,
    });
    expect(parking.waiting).toBe(0);
  });

  test("no task is a 204, which says so where the worker is not registered", async () => {
    const { app, fake, lines } = createDoors();
    const unknown = await app.handle(request("GET", path, asWorker));
    fake.workers.set("w1", { worker_id: "w1" });
    const known = await app.handle(request("GET", path, asWorker));

    expect([unknown.status, known.status]).toEqual([204, 204]);
    expect(unknown.headers.get("x-avtomatika-hint")).toContain("POST /_worker/workers/register first");
    expect(known.headers.get("x-avtomatika-hint")).toBeNull();
    const warned = lines.filter(({ level }) => level === "warn");
    expect(warned).toEqual([expect.objectContaining({ fields: expect.objectContaining({ worker: "w1" }) })]);
  });

  test.each([
    ["s-1/12", [{ session: "s-1", connection: 12 }]],
    ["s-1", []],
    ["s-1/0", []],
    ["s-1/1/2", []],
    ["", []],
  ])("a poll and a heartbeat of the process %p are known as such", async (text, callers) => {
    const { app, fake } = createDoors();
    fake.workers.set("w1", {});
    const headers = { ...asWorker, "x-worker-process": text };
    await app.handle(request("GET", path, headers));
    await app.handle(request("PATCH", "/_worker/workers/w1", headers, { load: 0 }));

    expect(fake.told.callers).toEqual([...callers, ...callers]);
  });

  test("a caller that goes away ends the wait, and a task taken meanwhile is given back", async () => {
    const { app, fake, parking } = createDoors();
    const gone = new AbortController();
    fake.polls.push(
      (signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve(task({ task_id: "lost" })))),
    );
    const answer = app.handle(new Request(`http://server${path}`, { headers: asWorker, signal: gone.signal }));
    await Promise.resolve();
    gone.abort();
    expect((await answer).status).toBe(204);
    expect(fake.told.undelivered).toEqual(["lost"]);
    expect(parking.waiting).toBe(0);
  });

  test("a poll that fails leaves nothing parked", async () => {
    const { app, fake, parking } = createDoors();
    fake.polls.push(() => Promise.reject(new Refusal("TOO_MANY_POLLS", 429, "Fewer at once.", undefined, 2)));
    const answer = await app.handle(request("GET", path, asWorker));
    expect(answer.status).toBe(429);
    expect(answer.headers.get("retry-after")).toBe("2");
    expect(parking.waiting).toBe(0);
  });
});
