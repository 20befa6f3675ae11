import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { dirname } from "node:path";
import { binary, eventually, exampleWorkers, isBuilt, run, Server, startWorker, TOKENS } from "./binary.ts";
import { call, submit, waitForRunningTask } from "./client.ts";

const LIMIT_MS = 60_000;

describe.skipIf(!isBuilt)("the commands, against a running server", () => {
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

  /** In the folder that holds `data`, with no setting at all. */
  const atHome = (...argv: readonly string[]) => run(argv, { cwd: dirname(server.dataDir), limitMs: 30_000 });
  /** From anywhere else, as a client with a token. */
  const fromAfar = (...argv: readonly string[]) =>
    run([...argv, "--url", server.url], { cwd: "/", environment: { CLIENT_TOKEN: TOKENS.client } });

  test(
    "the local door needs no URL and no token, and is the user's alone",
    async () => {
      const { exitCode, out } = await atHome(
        "jobs",
        "submit",
        "simple_linear_flow",
        "--input",
        '{"seconds":0.1}',
        "--wait",
        "--json",
      );
      expect(JSON.parse(out)).toMatchObject({ status: "finished", result: { greeting: "Hello, world!" } });
      expect(exitCode).toBe(0);
      const { mode } = await Bun.file(`${server.dataDir}/orchestrator.sock`).stat();
      expect(mode & 0o777).toBe(0o600);
    },
    LIMIT_MS,
  );

  test(
    "a client submits by name and by endpoint; a job that fails is exit code 1",
    async () => {
      expect((await fromAfar("jobs", "submit", "critical_flow", "--wait")).exitCode).toBe(0);
      expect((await fromAfar("jobs", "submit", "jobs/critical_flow")).exitCode).toBe(0);
      expect((await fromAfar("jobs", "submit", "error_handling_flow", "--wait")).exitCode).toBe(1);
    },
    LIMIT_MS,
  );

  test(
    "who reads only the beginning gets it, and no error besides",
    async () => {
      const { out } = await fromAfar("jobs", "submit", "jobs/critical_flow", "--wait", "--json");
      const { id } = JSON.parse(out) as { id: string };
      const script = `"${binary}" jobs watch ${id} --json --url ${server.url} | head -n 1`;
      const shell = Bun.spawn(["bash", "-o", "pipefail", "-c", script], {
        env: { PATH: process.env["PATH"] ?? "", CLIENT_TOKEN: TOKENS.client },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const [told, errors, code] = await Promise.all([shell.stdout.text(), shell.stderr.text(), shell.exited]);
      expect(told.split("\n")).toEqual([expect.stringContaining('{"event":"job_created"'), ""]);
      expect(errors).not.toContain("EPIPE");
      expect(code).toBe(0);
    },
    LIMIT_MS,
  );

  test(
    "the same idempotency key starts one job",
    async () => {
      const argv = ["jobs", "submit", "jobs/critical_flow", "--idempotency-key", "once"];
      const first = await fromAfar(...argv);
      const second = await fromAfar(...argv);
      expect(second.out).toBe(first.out);
      expect(second.exitCode).toBe(0);
    },
    LIMIT_MS,
  );

  test(
    "list, show, history and cancel agree on a job",
    async () => {
      const id = await submit(server, "jobs/simple_flow", { seconds: 30 });
      await waitForRunningTask(server, id);
      const list = await fromAfar(
        "jobs",
        "list",
        "--blueprint",
        "simple_linear_flow",
        "--status",
        "waiting_for_worker",
        "--json",
      );
      expect(JSON.parse(list.out).jobs.map((job: { id: string }) => job.id)).toEqual([id]);
      expect((await fromAfar("jobs", "show", id)).out).toContain("simple_task, running on");
      expect((await fromAfar("jobs", "cancel", id)).exitCode).toBe(0);
      expect((await fromAfar("jobs", "watch", id)).exitCode).toBe(1);
      expect((await fromAfar("jobs", "cancel", id)).exitCode).toBe(1);
      const history = await fromAfar("jobs", "history", id, "--json");
      const types = JSON.parse(history.out).events.map((event: { event_type: string }) => event.event_type);
      expect(types[0]).toBe("job_created");
      expect(types).toContain("task_dispatched");
    },
    LIMIT_MS,
  );

  test.each([
    ["an unknown job", ["jobs", "show", "01993c6e-7c1a-7000-8000-000000000000"], 5],
    ["an unknown blueprint", ["jobs", "submit", "jobs/no_such_flow"], 5],
    ["a wrong token", ["jobs", "list", "--token", "wrong"], 4],
  ])(
    "%s has its exit code",
    async (_, argv, exitCode) => {
      const ended = await fromAfar(...argv);
      expect(ended).toMatchObject({ exitCode, out: "" });
      expect(ended.err).toStartWith("error: ");
    },
    LIMIT_MS,
  );

  test(
    "no server is exit code 3",
    async () => {
      const { exitCode } = await run(["jobs", "list", "--url", "http://127.0.0.1:9", "--token", "t"], { cwd: "/" });
      expect(exitCode).toBe(3);
    },
    LIMIT_MS,
  );

  test(
    "submit --wait sits out a kill -9 of the server and sees the job finish",
    async () => {
      const argv = [
        "jobs",
        "submit",
        "simple_linear_flow",
        "--input",
        '{"seconds":3,"name":"Ada"}',
        "--wait",
        "--json",
      ];
      const waiting = fromAfar(...argv);
      let id: string | undefined;
      await eventually("the job is listed", 10_000, async () => {
        const { body } = await call(server, "/api/jobs?status=waiting_for_worker");
        id = (body["jobs"] as { id: string }[])[0]?.id;
        return id !== undefined;
      });
      await waitForRunningTask(server, String(id));
      await server.kill();
      await server.start();
      const { exitCode, out } = await waiting;
      expect(JSON.parse(out)).toMatchObject({ status: "finished", result: { greeting: "Hello, Ada!" } });
      expect(exitCode).toBe(0);
    },
    LIMIT_MS,
  );
});
