import { describe, expect, test } from "bun:test";
import { Refusal } from "../../src/system/errors.ts";
import { asClient, asOperator, createDoors, request, TOKENS } from "./doors.ts";
import { createFake, event, job, manifest } from "./fake-orchestrator.ts";
import { runScenarios } from "./scenarios.ts";

const ID = job().id;
const PATH = "/api/v1/jobs/simple_flow";
const post = { method: "POST", path: PATH, headers: asClient };
const get = { method: "GET", headers: asClient };
const withJob = (over: Parameters<typeof job>[0] = {}) => ({
  prepare: (fake: ReturnType<typeof createFake>) => void fake.jobs.set(ID, job(over)),
});
interface Page {
  readonly events: { sequence: number }[];
  readonly next_cursor: string | null;
}
const strict = () =>
  createFake([
    manifest({
      inputSchema: { type: "object", required: ["url"], properties: { url: { type: "string" } } },
    }),
  ]);

describe("tokens of clients", () => {
  runScenarios([
    {
      name: "without a token nothing is created, and the header is named",
      ...post,
      headers: {},
      body: {},
      status: 401,
      has: ['"error":"Missing X-Client-Token header"', '"code":"MISSING_TOKEN"'],
      after: (fake) => expect(fake.told.created).toEqual([]),
    },
    {
      name: "a wrong token is refused and not repeated",
      ...post,
      headers: { "x-client-token": "stolen-guess" },
      body: {},
      status: 401,
      has: ['"error":"Unauthorized: Invalid token"', '"code":"INVALID_TOKEN"'],
      lacks: ["stolen-guess"],
    },
    {
      name: "a worker's token opens no client route",
      ...post,
      headers: { "x-client-token": "w-token" },
      body: {},
      status: 401,
    },
    {
      name: "the header of older clients is taken",
      ...post,
      headers: { "x-avtomatika-token": "c-token" },
      body: {},
      status: 202,
    },
    { name: "a bearer token is taken", ...post, headers: { authorization: "Bearer c-token" }, body: {}, status: 202 },
    { name: "the local door asks for no token", ...post, headers: {}, body: {}, status: 202, local: true },
    {
      name: "a client may not start a job past its endpoint",
      method: "POST",
      path: "/api/blueprints/simple/jobs",
      headers: asClient,
      body: {},
      status: 403,
      has: ['"code":"FORBIDDEN"'],
    },
    {
      name: "an operator may",
      method: "POST",
      path: "/api/v1/blueprints/simple/jobs",
      headers: asOperator,
      body: {},
      status: 202,
    },
    {
      name: "a client may not drain a worker",
      method: "POST",
      path: "/api/admin/workers/w1/drain",
      headers: asClient,
      status: 403,
    },
    {
      name: "an operator may drain a worker",
      method: "POST",
      path: "/api/admin/workers/w1/drain",
      headers: asOperator,
      status: 200,
      after: (fake) => expect(fake.told.drained).toEqual(["w1"]),
    },
    {
      name: "a job of another client is not there",
      ...get,
      path: `/api/jobs/${ID}`,
      ...withJob({ client: { id: "other", config: {} } }),
      status: 404,
      has: ['"error":"Job not found"', '"code":"JOB_NOT_FOUND"'],
    },
  ]);
});

describe("starting a job", () => {
  runScenarios([
    {
      name: "a bare body is the input, passed on letter by letter",
      ...post,
      body: ' {"video_url": "x", "n": 1.0}\n',
      status: 202,
      has: ['{"status":"accepted","job_id":"job-1"}'],
      after: (fake) => expect(fake.told.created[0]?.jobs[0]?.initialData).toBe('{"video_url": "x", "n": 1.0}'),
    },
    {
      name: "an envelope gives the input and its options",
      ...post,
      body: {
        initial_data: { x: 1 },
        webhook_url: "https://example.com/hook",
        priority: 2,
        deadline_seconds: 60,
        dispatch_timeout: 5,
        result_timeout: 6,
        metadata: { a: 1 },
        security: { s: 1 },
        tags: ["night"],
        unknown_field: 1,
      },
      status: 202,
      after: (fake) =>
        expect(fake.told.created[0]?.jobs[0]).toEqual({
          blueprint: "simple",
          initialData: '{"x":1}',
          webhookUrl: "https://example.com/hook",
          priority: 2,
          deadlineSeconds: 60,
          dispatchTimeoutSeconds: 5,
          resultTimeoutSeconds: 6,
          metadata: '{"a":1}',
          security: '{"s":1}',
          tags: ["night"],
        }),
    },
    {
      name: "only trace headers are kept of a request's headers",
      ...post,
      headers: { ...asClient, traceparent: "00-abc-def-01", cookie: "secret" },
      body: {},
      status: 202,
      after: (fake) => expect(fake.told.created[0]?.jobs[0]?.trace).toEqual({ traceparent: "00-abc-def-01" }),
    },
    {
      name: "start_at is a moment",
      ...post,
      body: { initial_data: {}, start_at: "2030-01-01T01:00:00+01:00" },
      status: 202,
      after: (fake) => expect(fake.told.created[0]?.jobs[0]?.startAtMs).toBe(Date.parse("2030-01-01T00:00:00Z")),
    },
    ...["2030-01-01T00:00:00", "tomorrow", "2030-13-41T00:00:00Z", 5, {}].map((value) => ({
      name: `start_at ${JSON.stringify(value)} is refused with what it has to be`,
      ...post,
      body: { initial_data: {}, start_at: value },
      status: 422,
      has: ['"code":"INVALID_BODY"', "/start_at", "a moment with its zone"],
    })),
    {
      name: "a unique key that no open job has makes a job",
      ...post,
      body: { initial_data: {}, unique_key: "order-7" },
      status: 202,
      lacks: ["existing"],
      after: (fake) => expect(fake.told.created[0]?.jobs[0]?.uniqueKey).toBe("order-7"),
    },
    {
      name: "a unique key that an open job has is answered with that job",
      ...post,
      body: { initial_data: {}, unique_key: "taken" },
      status: 200,
      has: ['{"status":"accepted","job_id":"job-0","existing":true}'],
    },
    {
      name: "in a batch each job says whether it was there",
      ...post,
      path: "/api/v1/jobs/simple_flow/batch",
      body: { jobs: [{ initial_data: {}, unique_key: "taken" }, { initial_data: {} }] },
      status: 202,
      has: ['[{"status":"accepted","job_id":"job-0","existing":true},{"status":"accepted","job_id":"job-2"}]'],
    },
    ...["", "x".repeat(201), 7].map((value) => ({
      name: `unique_key ${String(value).slice(0, 5)} is refused`,
      ...post,
      body: { initial_data: {}, unique_key: value },
      status: 422,
      has: ["/unique_key must be a text of 1 to 200 characters"],
    })),
    {
      name: "credentials in a webhook's address are refused",
      ...post,
      body: { initial_data: {}, webhook_url: "https://user:hunter2@example.com" },
      status: 422,
      has: ["/webhook_url"],
      lacks: ["hunter2"],
    },
    {
      name: "what does not fit in the envelope is all named",
      ...post,
      body: { initial_data: 1, priority: "high", deadline_seconds: -1, tags: [1] },
      status: 422,
      has: ["/initial_data", "/priority", "/deadline_seconds", "/tags"],
    },
    {
      name: "a body that is no JSON is refused",
      ...post,
      body: "{secret:",
      status: 400,
      has: ['"error":"Invalid JSON body"', '"code":"INVALID_JSON"', '"hint":"Send one JSON value'],
      lacks: ["secret"],
    },
    { name: "an empty body is no JSON", ...post, status: 400, has: ['"code":"INVALID_JSON"'] },
    { name: "a list is refused", ...post, body: [1], status: 400, has: ['"code":"NOT_AN_OBJECT"'] },
    {
      name: "a body over the limit is refused",
      ...post,
      body: { x: "x".repeat(13_000_000) },
      status: 413,
      has: ['"code":"BODY_TOO_LARGE"'],
    },
    {
      name: "a body nested too deep is refused",
      ...post,
      body: '{"a":'.repeat(80) + "1" + "}".repeat(80),
      status: 400,
      has: ['"code":"JSON_TOO_DEEP"'],
    },
    {
      name: "a NUL is refused with its place",
      ...post,
      body: '{"a":{"b":["x","\\u0000"]}}',
      status: 422,
      has: ['"code":"INVALID_TEXT"', '"/a/b/1"'],
    },
    {
      name: "half a surrogate pair is refused",
      ...post,
      body: '{"a":"\\ud800"}',
      status: 422,
      has: ['"code":"INVALID_TEXT"'],
    },
    {
      name: "a number that would lose digits is refused",
      ...post,
      body: '{"id":9007199254740993}',
      status: 422,
      has: ['"code":"NUMBER_TOO_LARGE"', '"/id"'],
    },
    {
      name: "input that breaks the blueprint's schema is refused with its place",
      ...post,
      fake: strict,
      body: { initial_data: { url: 5 } },
      status: 422,
      has: ['"path":"/initial_data/url"', '"code":"INVALID_BODY"'],
      after: (fake) => expect(fake.told.created).toEqual([]),
    },
    { name: "input that fits the schema is taken", ...post, fake: strict, body: { url: "x" }, status: 202 },
    {
      name: "an unknown endpoint names what was likely meant",
      ...post,
      path: "/api/v1/jobs/simple_flwo",
      body: {},
      status: 404,
      has: ['"code":"ENDPOINT_NOT_FOUND"', "v1/jobs/simple_flow"],
    },
    {
      name: "while blueprints load, an unknown endpoint is not a 404",
      ...post,
      path: "/api/v1/jobs/later",
      body: {},
      prepare: (fake) => void (fake.orchestrator.ready = false),
      status: 503,
      headersBack: { "retry-after": "1" },
    },
    {
      name: "a refusal of the engine keeps status, code and Retry-After",
      ...post,
      body: {},
      prepare: (fake) => {
        fake.orchestrator.jobs.submit = () =>
          Promise.reject(new Refusal("STORE_FULL", 503, "Free the disk.", undefined, 7.2));
      },
      status: 503,
      has: ['"code":"STORE_FULL"'],
      headersBack: { "retry-after": "8" },
    },
    {
      name: "an exception of ours tells nothing but an id",
      ...post,
      body: {},
      prepare: (fake) => {
        fake.orchestrator.jobs.submit = () => Promise.reject(new Error("password=hunter2"));
      },
      status: 500,
      has: ['"code":"INTERNAL"', '"id":'],
      lacks: ["hunter2"],
    },
  ]);

  test("a key of idempotency goes along with a hash of body and blueprint", async () => {
    const { app, fake } = createDoors();
    const send = (path: string, body: string) =>
      app.handle(request("POST", path, { ...asOperator, "idempotency-key": "k" }, body));
    await send(PATH, "{}");
    await send(PATH, "{}");
    await send(PATH, '{"x":1}');
    await send(`${PATH}/batch`, '{"jobs":[{}]}');
    const [first, again, other, batch] = fake.told.created.map(({ idempotency }) => idempotency);
    expect(first?.key).toBe("k");
    expect(again).toEqual(first);
    expect(other?.bodyHash).not.toBe(first?.bodyHash);
    expect(batch?.bodyHash).not.toBe(first?.bodyHash);
  });

  test("a body without a length is cut at the limit", async () => {
    const { app } = createDoors(createFake(), { bodyBytesMax: 1000 });
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        sent += 100;
        controller.enqueue(new Uint8Array(100).fill(32));
      },
    });
    const answer = await app.handle(new Request(`http://server${PATH}`, { method: "POST", headers: asClient, body }));
    expect(answer.status).toBe(413);
    expect(sent).toBeLessThan(3000);
  });

  runScenarios([
    {
      name: "a batch is one creation with all its jobs",
      ...post,
      path: `${PATH}/batch`,
      body: { jobs: [{ initial_data: { n: 1 } }, { initial_data: { n: 2 }, priority: 1 }] },
      status: 202,
      has: ['{"jobs":[{"status":"accepted","job_id":"job-1"},{"status":"accepted","job_id":"job-2"}]}'],
      after: (fake) => expect(fake.told.created[0]?.jobs).toHaveLength(2),
    },
    {
      name: "one bad job refuses the batch, with its place",
      ...post,
      path: `${PATH}/batch`,
      fake: strict,
      body: { jobs: [{ initial_data: { url: "x" } }, { initial_data: {} }] },
      status: 422,
      has: ["/jobs/1/initial_data/url"],
      after: (fake) => expect(fake.told.created).toEqual([]),
    },
    {
      name: "a batch over its number is refused",
      ...post,
      path: `${PATH}/batch`,
      body: { jobs: Array.from({ length: 10_001 }, () => ({})) },
      status: 422,
      has: ['"code":"BATCH_TOO_LARGE"'],
    },
    { name: "a batch without jobs is refused", ...post, path: `${PATH}/batch`, body: {}, status: 422, has: ["/jobs"] },
  ]);
});

describe("a token at the wrong door", () => {
  runScenarios([
    {
      name: "a worker's token is known as one, in the words that clients know",
      ...get,
      headers: { "x-client-token": TOKENS.worker },
      path: "/api/jobs",
      status: 401,
      has: ['"error":"Unauthorized: Invalid token"', "workers' token", "CLIENT_TOKEN"],
      lacks: [TOKENS.worker],
    },
    {
      name: "an unknown token is told nothing",
      ...get,
      headers: { "x-client-token": "unknown" },
      path: "/api/jobs",
      status: 401,
      lacks: ["details"],
    },
  ]);
});

describe("reading jobs", () => {
  runScenarios([
    {
      name: "a job is read in full, without its client's secrets",
      ...get,
      path: `/api/v1/jobs/${ID}`,
      ...withJob(),
      status: 200,
      has: [
        `"id":"${ID}"`,
        '"initial_data":{"x":7}',
        '"status":"running"',
        '"created_at":"1970-01-01T00:00:00.000Z"',
        '"tasks":[]',
      ],
      lacks: ["clear-text-token", "client_config", '"result"'],
    },
    {
      name: "fields narrow it, the id stays",
      ...get,
      path: `/api/jobs/${ID}?fields=status,state_history`,
      ...withJob(),
      status: 200,
      has: [`{"id":"${ID}","state_history":{},"status":"running"}`],
    },
    {
      name: "a job that is over has its result",
      ...get,
      path: `/api/jobs/${ID}`,
      ...withJob({ status: "finished", stateHistory: '{"result":{"ok":1},"a":2}' }),
      status: 200,
      has: ['"result":{"ok":1}'],
    },
    {
      name: "a job that finished is through, whatever progress was told last",
      ...get,
      path: `/api/jobs/${ID}?fields=progress`,
      ...withJob({ status: "finished", progress: 0.5 }),
      status: 200,
      has: [`{"id":"${ID}","progress":1}`],
    },
    {
      name: "a job that failed keeps the progress that it had",
      ...get,
      path: `/api/jobs/${ID}?fields=progress`,
      ...withJob({ status: "failed", progress: 0.5 }),
      status: 200,
      has: [`{"id":"${ID}","progress":0.5}`],
    },
    {
      name: "without a result of its own the result is all that the job knows",
      ...get,
      path: `/api/jobs/${ID}`,
      ...withJob({
        status: "failed",
        stateHistory: '{"note":"the \\"result\\" is near"}',
        error: { code: "X", message: "why" },
      }),
      status: 200,
      has: ['"result":{"note":', '"error":{"code":"X","message":"why"}', '"error_message":"why"'],
    },
    {
      name: "lists are the caller's own",
      ...get,
      path: "/api/jobs?status=running&limit=5",
      status: 200,
      has: ['{"jobs":[],"next_cursor":null}'],
      after: (fake) => expect(fake.told.queries[0]).toEqual({ client: "default", status: "running", limit: 6 }),
    },
    {
      name: "an operator's list is everybody's",
      ...get,
      headers: asOperator,
      path: "/api/jobs",
      status: 200,
      after: (fake) => expect(fake.told.queries[0]).toEqual({ limit: 101 }),
    },
    {
      name: "with offset the list is the original's array",
      ...get,
      path: "/api/jobs?limit=10&offset=0",
      ...withJob(),
      status: 200,
      has: ['[{"event_id":', '"context_snapshot":{"id"'],
      lacks: ["clear-text-token"],
    },
    {
      name: "a limit that is no number is refused",
      ...get,
      path: "/api/v1/jobs?limit=many",
      status: 400,
      has: ['"error":"Invalid limit/offset parameter"'],
    },
    {
      name: "an unknown status names the known ones",
      ...get,
      path: "/api/jobs?status=done",
      status: 400,
      has: ["quarantined"],
    },
    {
      name: "a time that is none is refused",
      ...get,
      path: "/api/jobs?created_after=yesterday",
      status: 400,
      has: ["created_after"],
    },
    { name: "a cursor that is none is refused", ...get, path: "/api/jobs?cursor=7", status: 400, has: ["next_cursor"] },
    {
      name: "cancel answers with the id",
      method: "POST",
      headers: asClient,
      path: `/api/v1/jobs/${ID}/cancel`,
      ...withJob(),
      status: 200,
      has: ['"status":"cancellation_request_sent"', ID],
    },
    {
      name: "cancel of a job that is over is a conflict",
      method: "POST",
      headers: asClient,
      path: `/api/jobs/${ID}/cancel`,
      ...withJob({ status: "finished" }),
      status: 409,
    },
    {
      name: "the dashboard counts",
      ...get,
      path: "/api/dashboard",
      ...withJob(),
      status: 200,
      has: ['{"workers":{"total":0},"jobs":{"queued":0,"running":1}}'],
    },
    {
      name: "the graph is DOT text",
      ...get,
      path: "/api/v1/blueprints/simple/graph",
      status: 200,
      has: ['"start" -> "finished" [label="on success"]'],
      headersBack: { "content-type": "text/vnd.graphviz; charset=utf-8" },
    },
    {
      name: "the graph is Mermaid on demand",
      ...get,
      path: "/api/v1/blueprints/simple/graph?format=mermaid",
      status: 200,
      has: ["flowchart TD", '|"on success"|'],
      headersBack: { "content-type": "text/vnd.mermaid; charset=utf-8" },
    },
    {
      name: "the graph is a picture on demand",
      ...get,
      path: "/api/v1/blueprints/simple/graph?format=svg",
      status: 200,
      has: ["<svg ", ">start</text>", ">finished</text>"],
      headersBack: { "content-type": "image/svg+xml; charset=utf-8" },
    },
    {
      name: "the graph is told in its parts on demand",
      ...get,
      path: "/api/v1/blueprints/simple/graph?format=json",
      status: 200,
      has: ['"name":"simple","start":"start","states":[', '"from":"start","to":"finished","label":"success"'],
    },
    {
      name: "the graph in a format that nobody knows is refused",
      ...get,
      path: "/api/v1/blueprints/simple/graph?format=gif",
      status: 400,
      has: ["choose dot, svg, png, mermaid or json"],
    },
    {
      name: "the graph of nothing is not found",
      ...get,
      path: "/api/blueprints/simpel/graph",
      status: 404,
      has: ['"error":"Blueprint not found"', '"near":["simple"]'],
    },
    {
      name: "a blueprint that nobody could have meant is told those that there are",
      ...get,
      path: "/api/blueprints/quite_another_one/graph",
      status: 404,
      has: ['"error":"Blueprint not found"', '"hint":"There are: simple."'],
    },
    {
      name: "workers are listed without what they should not have sent",
      ...get,
      path: "/api/workers",
      prepare: (fake) => void fake.workers.set("w1", { worker_id: "w1", dynamic_token: "leak" }),
      status: 200,
      has: ['[{"worker_id":"w1"}]'],
      lacks: ["leak"],
    },
    {
      name: "reloading workers says what is not set",
      method: "POST",
      path: "/api/v1/admin/reload-workers",
      headers: asClient,
      status: 400,
      has: ['"error":"WORKERS_CONFIG_PATH is not set, cannot reload configs."'],
    },
  ]);

  test("a list has a cursor exactly when there is more", async () => {
    const { app, fake } = createDoors();
    const ids = ["3", "2", "1"].map((digit) => `01890000-0000-7000-8000-00000000000${digit}`);
    for (const id of ids) fake.jobs.set(id, job({ id }));
    const read = async (path: string) => (await app.handle(request("GET", path, asClient))).json();
    expect(await read("/api/jobs?limit=2")).toMatchObject({
      jobs: [{ id: ids[0] }, { id: ids[1] }],
      next_cursor: ids[1],
    });
    expect(await read("/api/jobs?limit=3")).toMatchObject({ next_cursor: null });
  });

  test("live events say why an attempt failed, without the snapshot", async () => {
    const { app, fake } = createDoors();
    fake.jobs.set(ID, job({ status: "failed" }));
    const result = { status: "failure", error: { code: "TRANSIENT_ERROR", message: "no answer" }, data: { big: 1 } };
    fake.events.set(ID, [{ ...event(1), event_type: "task_finished", context_snapshot: { result } }]);
    const text = await (await app.handle(request("GET", `/api/v1/jobs/${ID}/events`, asClient))).text();
    expect(text).toContain('"outcome":"failure","error":{"code":"TRANSIENT_ERROR","message":"no answer"}');
    expect(text).not.toContain("big");
  });

  test("live events end with the job, though it ended while it was read", async () => {
    const { app, fake } = createDoors();
    fake.jobs.set(ID, job({ version: 2, status: "waiting_for_worker" }));
    const { jobs } = fake.orchestrator;
    const { read } = jobs;
    const readOld: typeof read = async (viewer, id) => {
      const seen = await read(viewer, id);
      fake.jobs.set(ID, job({ version: 3, status: "finished" }));
      fake.events.set(ID, [{ ...event(3), event_type: "job_completed" }]);
      fake.change(ID, { type: "committed", version: 3, status: "finished" });
      return seen;
    };
    Object.assign(jobs, { read: readOld });

    const text = await (await app.handle(request("GET", `/api/v1/jobs/${ID}/events`, asClient))).text();

    expect(text).toContain("event: job_completed");
    expect(text).toContain('"status":"finished"}');
    expect(fake.watchers(ID)).toBe(0);
  });

  test("nobody watches a job that is not there", async () => {
    const { app, fake } = createDoors();
    const answer = await app.handle(request("GET", `/api/v1/jobs/${ID}/events`, asClient));
    expect([answer.status, fake.watchers(ID)]).toEqual([404, 0]);
  });

  test("history comes as an array, or in pages from either end", async () => {
    const { app, fake } = createDoors();
    fake.jobs.set(ID, job());
    fake.events.set(
      ID,
      Array.from({ length: 1203 }, (_, index) => event(index + 1)),
    );
    const read = async (query: string) =>
      (await app.handle(request("GET", `/api/v1/jobs/${ID}/history${query}`, asClient))).json() as Promise<Page>;
    const sequences = (events: { sequence: number }[]) => events.map(({ sequence }) => sequence);

    expect(await read("")).toHaveLength(1203);
    const first = await read("?limit=2");
    expect(sequences(first.events)).toEqual([1, 2]);
    expect(sequences((await read(`?limit=2&cursor=${first.next_cursor}`)).events)).toEqual([3, 4]);
    const newest = await read("?limit=2&order=desc");
    expect(sequences(newest.events)).toEqual([1203, 1202]);
    expect(sequences((await read(`?limit=2&order=desc&cursor=${newest.next_cursor}`)).events)).toEqual([1201, 1200]);
    expect(await read("?order=desc&cursor=3")).toMatchObject({
      next_cursor: null,
      events: [{ sequence: 2 }, { sequence: 1 }],
    });
    expect(await read("?order=sideways")).toMatchObject({ code: "INVALID_PARAMETER" });
  });
});

describe("paths and methods", () => {
  runScenarios([
    {
      name: "an unknown path is a 404 in our form",
      method: "GET",
      path: "/nowhere",
      status: 404,
      has: ['"code":"NOT_FOUND"'],
    },
    {
      name: "a wrong method names the right ones",
      method: "PUT",
      path: "/_public/status",
      status: 405,
      has: ['"code":"METHOD_NOT_ALLOWED"'],
      headersBack: { allow: "GET, OPTIONS" },
    },
    { name: "what looks like a job's path is one", ...get, path: PATH, status: 404, has: ['"code":"JOB_NOT_FOUND"'] },
    {
      name: "OPTIONS tells the methods, and offers nothing to other origins",
      method: "OPTIONS",
      path: "/_public/status",
      status: 204,
      headersBack: { allow: "GET, OPTIONS" },
    },
    {
      name: "a wrong method on an endpoint that nobody has is a 404",
      method: "PUT",
      path: "/api/v1/none/at/all",
      status: 404,
    },
    { name: "a trailing slash is forgiven", ...get, path: "/api/jobs/", status: 200 },
  ]);

  test("the name of the host does not matter, however short", async () => {
    const { app } = createDoors();
    for (const host of ["x", "db", "a.very.long.name.example.com:8080", "[::1]:80"]) {
      const answer = await app.handle(new Request(`http://${host}/api/v1/jobs`, { headers: asClient }));
      expect(`${host} ${answer.status}`).toBe(`${host} 200`);
    }
  });

  test("HEAD answers as GET does, without the body", async () => {
    const { app } = createDoors();
    const answer = await app.handle(request("HEAD", "/_public/live"));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-length")).toBe("15");
    expect(await answer.text()).toBe("");
  });

  test("HEAD never takes a task from the queue", async () => {
    const { app, fake } = createDoors();
    fake.polls.push(async () => {
      throw new Error("polled");
    });
    const answer = await app.handle(request("HEAD", "/_worker/workers/w1/tasks/next", { "x-worker-token": "w-token" }));
    expect(answer.status).toBe(405);
    expect(fake.polls).toHaveLength(1);
  });

  test("large answers are compressed as offered, small ones never", async () => {
    const { app, fake } = createDoors();
    fake.jobs.set(ID, job({ initialData: JSON.stringify({ text: "x".repeat(2000) }) }));
    const read = (encoding: string, path = `/api/jobs/${ID}`) =>
      app.handle(request("GET", path, { ...asClient, "accept-encoding": encoding }));
    expect((await read("gzip, zstd")).headers.get("content-encoding")).toBe("zstd");
    const zipped = await read("gzip, deflate");
    expect(zipped.headers.get("content-encoding")).toBe("gzip");
    expect(new TextDecoder().decode(Bun.gunzipSync(await zipped.arrayBuffer()))).toContain("xxxx");
    expect((await read("zstd;q=0, gzip;q=0")).headers.get("content-encoding")).toBeNull();
    expect((await read("gzip", `/api/jobs/${ID}?fields=status`)).headers.get("content-encoding")).toBeNull();
  });
});

describe("public routes", () => {
  runScenarios([
    { name: "status is ok once ready", method: "GET", path: "/_public/status", status: 200, has: ['{"status":"ok"}'] },
    {
      name: "before that status is 503, and life goes on",
      method: "GET",
      path: "/_public/status",
      prepare: (fake) => void (fake.orchestrator.ready = false),
      status: 503,
      has: ['"code":"NOT_READY"'],
    },
    {
      name: "the list of quarantined jobs wants a token",
      method: "GET",
      path: "/_public/jobs/quarantined",
      status: 401,
    },
    {
      name: "and shows the caller's own",
      ...get,
      path: "/_public/jobs/quarantined",
      ...withJob({ status: "quarantined" }),
      status: 200,
      has: [`["${ID}"]`],
    },
    {
      name: "metrics are text for Prometheus",
      method: "GET",
      path: "/_public/metrics",
      ...withJob(),
      status: 200,
      has: ['orchestrator_jobs{status="running"} 1', "orchestrator_active_workers 0"],
    },
    {
      name: "the page of the description needs nobody else",
      method: "GET",
      path: "/_public/docs",
      status: 200,
      has: ["openapi.json"],
      lacks: ["http://", "https://", "//cdn"],
    },
    { name: "there is no way to flush the store", method: "POST", path: "/_public/debug/flush_db", status: 404 },
  ]);

  test("the description has each blueprint's endpoint with its schema, and no route twice", async () => {
    const { app } = createDoors(strict());
    const { paths } = (await (await app.handle(request("GET", "/_public/openapi.json"))).json()) as { paths: object };
    const schema = ["post", "requestBody", "content", "application/json", "schema", "anyOf", 1, "required"];
    expect(paths).toHaveProperty([PATH, ...schema], ["url"]);
    expect(paths).toHaveProperty(["/_worker/workers/register", "post", "requestBody"]);
    const answer = ["responses", "200", "content", "application/json", "schema"];
    const task = [...answer, "properties"];
    expect(paths).toHaveProperty(["/_worker/workers/{id}/tasks/next", "get", ...task, "params"]);
    const result = ["requestBody", "content", "application/json", "schema", "anyOf", 0, "required"];
    expect(paths).toHaveProperty(
      ["/_worker/tasks/result", "post", ...result],
      ["job_id", "task_id", "worker_id", "status"],
    );
    expect(paths).toHaveProperty(["/api/{version}/jobs/{id}", "get", "summary"], "Read a job");
    expect(paths).not.toHaveProperty(["/api/jobs/{id}"]);
  });
});
