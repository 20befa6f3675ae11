/** The wire contract against the compiled program, over real sockets: each exchange in turn, on one server. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, isBuilt, run, Server, temporaryFolder } from "./binary.ts";
import { CONTRACT } from "../conformance/wire/contract.ts";
import { type Exchange, filled, isPlain, type Known, signed, type Step } from "../conformance/wire/exchange.ts";
import { RECORDED } from "../conformance/wire/recorded.ts";

const LIMIT_MS = 30_000;

const CLIENTS = `
[client_first]
token = "tok"

[client_vip]
token = "user_token_vip"
plan = "vip"

[client_poor]
token = "poor"
monthly_attempts = 2
`;
const WORKERS = `
[gpu-worker-01]
token = "super-secret-gpu-worker-token"

[cpu-worker-02]
token = "super-secret-cpu-worker-token-2"
`;

const folder = temporaryFolder();
mkdirSync(folder.path, { recursive: true });
const clients = join(folder.path, "clients.toml");
const workers = join(folder.path, "workers.toml");
writeFileSync(clients, CLIENTS, { mode: 0o600 });
writeFileSync(workers, WORKERS, { mode: 0o600 });

/** The names that the original reads. */
const server = new Server({
  blueprints: join(import.meta.dir, "..", "conformance", "wire", "blueprints"),
  environment: {
    GLOBAL_WORKER_TOKEN: "test-worker-token",
    WORKER_TOKEN: "",
    CLIENTS_CONFIG_PATH: clients,
    WORKERS_CONFIG_PATH: workers,
    WORKER_POLL_TIMEOUT_SECONDS: "5",
    REDIS_HOST: "redis",
    INSTANCE_ID: "one",
  },
});

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function send(step: Step, known: Known): Promise<Reply> {
  const [method = "", path = ""] = (filled(step.send, known) as string).split(" ");
  const plain = filled(step.body, known);
  const body = step.sign && isPlain(plain) ? signed(plain, step.sign) : plain;
  const response = await fetch(server.url + path, {
    method,
    headers: { "content-type": "application/json", ...(filled(step.headers ?? {}, known) as Record<string, string>) },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

function check(step: Step, reply: Reply, known: Known): void {
  const shown = `${step.send} was answered ${reply.text}`;
  expect([reply.status, shown]).toEqual([step.status, shown]);
  if (step.type !== undefined) expect(reply.headers.get("content-type")).toBe(step.type);
  for (const [name, value] of Object.entries(step.answerHeaders ?? {})) expect(reply.headers.get(name)).toBe(value);
  if (step.text !== undefined) expect(reply.text.trimStart().toLowerCase().slice(0, step.text.length)).toBe(step.text);
  if (step.holds !== undefined) expect(reply.text).toContain(filled(step.holds, known) as string);
  if (step.answer === undefined && step.without === undefined && step.keep === undefined) return;
  const body = JSON.parse(reply.text) as Record<string, unknown>;
  // First of all: the matchers below write into what they compare.
  for (const [name, key] of Object.entries(step.keep ?? {})) known.set(name, String(body[key]));
  if (step.answer !== undefined) matches(body, filled(step.answer, known));
  for (const key of step.without ?? []) expect(Object.keys(body)).not.toContain(key);
}

function matches(body: unknown, answer: unknown): void {
  if (isPlain(answer)) expect(body).toMatchObject(answer);
  else expect(body).toEqual(answer);
}

async function take(step: Step, known: Known): Promise<void> {
  if (!step.eventually) return check(step, await send(step, known), known);
  let last: unknown;
  await eventually(step.send, 10_000, async () => {
    try {
      check(step, await send(step, known), known);
      return true;
    } catch (error) {
      last = error;
      return false;
    }
  }).catch(() => {
    throw last;
  });
}

function playAll(exchanges: readonly Exchange[]): void {
  for (const { name, source, differs, steps } of exchanges) {
    const title = differs === undefined ? `${name} (${source})` : `${name} (${source}: ${differs})`;
    test(
      title,
      async () => {
        const known: Known = new Map();
        for (const step of steps) await take(step, known);
      },
      LIMIT_MS,
    );
  }
}

describe.skipIf(!isBuilt)("the original's environment", () => {
  test(
    "stops a start that it would be wrong about, with exit code 2 (contract 12.4)",
    async () => {
      const ended = await run(["serve", "--port", "0"], { cwd: folder.path, environment: { TLS_ENABLED: "true" } });
      expect([ended.exitCode, ended.err]).toEqual([2, expect.stringContaining("TLS_ENABLED")]);
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("the wire contract", () => {
  beforeAll(async () => void (await server.start()), LIMIT_MS);
  afterAll(async () => {
    await server.remove();
    folder.remove();
  });

  describe("as it was recorded", () => playAll(RECORDED));
  describe("from its text", () => playAll(CONTRACT));

  test("says which of the original's variables have no effect", () => {
    expect(server.log).toContain("REDIS_HOST has no effect");
    expect(server.log).not.toContain("INSTANCE_ID");
  });

  test(
    "an idle poll ends after its time with 204 (recorded)",
    async () => {
      const headers = { "x-worker-token": "test-worker-token" };
      const response = await fetch(`${server.url}/_worker/workers/idle/tasks/next`, { headers });
      expect([response.status, await response.text()]).toEqual([204, ""]);
    },
    LIMIT_MS,
  );

  describe("on its socket", () => {
    test(
      "without a token there is none, and with one it needs no id in its path (contract 6)",
      async () => {
        expect(await statusOfUpgrade("/_worker/ws", {})).toBe(401);
        expect(await statusOfUpgrade("/_worker/ws/gpu-worker-01", SHARED)).toBe(401);
        for (const [path, headers] of SOCKETS) (await Socket.open(path, headers)).close();
      },
      LIMIT_MS,
    );

    test(
      "a cancel is pushed to the one that came with an individual token alone, with both spellings of its key (recorded, ours differs: `type` beside `command`)",
      async () => {
        const socket = await Socket.open("/_worker/ws", OWN);
        const known = await begin("full_showcase", "gpu-worker-01", "transcode_video", OWN);
        await take({ ...CANCEL, answer: { status: "cancellation_request_sent" } }, known);

        expect(await socket.message()).toEqual({
          command: "cancel_task",
          type: "cancel_task",
          task_id: known.get("task"),
          job_id: known.get("job"),
        });
        await take(answered("gpu-worker-01", OWN, "cancelled", "result_accepted_cancelled"), known);
        socket.close();
      },
      LIMIT_MS,
    );

    test(
      "a newer connection closes the older one with 1008 (recorded)",
      async () => {
        const older = await Socket.open("/_worker/ws/same", SHARED);
        const newer = await Socket.open("/_worker/ws/same", SHARED);
        expect(await older.closed()).toEqual({ code: 1008, reason: "New connection established" });
        newer.close();
      },
      LIMIT_MS,
    );

    test(
      "a signed message counts, and one that is not well signed does not (contract 5.8)",
      async () => {
        const socket = await Socket.open("/_worker/ws/socket-2", SHARED);
        const known = await begin("one", "socket-2", "echo", SHARED);
        const target = { target_job_id: known.get("job"), target_task_id: known.get("task") };
        const event = { event_id: "e", worker_id: "socket-2", event_type: "progress", ...target };
        const progress = (share: number) => ({ ...event, payload: { progress: share } });
        const token = "test-worker-token";
        socket.send(JSON.stringify(signed(progress(0.9), { token: "another" })));
        socket.send(JSON.stringify(signed(progress(0.8), { token, changed: progress(0.7) })));
        socket.send(JSON.stringify(signed(progress(0.25), { token, signer: "socket-2" })));

        const read = { send: "GET /api/v1/jobs/{job}", headers: { "x-client-token": "tok" }, status: 200 } as const;
        await take({ ...read, eventually: true, answer: { progress: 0.25 } }, known);
        expect(server.log.match(/INVALID_SIGNATURE/g)).toHaveLength(2);
        await take(answered("socket-2", SHARED, "success", "result_accepted_success"), known);
        socket.close();
      },
      LIMIT_MS,
    );

    test(
      "progress is kept in all three spellings, and what cannot be read closes nothing (contract 6.2)",
      async () => {
        const socket = await Socket.open("/_worker/ws/socket-1", SHARED);
        const known = await begin("one", "socket-1", "echo", SHARED);
        const ids = { task_id: known.get("task"), job_id: known.get("job") };
        socket.send("this is no JSON");
        socket.send(JSON.stringify({ event: "of another kind" }));
        socket.send(JSON.stringify({ type: "progress_update", ...ids, progress: 0.1, message: "b6" }));
        socket.send(JSON.stringify({ event: "progress_update", ...ids, progress: 0.2, message: "rx-1" }));
        const event = { target_job_id: ids.job_id, target_task_id: ids.task_id, event_type: "progress" };
        socket.send(JSON.stringify({ ...event, event_id: "e", payload: { progress: 0.3, message: "rx-2" } }));

        const progress_updates = [
          { progress: 0.1, message: "b6", timestamp: expect.any(String) },
          { progress: 0.2, message: "rx-1", timestamp: expect.any(String) },
          { progress: 0.3, message: "rx-2", timestamp: expect.any(String) },
        ];
        const read = { send: "GET /api/v1/jobs/{job}", headers: { "x-client-token": "tok" }, status: 200 } as const;
        await take(
          { ...read, eventually: true, answer: { progress: 0.3, state_history: { progress_updates } } },
          known,
        );
        await take(answered("socket-1", SHARED, "success", "result_accepted_success"), known);
        socket.close();
      },
      LIMIT_MS,
    );
  });
});

const SHARED = { "x-worker-token": "test-worker-token" };
const OWN = { "x-worker-token": "super-secret-gpu-worker-token" };
const SOCKETS = [
  ["/_worker/ws", OWN],
  ["/_worker/ws", SHARED],
  ["/_worker/ws", { ...SHARED, "x-worker-id": "hinted" }],
  ["/_worker/ws/any-id", SHARED],
] as const;
const CANCEL = { send: "POST /api/v1/jobs/{job}/cancel", headers: { "x-client-token": "tok" }, status: 200 } as const;

type HeaderMap = Readonly<Record<string, string>>;

/** A job whose task this worker has by its poll. */
async function begin(endpoint: string, worker: string, task: string, headers: HeaderMap): Promise<Known> {
  const known: Known = new Map();
  const body = { worker_id: worker, supported_tasks: [task] };
  await take({ send: "POST /_worker/workers/register", headers, body, status: 200 }, known);
  const creation = { send: `POST /api/v1/jobs/${endpoint}`, headers: { "x-client-token": "tok" }, body: {} };
  await take({ ...creation, status: 202, keep: { job: "job_id" } }, known);
  const poll = { send: `GET /_worker/workers/${worker}/tasks/next`, headers, status: 200 };
  await take({ ...poll, answer: { job_id: "{job}" }, keep: { task: "task_id" } }, known);
  return known;
}

function answered(worker: string, headers: HeaderMap, status: string, answer: string): Step {
  const body = { job_id: "{job}", task_id: "{task}", worker_id: worker, result: { status } };
  return { send: "POST /_worker/tasks/result", headers, body, status: 200, answer: { status: answer } };
}

async function statusOfUpgrade(path: string, headers: HeaderMap): Promise<number> {
  const upgrade = { connection: "upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
  const key = { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };
  return (await fetch(server.url + path, { headers: { ...headers, ...upgrade, ...key } })).status;
}

class Socket {
  readonly #socket: WebSocket;
  readonly #first = Promise.withResolvers<unknown>();
  readonly #closed = Promise.withResolvers<{ code: number; reason: string }>();

  private constructor(path: string, headers: HeaderMap) {
    this.#socket = new WebSocket(server.url.replace("http", "ws") + path, { headers });
    this.#socket.addEventListener("message", ({ data }) => this.#first.resolve(JSON.parse(String(data))));
    this.#socket.addEventListener("close", ({ code, reason }) => this.#closed.resolve({ code, reason }));
  }

  static async open(path: string, headers: HeaderMap): Promise<Socket> {
    const socket = new Socket(path, headers);
    const opened = Promise.withResolvers<void>();
    socket.#socket.addEventListener("open", () => opened.resolve());
    socket.#socket.addEventListener("close", ({ code }) => opened.reject(new Error(`${path} was closed: ${code}`)));
    await opened.promise;
    return socket;
  }

  send(text: string): void {
    this.#socket.send(text);
  }

  message(): Promise<unknown> {
    return this.#first.promise;
  }

  closed(): Promise<{ code: number; reason: string }> {
    return this.#closed.promise;
  }

  close(): void {
    this.#socket.close();
  }
}
