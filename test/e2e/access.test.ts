/** Clients and workers with tokens of their own: recipes 17 and 24 on the compiled program. */
import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  eventually,
  exampleWorkers,
  examples,
  isBuilt,
  Program,
  run,
  Server,
  type ServerOptions,
  startWorker,
  temporaryFolder,
  TOKENS,
} from "./binary.ts";
import { type Answer, call, isTerminal } from "./client.ts";

const LIMIT_MS = 60_000;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

function folder(): string {
  const made = temporaryFolder();
  cleanups.push(made.remove);
  return made.path;
}

async function serve(options: ServerOptions): Promise<Server> {
  const server = new Server(options);
  cleanups.push(() => server.remove());
  return server.start();
}

const CLIENTS = `
[client_premium]
token = "user_token_vip"
plan = "premium"
monthly_attempts = 100000
languages = ["en", "de", "fr"]

[client_free]
token = "user_token_free"
plan = "free"
monthly_attempts = 100
languages = ["en"]

[client_abroad]
token = "user_token_abroad"
plan = "free"
languages = ["es"]

[client_poor]
token = "user_token_poor"
monthly_attempts = 5
`;

type Method = "GET" | "POST";

function as(token: string) {
  return async (server: Server, method: Method, path: string, body?: unknown): Promise<Answer> =>
    call(server, path, {
      method,
      headers: { "x-client-token": token },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
}
const operator = as(TOKENS.operator);
const FLOW = "/api/v1/jobs/premium_flow";

async function start(server: Server, token: string, input: object): Promise<string> {
  const answer = await as(token)(server, "POST", FLOW, { initial_data: input });
  expect([answer.status, answer.text]).toEqual([202, expect.stringContaining("job_id")]);
  return String(answer.body["job_id"]);
}

async function endOf(server: Server, token: string, id: string): Promise<Answer["body"]> {
  let job: Answer["body"] = {};
  await eventually(`job ${id} ends`, 20_000, async () => {
    job = (await as(token)(server, "GET", `/api/v1/jobs/${id}`)).body;
    return isTerminal(String(job["status"]));
  });
  return job;
}

describe.skipIf(!isBuilt)("recipe 17: clients with plans and quotas", () => {
  async function withClients(text = CLIENTS) {
    const file = join(folder(), "clients.toml");
    writeFileSync(file, text);
    const server = await serve({ environment: { CLIENTS_CONFIG_PATH: file } });
    return { server, file };
  }

  test(
    "each client gets what its plan says, to every end",
    async () => {
      const { server } = await withClients();
      const worker = startWorker(server, exampleWorkers());
      cleanups.push(() => worker.kill());
      const input = { prompt: "a fox", seconds: 0.1 };
      const ends: [string, object, object][] = [
        [
          "user_token_vip",
          input,
          { status: "finished", result: { client: "client_premium", quality: "high" }, current_state: "finished" },
        ],
        [
          "user_token_free",
          input,
          { status: "finished", result: { client: "client_free", quality: "standard" }, current_state: "finished" },
        ],
        [
          "user_token_abroad",
          input,
          { status: "failed", current_state: "failed", error: { message: "Language not supported for your plan" } },
        ],
        ["user_token_vip", {}, { status: "failed", current_state: "failed", error: { code: "INVALID_INPUT_ERROR" } }],
      ];
      for (const [token, data, expected] of ends) {
        const id = await start(server, token, data);
        expect(await endOf(server, token, id)).toMatchObject(expected);
      }
      const id = await start(server, "user_token_vip", { prompt: "a fox", seconds: 30 });
      const vip = as("user_token_vip");
      await eventually("its task runs", 10_000, async () => {
        const { body } = await vip(server, "GET", `/api/v1/jobs/${id}`);
        return JSON.stringify(body["tasks"]).includes('"running"');
      });
      expect((await vip(server, "POST", `/api/v1/jobs/${id}/cancel`)).status).toBe(200);
      expect(await endOf(server, "user_token_vip", id)).toMatchObject({
        status: "cancelled",
        current_state: "cancelled",
      });
    },
    LIMIT_MS,
  );

  test(
    "nobody sees another's jobs, and CLIENT_TOKEN works beside the file",
    async () => {
      const { server } = await withClients();
      const id = await start(server, "user_token_vip", {});
      for (const token of ["user_token_abroad", TOKENS.client]) {
        const other = as(token);
        for (const path of ["", "/history", "/events"]) {
          const answer = await other(server, "GET", `/api/v1/jobs/${id}${path}`);
          expect([answer.status, answer.body["code"]]).toEqual([404, "JOB_NOT_FOUND"]);
        }
        expect((await other(server, "POST", `/api/v1/jobs/${id}/cancel`)).status).toBe(404);
        expect((await other(server, "GET", "/api/v1/jobs")).body["jobs"]).toEqual([]);
        expect((await other(server, "GET", "/api/v1/jobs?offset=0")).text).toBe("[]");
        expect((await other(server, "GET", "/api/v1/dashboard")).body["jobs"]).toEqual({ queued: 0 });
      }
      expect((await as("user_token_vip")(server, "GET", `/api/v1/jobs/${id}`)).status).toBe(200);
      expect((await operator(server, "GET", `/api/v1/jobs/${id}`)).status).toBe(200);
    },
    LIMIT_MS,
  );

  test(
    "a quota ends in 429 with when to come again, and neither a stop nor a kill makes it new",
    async () => {
      const { server } = await withClients();
      const poor = as("user_token_poor");
      expect((await poor(server, "GET", "/api/v1/jobs")).headers.get("x-quota-remaining")).toBe("4");
      await server.stop();
      await server.start();
      expect((await poor(server, "GET", "/api/v1/jobs")).headers.get("x-quota-remaining")).toBe("3");
      // Written within a second or so; what is older than that outlives a kill too.
      await eventually("a second passes", 5_000, clockPast(performance.now() + 1500));
      await server.kill();
      await server.start();
      const batch = await poor(server, "POST", `${FLOW}/batch`, { jobs: [{}, {}, {}, {}] });
      expect([batch.status, batch.headers.get("x-quota-remaining")]).toEqual([429, "2"]);
      const fits = await poor(server, "POST", `${FLOW}/batch`, { jobs: [{ initial_data: {} }, { initial_data: {} }] });
      expect([fits.status, fits.headers.get("x-quota-remaining")]).toEqual([202, "0"]);
      const refused = await poor(server, "GET", "/api/v1/jobs");
      expect([refused.status, refused.body["code"], refused.headers.get("x-quota-limit")]).toEqual([
        429,
        "QUOTA_EXCEEDED",
        "5",
      ]);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
      expect((await operator(server, "GET", "/api/v1/admin/clients")).body["clients"]).toContainEqual({
        id: "client_poor",
        plan: null,
        monthly_attempts: 5,
        used: 5,
        remaining: 0,
        config: { monthly_attempts: 5 },
      });
      const cli = await run(["jobs", "list", "--url", server.url], {
        environment: { CLIENT_TOKEN: "user_token_poor" },
      });
      expect([cli.exitCode, cli.err]).toEqual([4, expect.stringContaining("Quota exceeded")]);
    },
    LIMIT_MS,
  );

  test(
    "where creations count, a repeated key costs nothing, even when nothing is left",
    async () => {
      const file = join(folder(), "clients.toml");
      writeFileSync(file, '[a]\ntoken = "token-a"\nmonthly_attempts = 1\n');
      const server = await serve({ environment: { CLIENTS_CONFIG_PATH: file, QUOTA_COUNTS: "creations" } });
      const create = (key: string) =>
        call(server, FLOW, {
          method: "POST",
          body: "{}",
          headers: { "x-client-token": "token-a", "idempotency-key": key },
        });
      const first = await create("one");
      expect([first.status, first.headers.get("x-quota-remaining")]).toEqual([202, "0"]);
      const again = await create("one");
      expect([again.status, again.text]).toEqual([202, first.text]);
      expect((await create("two")).status).toBe(429);
      expect((await as("token-a")(server, "GET", "/api/v1/jobs")).status).toBe(200);
    },
    LIMIT_MS,
  );

  test(
    "a changed file is taken while it runs; a broken one is not, and no token is kept or logged",
    async () => {
      const { server, file } = await withClients();
      const abroad = as("user_token_abroad");
      writeFileSync(file, CLIENTS.replace("user_token_abroad", "user_token_changed"));
      await eventually("the old token is refused", 1000, async () => {
        return (await abroad(server, "GET", "/api/v1/jobs")).status === 401;
      });
      expect((await as("user_token_changed")(server, "GET", "/api/v1/jobs")).status).toBe(200);
      writeFileSync(file, "[client_premium]\ntoken = 5\n");
      const refused = await operator(server, "POST", "/api/v1/admin/reload");
      expect([refused.status, refused.body["code"]]).toEqual([422, "CLIENTS_CONFIG_INVALID"]);
      expect(refused.body["error"]).toContain("[client_premium] token is a number");
      expect((await as("user_token_changed")(server, "GET", "/api/v1/jobs")).status).toBe(200);
      await start(server, "user_token_vip", {});
      await server.stop();
      const kept = readdirSync(server.dataDir, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(join(entry.parentPath, entry.name)).toString("latin1"));
      expect(kept.join("\n") + server.log).not.toContain("user_token_");
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("strangers", () => {
  test(
    "who tries tokens is told to wait; who has one at the same address is not",
    async () => {
      const server = await serve({ environment: { RATE_LIMIT_PERIOD: "2" } });
      const guess = () => as("guess")(server, "GET", "/api/v1/jobs");
      const tried: Answer[] = [];
      for (let count = 0; count < 101; count++) tried.push(await guess());
      expect(new Set(tried.slice(0, 50).map(({ status }) => status))).toEqual(new Set([401]));
      const refused = tried.find(({ status }) => status === 429);
      expect([refused?.body["code"], Number(refused?.headers.get("retry-after")) > 0]).toEqual(["RATE_LIMITED", true]);
      expect((await as(TOKENS.client)(server, "GET", "/api/v1/jobs")).status).toBe(200);
      await eventually("the window ends", 5_000, async () => (await guess()).status === 401);
    },
    LIMIT_MS,
  );
});

const WORKERS = `
[worker-001]
token = "super-secret-token-for-worker-1"
description = "rack 4"

[worker-002]
token = "another-unique-token-for-worker-2"

["cpu-worker-*"]
token = "token-of-all-cpu-workers"
`;

describe.skipIf(!isBuilt)("recipe 24: workers with tokens of their own", () => {
  async function withWorkers(environment: Readonly<Record<string, string>> = {}) {
    const file = join(folder(), "workers.toml");
    writeFileSync(file, WORKERS);
    const server = await serve({ environment: { WORKERS_CONFIG_PATH: file, WORKER_TOKEN: "", ...environment } });
    return { server, file };
  }

  function startAs(server: Server, id: string, token: string, flags: readonly string[] = []): Program {
    const files = [join(examples, "_workers", "01-simple.ts")];
    const environment = { WORKER_ID: id, WORKER_INDIVIDUAL_TOKEN: token, HEARTBEAT_INTERVAL: "1" };
    const program = new Program(["worker", ...files, "--url", server.url, ...flags], environment, examples);
    cleanups.push(() => program.kill());
    return program;
  }

  async function submitSimple(server: Server, input: object): Promise<string> {
    const answer = await call(server, "/api/v1/jobs/simple_flow", { method: "POST", body: JSON.stringify(input) });
    return String(answer.body["job_id"]);
  }

  async function workersOf(server: Server): Promise<string> {
    return (await call(server, "/api/v1/workers")).text;
  }

  test.each([
    ["its own", "worker-001", "super-secret-token-for-worker-1", ["--transport", "ws"]],
    ["its own, polling", "worker-002", "another-unique-token-for-worker-2", ["--transport", "poll"]],
    ["its pattern's", "cpu-worker-7", "token-of-all-cpu-workers", []],
  ])(
    "one with %s token works",
    async (_, id, token, flags) => {
      const { server } = await withWorkers();
      startAs(server, id, token, flags);
      const job = await endOf(server, TOKENS.client, await submitSimple(server, { seconds: 0.1 }));
      expect(job).toMatchObject({ status: "finished", state_history: { greeting: "Hello, world!" } });
      expect(await workersOf(server)).toContain(`"${id}"`);
      expect(server.log + (await workersOf(server))).not.toContain(token);
    },
    LIMIT_MS,
  );

  test.each([
    ["a wrong token", "worker-001", "guess", ""],
    ["another worker's token", "worker-001", "another-unique-token-for-worker-2", ""],
    ["the shared token, though it has its own", "worker-001", "shared", "shared"],
    ["no entry, and there is no shared token", "worker-009", "super-secret-token-for-worker-1", ""],
  ])(
    "one with %s ends with exit code 4 and what to do",
    async (_, id, token, shared) => {
      const { server } = await withWorkers({ WORKER_TOKEN: shared });
      const worker = startAs(server, id, token);
      await eventually("the worker ends", 10_000, async () => worker.hasEnded);
      expect(await worker.kill()).toBe(4);
      expect(worker.log).toContain("was not accepted");
      expect(worker.log).not.toContain(token);
      expect(await workersOf(server)).toBe("[]");
    },
    LIMIT_MS,
  );

  test(
    "an unlisted one comes in by the shared token that is set",
    async () => {
      const { server } = await withWorkers({ WORKER_TOKEN: "shared" });
      startAs(server, "worker-009", "shared");
      const job = await endOf(server, TOKENS.client, await submitSimple(server, { seconds: 0.1 }));
      expect(job["status"]).toBe("finished");
    },
    LIMIT_MS,
  );

  test.each([["ws"], ["poll"]])(
    "one whose token is taken away while it works (%s) is out within a second, and its task goes to another",
    async (transport) => {
      const { server, file } = await withWorkers({ WORKER_HEALTH_CHECK_INTERVAL_SECONDS: "2" });
      const first = startAs(server, "worker-001", "super-secret-token-for-worker-1", ["--transport", transport]);
      const id = await submitSimple(server, { seconds: 4 });
      await eventually("its task runs", 10_000, async () => {
        const { body } = await call(server, `/api/v1/jobs/${id}`);
        return JSON.stringify(body["tasks"]).includes('"worker_id":"worker-001"');
      });
      writeFileSync(file, WORKERS.replace("super-secret-token-for-worker-1", "a-new-one"));
      const headers = { "x-worker-token": "super-secret-token-for-worker-1" };
      await eventually("the old token is refused", 1000, async () => {
        return (await call(server, "/_worker/workers/worker-001", { method: "PATCH", headers })).status === 401;
      });
      startAs(server, "worker-002", "another-unique-token-for-worker-2");
      await eventually("the worker gives up", 15_000, async () => first.hasEnded);
      expect(await first.kill()).toBe(4);
      expect(await endOf(server, TOKENS.client, id)).toMatchObject({ status: "finished" });
      expect(server.log).toContain("worker-001");
    },
    LIMIT_MS,
  );

  test(
    "a file is read again when asked; a broken one is refused and changes nothing",
    async () => {
      const { server, file } = await withWorkers();
      const headers = { "x-worker-token": "fresh" };
      const poll = () => call(server, "/_worker/workers/worker-003", { method: "PATCH", headers });
      expect((await poll()).status).toBe(401);
      writeFileSync(file, `${WORKERS}[worker-003]\ntoken = "fresh"\n`);
      const answer = await call(server, "/api/v1/admin/reload-workers", { method: "POST" });
      expect([answer.status, answer.body]).toEqual([200, { status: "worker_configs_reloaded" }]);
      // Known by its token, though not registered yet.
      expect((await poll()).status).toBe(404);
      writeFileSync(file, `${WORKERS}[worker-003]\n`);
      const refused = await operator(server, "POST", "/api/v1/admin/reload-workers");
      expect([refused.status, refused.body["error"]]).toEqual([
        422,
        expect.stringContaining("[worker-003] token is missing"),
      ]);
      expect((await poll()).status).toBe(404);
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("files of tokens that cannot be used stop the start with exit code 2", () => {
  const start = (cwd: string, environment: Readonly<Record<string, string>> = {}) =>
    run(["serve", "--port", "0", "--data-dir", "data", "--blueprints", examples], { cwd, environment });

  test.each([
    ["clients.toml", '[a]\nplan = "p"\n', ["clients.toml: [a] token is missing"]],
    ["clients.toml", '[a]\ntoken = "t"\nmonthly_attempts = "many"\n', ['[a] monthly_attempts is "many"']],
    ["clients.toml", '[a]\ntoken = "t"\n[b]\ntoken = "t"\n', ["clients.toml: [b] token is that of [a] too"]],
    ["clients.toml", "[a\n", ["clients.toml: line 1"]],
    ["workers.toml", "[worker-001]\ntoken = 7\n", ["workers.toml: [worker-001] token is a number"]],
    ["workers.toml", 'token = "t"\n', ['workers.toml: "token" stands outside of all tables']],
  ])(
    "%s with %j in the working folder",
    async (name, text, parts) => {
      const cwd = folder();
      writeFileSync(join(cwd, name), text);
      const { exitCode, err } = await start(cwd);
      for (const part of parts) expect(err).toContain(part);
      expect(err).not.toMatch(/^\s+at /m);
      expect(exitCode).toBe(2);
    },
    LIMIT_MS,
  );

  test.each(["CLIENTS_CONFIG_PATH", "WORKERS_CONFIG_PATH"])(
    "%s names a file that is not there",
    async (variable) => {
      const { exitCode, err } = await start(folder(), { [variable]: "no-such.toml" });
      expect(err).toContain("no-such.toml: the file does not exist");
      expect(exitCode).toBe(2);
    },
    LIMIT_MS,
  );

  test(
    "no shared token is made beside a file of workers, and a run takes no notice of the files",
    async () => {
      const cwd = folder();
      writeFileSync(join(cwd, "workers.toml"), WORKERS);
      const program = new Program(["serve", "--port", "0", "--data-dir", "data"], {}, cwd);
      cleanups.push(() => program.kill());
      await eventually("it serves", 15_000, async () => program.log.includes("OPERATOR_TOKEN="));
      expect(program.log).not.toContain("WORKER_TOKEN=");
      writeFileSync(join(cwd, "clients.toml"), "[broken");
      await eventually("it looks at the new file", 5_000, async () => program.log.includes("clients.toml: line 1"));
      writeFileSync(join(cwd, "clients.toml"), '[late]\ntoken = "late-token"\n');
      await eventually("it takes the new file", 5_000, async () => program.log.includes('"clients":1'));
      writeFileSync(join(cwd, "clients.toml"), "[broken");
      const flow = join(examples, "05-conditions.ts");
      const ended = await run(["run", flow, "--input", '{"language": "xx"}', "--json"], { cwd });
      expect([ended.exitCode, ended.err.includes("clients.toml")]).toEqual([0, false]);
    },
    LIMIT_MS,
  );
});

function clockPast(ms: number): () => Promise<boolean> {
  return async () => performance.now() > ms;
}
