/** Clients and workers with tokens of their own, at the doors. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readClients } from "../../src/access/clients-file.ts";
import { readWorkers } from "../../src/access/workers-file.ts";
import { limitsFrom, type LimitSettings } from "../../src/http/limits.ts";
import { createHttpServer } from "../../src/http/server.ts";
import { DEFAULT_HTTP_SETTINGS } from "../../src/http/settings.ts";
import { ManualTime } from "../support/manual-time.ts";
import {
  asClient,
  asOperator,
  asWorker,
  createDoors,
  createGate,
  type GateOptions,
  quiet,
  request,
  until,
} from "./doors.ts";
import { createFake, event, job } from "./fake-orchestrator.ts";
import { createFakeSchedules } from "./fake-schedules.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const clientsOf = (text: string) => readClients({ kind: "clients", path: "clients.toml", text }, new Map());
const workersOf = (text: string) => readWorkers({ kind: "workers", path: "workers.toml", text }, new Map());

const CLIENTS = `
[acme]
token = "acme-token"
plan = "premium"
monthly_attempts = 3
languages = ["en"]
[free]
token = "free-token"
[blocked]
token = "blocked-token"
monthly_attempts = 0
`;
const WORKERS = `
[worker-001]
token = "one"
[worker-002]
token = "two"
["cpu-*"]
token = "cpu"
`;
const POST = "/api/v1/jobs/simple_flow";
const acme = { "x-client-token": "acme-token" };
const free = { "x-client-token": "free-token" };

function open(options: GateOptions = {}) {
  const doors = createDoors(createFake(), {}, options);
  doors.access.useClients(clientsOf(CLIENTS));
  doors.access.useWorkers(workersOf(WORKERS));
  const ask = async (method: string, path: string, headers: Record<string, string>, body?: unknown) => {
    const answer = await doors.app.handle(request(method, path, headers, body));
    const text = await answer.text();
    const json = (text.startsWith("{") ? JSON.parse(text) : {}) as Record<string, unknown>;
    return {
      status: answer.status,
      left: answer.headers.get("x-quota-remaining"),
      headers: answer.headers,
      json,
      text,
    };
  };
  return { ...doors, ask };
}

describe("clients of the file", () => {
  test("start jobs under their own name, with all that the file says of them but the token", async () => {
    const { ask, fake } = open();
    expect((await ask("POST", POST, acme, {})).status).toBe(202);
    expect(fake.told.created[0]?.client).toEqual({
      id: "acme",
      plan: "premium",
      config: { plan: "premium", monthly_attempts: 3, languages: ["en"] },
    });
    expect((await ask("POST", POST, asClient, {})).status).toBe(202);
    expect(fake.told.created[1]?.client.id).toBe("default");
  });

  test("see their own jobs alone, wherever they look", async () => {
    const { ask, fake } = open();
    const theirs = job({ client: { id: "acme", config: {} }, status: "quarantined" });
    fake.jobs.set(theirs.id, theirs);
    fake.events.set(theirs.id, [event(1)]);
    for (const other of [free, asClient]) {
      for (const path of ["", "/history", "/events"]) {
        const answer = await ask("GET", `/api/v1/jobs/${theirs.id}${path}`, other);
        expect([answer.status, answer.json["error"]]).toEqual([404, "Job not found"]);
      }
      expect((await ask("POST", `/api/v1/jobs/${theirs.id}/cancel`, other)).status).toBe(404);
      expect((await ask("GET", "/api/v1/jobs", other)).json["jobs"]).toEqual([]);
      expect((await ask("GET", "/_public/jobs/quarantined", other)).text).toBe("[]");
    }
    expect((await ask("GET", `/api/v1/jobs/${theirs.id}`, acme)).status).toBe(200);
    expect((await ask("GET", "/_public/jobs/quarantined", acme)).text).toContain(theirs.id);
  });

  test.each([
    ["/api/v1/jobs/ID/event", '{"event":"paid"}'],
    ["/api/v1/jobs/ID/decision", '{"decision":"approved"}'],
    ["/api/v1/jobs/ID/rerun", "{}"],
    ["/api/v1/jobs/cancel", '{"blueprint":"b"}'],
    ["/_public/webhooks/approval/ID", '{"decision":"approved"}'],
  ])("whose token is taken away while the body of %s is coming change nothing", async (path, body) => {
    const { app, access, fake } = open();
    const own = job({ client: { id: "acme", config: {} } });
    fake.jobs.set(own.id, own);
    const slow = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          access.useClients([]);
          controller.enqueue(new TextEncoder().encode(body));
          controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    const url = `http://server${path.replace("ID", own.id)}`;
    const answer = await app.handle(new Request(url, { method: "POST", headers: acme, body: slow }));
    expect(answer.status).toBe(401);
    expect(fake.told.asked).toEqual([]);
  });

  test("hear what they have left, until nothing is: then when there is more", async () => {
    const { ask } = open();
    const lefts = [
      await ask("POST", POST, acme, {}),
      await ask("GET", "/api/jobs", acme),
      await ask("GET", "/api/v1/jobs/unknown", acme),
    ];
    expect(lefts.map(({ left }) => left)).toEqual(["2", "1", "0"]);
    const refused = await ask("GET", "/api/v1/jobs", acme);
    expect([refused.status, refused.left, refused.headers.get("x-quota-limit")]).toEqual([429, "0", "3"]);
    expect(refused.json).toMatchObject({ code: "QUOTA_EXCEEDED", details: { limit: 3, remaining: 0 } });
    const waitSeconds = Number(refused.headers.get("retry-after"));
    expect(waitSeconds).toBeGreaterThan(0);
    expect(waitSeconds).toBeLessThanOrEqual(31 * 24 * 3600);
    expect((await ask("GET", "/api/v1/jobs", { "x-client-token": "blocked-token" })).status).toBe(429);
  });

  test("without a limit may ask for ever, as may CLIENT_TOKEN, operators and whoever comes by the local door", async () => {
    const { ask, local, quota } = open();
    for (let asked = 0; asked < 50; asked++) {
      for (const headers of [free, asClient, asOperator])
        expect((await ask("GET", "/api/jobs", headers)).left).toBeNull();
      expect((await local.handle(request("GET", "/api/jobs", acme))).status).toBe(200);
    }
    expect(quota.used("acme")).toBe(0);
  });

  test("spend nothing outside of the client prefix", async () => {
    const { ask } = open();
    for (let asked = 0; asked < 9; asked++)
      expect((await ask("GET", "/_public/jobs/quarantined", acme)).status).toBe(200);
    expect((await ask("GET", "/api/jobs", acme)).left).toBe("2");
  });

  test("pay for a batch job by job, and for one that is too large not at all", async () => {
    const { ask, fake } = open();
    const jobs = (count: number) => ({ jobs: Array.from({ length: count }, () => ({ initial_data: {} })) });
    const tooMany = await ask("POST", `${POST}/batch`, acme, jobs(4));
    expect([tooMany.status, tooMany.left]).toEqual([429, "2"]);
    expect(fake.told.created).toEqual([]);
    const fits = await ask("POST", `${POST}/batch`, acme, jobs(2));
    expect([fits.status, fits.left]).toEqual([202, "0"]);
  });

  test("pay for creations alone where that is set, and not for a body that is refused", async () => {
    const { ask } = open({ counts: "creations" });
    for (let asked = 0; asked < 9; asked++) expect((await ask("GET", "/api/jobs", acme)).left).toBe("3");
    expect((await ask("POST", POST, acme, "[]")).left).toBe("3");
    expect((await ask("POST", POST, acme, {})).left).toBe("2");
  });

  test("pay for a rerun like for any other creation", async () => {
    const { ask, fake } = open({ counts: "creations" });
    const own = job({ client: { id: "acme", config: {} }, status: "failed" });
    fake.jobs.set(own.id, own);
    const again = () => ask("POST", `/api/v1/jobs/${own.id}/rerun`, acme);
    expect([(await again()).left, (await again()).left, (await again()).left]).toEqual(["2", "1", "0"]);
    expect((await again()).json).toMatchObject({ code: "QUOTA_EXCEEDED" });
  });
});

describe("what operators see and do", () => {
  test("the clients and what they have left, without a token", async () => {
    const { ask } = open();
    await ask("POST", POST, acme, {});
    const { json, text } = await ask("GET", "/api/v1/admin/clients", asOperator);
    expect(json).toMatchObject({
      quota_counts: "requests",
      clients: [
        { id: "acme", plan: "premium", monthly_attempts: 3, used: 1, remaining: 2 },
        { id: "free", plan: null, monthly_attempts: null, used: null, remaining: null },
        { id: "blocked", monthly_attempts: 0, remaining: 0 },
      ],
    });
    expect(text).not.toMatch(/-token|hash/);
    expect((await ask("GET", "/api/v1/admin/clients", acme)).status).toBe(403);
  });

  test("files are read again when asked; a broken one is refused with its reason", async () => {
    const folder = mkdtempSync(join(tmpdir(), "orchestrator-access-"));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "workers.toml");
    writeFileSync(file, '[worker-009]\ntoken = "nine"');
    const { ask } = open({ workers: file });
    const nine = { "x-worker-token": "nine" };
    const poll = "/_worker/workers/worker-009/tasks/next";
    expect((await ask("GET", poll, nine)).status).toBe(401);
    const answer = await ask("POST", "/api/v1/admin/reload-workers", asClient);
    expect([answer.status, answer.json]).toEqual([200, { status: "worker_configs_reloaded" }]);
    expect((await ask("GET", poll, nine)).status).toBe(204);
    writeFileSync(file, "[worker-009]");
    const refused = await ask("POST", "/api/admin/reload", asOperator);
    expect([refused.status, refused.json["code"]]).toEqual([422, "WORKERS_CONFIG_INVALID"]);
    expect(refused.json["error"]).toContain("[worker-009] token is missing");
    expect((await ask("GET", poll, nine)).status).toBe(204);
    expect((await ask("POST", "/api/admin/reload", asClient)).status).toBe(403);
    writeFileSync(file, "");
    expect((await ask("POST", "/api/admin/reload", asOperator)).json).toEqual({
      status: "reloaded",
      reloaded: ["workers", "schedules"],
    });
    expect((await ask("GET", poll, nine)).status).toBe(401);
  });

  test("without a file of workers there is nothing to read again", async () => {
    const answer = await open().ask("POST", "/api/v1/admin/reload-workers", asClient);
    expect([answer.status, answer.json["error"]]).toEqual([
      400,
      "WORKERS_CONFIG_PATH is not set, cannot reload configs.",
    ]);
  });
});

describe("workers with tokens of their own", () => {
  const poll = (id: string) => `/_worker/workers/${id}/tasks/next`;
  const as = (token: string, id?: string) => ({ "x-worker-token": token, ...(id && { "x-worker-id": id }) });
  const body = (id: string) => ({ worker_id: id, job_id: "j", task_id: "t", status: "success" });

  test.each([
    ["its own token", as("one"), "worker-001", 204],
    ["another worker's token", as("two"), "worker-001", 401],
    ["the shared token, though it has its own", asWorker, "worker-001", 401],
    ["a wrong token", as("guess"), "worker-001", 401],
    ["its pattern's token", as("cpu"), "cpu-7", 204],
    ["the shared token, though a pattern fits", asWorker, "cpu-7", 401],
    ["the shared token, and is not listed", asWorker, "other", 204],
    ["somebody's own token, and is not listed", as("one"), "other", 401],
  ])("one that polls with %s", async (_, headers, id, status) => {
    const answer = await open().ask("GET", poll(id), headers);
    expect(answer.status).toBe(status);
    if (status === 401) expect(answer.json["error"]).toStartWith("Unauthorized: ");
  });

  test("without a shared token that is set, the unlisted stay out", async () => {
    const { ask } = open({ isWorkerTokenSet: false });
    expect((await ask("GET", poll("other"), asWorker)).status).toBe(401);
    expect((await ask("GET", poll("worker-001"), as("one"))).status).toBe(204);
  });

  test.each([
    ["with its own token", as("one"), "worker-001", 200],
    ["with its own token and id in the header", as("one", "worker-001"), "worker-001", 200],
    ["with another worker's token", as("two"), "worker-001", 403],
    ["with another worker's token, under that worker's header", as("two", "worker-002"), "worker-001", 403],
    ["with another worker's token, under its own header", as("two", "worker-001"), "worker-001", 401],
    ["with the shared token, though it has its own", asWorker, "worker-001", 401],
    ["with a pattern's token", as("cpu"), "cpu-7", 200],
    ["with a pattern's token that does not fit", as("cpu"), "gpu-7", 401],
    ["unlisted, with somebody's own token", as("one"), "other", 403],
    ["unlisted, with the shared token", asWorker, "other", 200],
  ])("a result is handed in %s", async (_, headers, id, status) => {
    const { ask, fake } = open();
    expect((await ask("POST", "/_worker/tasks/result", headers, body(id))).status).toBe(status);
    expect(fake.told.results.length).toBe(status === 200 ? 1 : 0);
    expect((await ask("POST", "/_worker/workers/register", headers, { worker_id: id })).status).toBe(status);
    expect(fake.workers.has(id)).toBe(status === 200);
  });

  test("a result without an id is that of the token's owner", async () => {
    const { ask, fake } = open();
    const { worker_id: _, ...anonymous } = body("");
    expect((await ask("POST", "/_worker/tasks/result", as("two"), anonymous)).status).toBe(200);
    expect(fake.told.results[0]?.workerId).toBe("worker-002");
    expect((await ask("POST", "/_worker/tasks/result", as("cpu"), anonymous)).status).toBe(400);
  });
});

describe("rate limits", () => {
  const limits = (over: Partial<LimitSettings> = {}) => {
    const clock = new ManualTime();
    const settings = {
      rateLimitingEnabled: true,
      rateLimitLimit: undefined,
      rateLimitHeartbeatLimit: undefined,
      rateLimitPeriod: 60,
      ...over,
    };
    return { clock, ...open({ limits: limitsFrom(settings, clock) }) };
  };
  const wrong = { "x-client-token": "guess", "x-worker-token": "guess" };

  test("hold for those without a good token, by their address; the others there are not held up", async () => {
    const { ask, address, clock } = limits();
    for (let tried = 0; tried < 50; tried++) {
      expect((await ask("GET", "/api/jobs", wrong)).status).toBe(401);
      expect((await ask("GET", "/_worker/workers/w1/tasks/next", {})).status).toBe(401);
    }
    const refused = await ask("GET", "/api/jobs", wrong);
    expect([refused.status, refused.json["code"], refused.headers.get("retry-after")]).toEqual([
      429,
      "RATE_LIMITED",
      "60",
    ]);
    for (const headers of [asClient, asOperator]) expect((await ask("GET", "/api/jobs", headers)).status).toBe(200);
    expect((await ask("GET", "/_public/live", {})).status).toBe(200);
    address.now = "192.0.2.2";
    expect((await ask("GET", "/api/jobs", wrong)).status).toBe(401);
    address.now = "192.0.2.1";
    clock.advance(60_000);
    expect((await ask("GET", "/api/jobs", wrong)).status).toBe(401);
  });

  test("hold for nobody with a good token unless they are set", async () => {
    const { ask } = limits();
    for (let asked = 0; asked < 150; asked++) {
      expect((await ask("GET", "/api/jobs", asClient)).status).toBe(200);
      expect((await ask("POST", "/_worker/workers/register", asWorker, { worker_id: "w1" })).status).toBe(200);
    }
  });

  test("that are set hold for each client and worker; polls and results never count, nor do operators", async () => {
    const { ask } = limits({ rateLimitLimit: 3, rateLimitHeartbeatLimit: 2 });
    const times = async (count: number, ...what: Parameters<typeof ask>) => {
      const answers = [];
      for (let asked = 0; asked < count; asked++) answers.push((await ask(...what)).status);
      return answers;
    };
    expect(await times(4, "GET", "/api/jobs", asClient)).toEqual([200, 200, 200, 429]);
    expect(await times(4, "GET", "/api/jobs", free)).toEqual([200, 200, 200, 429]);
    expect(await times(5, "GET", "/api/jobs", asOperator)).toEqual([200, 200, 200, 200, 200]);
    const result = { worker_id: "w1", job_id: "j", task_id: "t", status: "success" };
    expect(new Set(await times(9, "GET", "/_worker/workers/w1/tasks/next", asWorker))).toEqual(new Set([204]));
    expect(new Set(await times(9, "POST", "/_worker/tasks/result", asWorker, result))).toEqual(new Set([200]));
    const as1 = { ...asWorker, "x-worker-id": "w1" };
    const as2 = { ...asWorker, "x-worker-id": "w2" };
    expect(await times(4, "POST", "/_worker/workers/register", as1, { worker_id: "w1" })).toEqual([200, 200, 200, 429]);
    expect(await times(3, "PATCH", "/_worker/workers/w1", as1)).toEqual([200, 200, 429]);
    expect(await times(1, "POST", "/_worker/workers/register", as2, { worker_id: "w2" })).toEqual([200]);
  });

  test("are off where that is set", async () => {
    const { ask } = limits({ rateLimitingEnabled: false, rateLimitLimit: 1 });
    for (let tried = 0; tried < 150; tried++) expect((await ask("GET", "/api/jobs", wrong)).status).toBe(401);
  });
});

describe("a token that is taken away", () => {
  async function serve() {
    const fake = createFake();
    const gate = createGate(quiet);
    gate.access.useClients(clientsOf(CLIENTS));
    gate.access.useWorkers(workersOf(WORKERS));
    const settings = { ...DEFAULT_HTTP_SETTINGS, port: 0 };
    const schedules = createFakeSchedules();
    const server = createHttpServer({ orchestrator: fake.orchestrator, schedules, ...gate, system: quiet, settings });
    await server.start();
    cleanups.push(() => server.stop());
    return { fake, server, ...gate };
  }

  function connect(url: string, path: string, token: string) {
    const end: { code?: number; reason?: string } = {};
    const socket = new WebSocket(url.replace("http", "ws") + path, { headers: { "x-worker-token": token } });
    cleanups.push(() => socket.terminate());
    socket.addEventListener("close", ({ code, reason }) => Object.assign(end, { code, reason }));
    return new Promise<{ socket: WebSocket; end: typeof end }>((resolve, reject) => {
      socket.addEventListener("open", () => resolve({ socket, end }));
      socket.addEventListener("error", () => reject(new Error("not opened")));
    });
  }

  test("closes the worker's streams and sockets, and no others", async () => {
    const { server, access, fake } = await serve();
    const stream = await connect(server.url, "/_worker/stream", "one");
    const registration = { worker_id: "worker-001", supported_tasks: ["echo"] };
    stream.socket.send(JSON.stringify([{ type: "hello", session: "s", registration, running: [] }]));
    const socket = await connect(server.url, "/_worker/ws", "one");
    const pattern = await connect(server.url, "/_worker/ws/cpu-3", "cpu");
    await until(() => fake.told.links.length === 3, "all are connected");
    access.useWorkers(workersOf('["cpu-*"]\ntoken = "cpu"'));
    await until(() => stream.end.code !== undefined && socket.end.code !== undefined, "both are closed");
    expect([stream.end.code, socket.end.code]).toEqual([1008, 1008]);
    expect(stream.end.reason).toStartWith("TOKEN_REVOKED");
    expect(pattern.end).toEqual({});
    access.useWorkers(workersOf('[worker-002]\ntoken = "two"'));
    await until(() => pattern.end.code !== undefined, "it is closed");
    await expect(connect(server.url, "/_worker/ws", "one")).rejects.toThrow("not opened");
  });

  test("ends a poll that waits with a 401", async () => {
    const { server, access, fake } = await serve();
    let isWaiting = false;
    fake.polls.push((signal) => {
      isWaiting = true;
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined)));
    });
    const headers = { "x-worker-token": "one" };
    const poll = fetch(`${server.url}/_worker/workers/worker-001/tasks/next`, { headers });
    await until(() => isWaiting, "it waits");
    access.useWorkers(workersOf(WORKERS));
    access.useWorkers(workersOf(WORKERS.replace('"one"', '"anew"')));
    expect((await poll).status).toBe(401);
  });

  test("is refused after a body that was still coming", async () => {
    const { app, access, fake } = open();
    const slow = (path: string, headers: Record<string, string>, revoke: () => void) => {
      const body = new ReadableStream(
        {
          pull(controller) {
            revoke();
            controller.enqueue(new TextEncoder().encode('{"worker_id": "worker-001"}'));
            controller.close();
          },
        },
        { highWaterMark: 0 },
      );
      return app.handle(new Request(`http://server${path}`, { method: "POST", headers, body }));
    };
    const register = await slow("/_worker/workers/register", { "x-worker-token": "one" }, () => access.useWorkers([]));
    expect([register.status, fake.workers.size]).toEqual([401, 0]);
    const created = await slow(POST, free, () => access.useClients([]));
    expect([created.status, fake.told.created]).toEqual([401, []]);
  });

  test("ends a client's live events", async () => {
    const { server, access, fake } = await serve();
    const theirs = job({ client: { id: "free", config: {} } });
    fake.jobs.set(theirs.id, theirs);
    fake.events.set(theirs.id, [event(1)]);
    const live = await fetch(`${server.url}/api/v1/jobs/${theirs.id}/events`, { headers: free });
    await until(() => fake.watchers(theirs.id) === 1, "it watches");
    access.useClients(clientsOf(CLIENTS));
    expect(fake.watchers(theirs.id)).toBe(1);
    access.useClients(clientsOf(CLIENTS.replace("free-token", "other-token")));
    await live.text();
    expect((await fetch(`${server.url}/api/v1/jobs`, { headers: free })).status).toBe(401);
  });

  test("a socket that names another worker than its token may speak for is closed", async () => {
    const { server, fake } = await serve();
    const { socket, end } = await connect(server.url, "/_worker/ws", "cpu");
    socket.send(JSON.stringify({ worker_id: "worker-001" }));
    await until(() => end.code !== undefined, "it is closed");
    expect([end.code, fake.told.links]).toEqual([1008, []]);
  });
});
