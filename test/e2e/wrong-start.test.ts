import { Database } from "bun:sqlite";
import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, isBuilt, run, Server, temporaryFolder } from "./binary.ts";
import { submit } from "./client.ts";

const LIMIT_MS = 60_000;
const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

function folder(): string {
  const made = temporaryFolder();
  cleanups.push(made.remove);
  return made.path;
}

function serve(dataDir: string, ...flags: readonly string[]) {
  return run([
    "serve",
    "--port",
    "0",
    "--data-dir",
    dataDir,
    "--blueprints",
    join(import.meta.dir, "blueprints"),
    ...flags,
  ]);
}

/** A refusal is a sentence for people: no stack, no name of a file of ours. */
function expectSentence(err: string): void {
  expect(err.trim()).not.toBe("");
  expect(err).not.toMatch(/^\s+at /m);
}

/** A data folder that a server has written to and left in order. */
async function usedFolder(): Promise<string> {
  const dataDir = join(folder(), "data");
  const server = new Server({ dataDir, blueprints: join(import.meta.dir, "blueprints") });
  await server.start();
  for (let index = 0; index < 50; index++) await submit(server, "jobs/counting", { steps: 1, text: "x".repeat(1000) });
  await server.stop();
  await server.remove();
  return dataDir;
}

/** The file that holds the jobs: the largest one that is a database. */
function databaseIn(dataDir: string): string {
  const entries = readdirSync(dataDir, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => join(dataDir, name));
  const databases = files.filter((file) => readFileSync(file).subarray(0, 15).toString() === "SQLite format 3");
  const largest = databases.toSorted((one, other) => readFileSync(other).length - readFileSync(one).length)[0];
  if (largest === undefined) throw new Error(`no database in ${dataDir}`);
  return largest;
}

describe.skipIf(!isBuilt)("a server that cannot start says why and ends", () => {
  test(
    "a port that is in use: exit code 2 with the port's number",
    async () => {
      const blocker = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
      cleanups.push(() => blocker.stop(true));
      const dataDir = join(folder(), "data");
      const { exitCode, err } = await serve(dataDir, "--port", String(blocker.port));
      expect(err).toContain(String(blocker.port));
      expect(err).not.toContain("_TOKEN=");
      expectSentence(err);
      expect(exitCode).toBe(2);

      const server = new Server({ dataDir, environment: { CLIENT_TOKEN: "", WORKER_TOKEN: "", OPERATOR_TOKEN: "" } });
      cleanups.push(() => server.remove());
      await server.start();
      await eventually("the tokens are shown now", 5_000, async () => server.log.includes("OPERATOR_TOKEN="));
      expect(server.log).toMatch(/shown this once.*\nCLIENT_TOKEN=\S+\nWORKER_TOKEN=\S+\nOPERATOR_TOKEN=\S+\n/);
      expect(statSync(dataDir).mode & 0o077).toBe(0);
      for (const file of readdirSync(dataDir))
        expect([file, statSync(join(dataDir, file)).mode & 0o077]).toEqual([file, 0]);
    },
    LIMIT_MS,
  );

  test(
    "a data folder that another server holds: exit code 2, and the other goes on",
    async () => {
      const server = await new Server({ blueprints: join(import.meta.dir, "blueprints") }).start();
      cleanups.push(() => server.remove());
      const { exitCode, err } = await serve(server.dataDir);
      expect(err).toContain(server.dataDir);
      expectSentence(err);
      expect(exitCode).toBe(2);
      expect(await submit(server, "jobs/counting", { steps: 1 })).not.toBe("");
    },
    LIMIT_MS,
  );

  test(
    "a data folder that is a file: exit code 2",
    async () => {
      const file = join(folder(), "data");
      writeFileSync(file, "not a folder");
      const { exitCode, err } = await serve(file);
      expect(err).toContain(file);
      expectSentence(err);
      expect(exitCode).toBe(2);
    },
    LIMIT_MS,
  );

  test(
    "a data folder that cannot be written: exit code 2",
    async () => {
      const { exitCode, err } = await serve("/proc/orchestrator-data");
      expect(err).toContain("/proc/orchestrator-data");
      expectSentence(err);
      expect(exitCode).toBe(2);
    },
    LIMIT_MS,
  );

  test(
    "a data folder of a newer version: exit code 2, and nothing in it is changed",
    async () => {
      const dataDir = await usedFolder();
      const file = databaseIn(dataDir);
      const database = new Database(file);
      database.run("PRAGMA user_version = 999999");
      database.close();
      const { exitCode, err } = await serve(dataDir);
      expect(err).toMatch(/newer/i);
      expectSentence(err);
      expect(exitCode).toBe(2);
      const after = new Database(file, { readonly: true });
      expect(after.query("PRAGMA user_version").get()).toEqual({ user_version: 999999 });
      after.close();
    },
    LIMIT_MS,
  );

  test(
    "a database cut in half: it does not serve, and says so",
    async () => {
      const dataDir = await usedFolder();
      const file = databaseIn(dataDir);
      truncateSync(file, Math.floor(readFileSync(file).length / 2));
      const { exitCode, err } = await serve(dataDir);
      expectSentence(err);
      expect(exitCode).toBe(2);
    },
    LIMIT_MS,
  );

  test(
    "a database overwritten with noise: it does not serve, and says so",
    async () => {
      const dataDir = await usedFolder();
      const file = databaseIn(dataDir);
      const noise = new Uint8Array(readFileSync(file).length).fill(0xa5);
      writeFileSync(file, noise);
      const { exitCode, err } = await serve(dataDir);
      expectSentence(err);
      expect(exitCode).toBe(2);
    },
    LIMIT_MS,
  );

  test(
    "an unknown key in orchestrator.toml: exit code 2 with the nearest known one",
    async () => {
      const cwd = folder();
      writeFileSync(join(cwd, "orchestrator.toml"), "prot = 8080\n");
      const { exitCode, err } = await run(["serve"], { cwd });
      expect(err).toContain("did you mean port?");
      expect(exitCode).toBe(2);
    },
    LIMIT_MS,
  );

  test(
    "a stray .env or bunfig.toml in the folder reconfigures nothing",
    async () => {
      const cwd = folder();
      writeFileSync(join(cwd, ".env"), "ORCHESTRATOR_PORT=eighty\n");
      writeFileSync(join(cwd, "bunfig.toml"), 'preload = ["./no-such-file.ts"]\n');
      const { exitCode, out } = await run(["version"], { cwd });
      expect(out).toStartWith("orchestrator ");
      expect(exitCode).toBe(0);
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("a worker that cannot start says why and ends", () => {
  test.each([
    ["exports nothing", "export {};\n"],
    ["exports something else", "export default 42;\n"],
    ["throws while it loads", 'throw new Error("no luck");\n'],
    ["is no TypeScript", "const = ;\n"],
  ])(
    "a file that %s: exit code 2 with the file's name",
    async (_, source) => {
      const file = join(folder(), "worker.ts");
      writeFileSync(file, source);
      const { exitCode, err } = await run(["worker", file, "--url", "http://127.0.0.1:9", "--token", "t"]);
      expect(err).toContain("worker.ts");
      expect(exitCode).toBe(2);
    },
    LIMIT_MS,
  );

  test(
    "a file that does not exist: exit code 2 with the file's name",
    async () => {
      const { exitCode, err } = await run([
        "worker",
        "/no/such/worker.ts",
        "--url",
        "http://127.0.0.1:9",
        "--token",
        "t",
      ]);
      expect(err).toContain("/no/such/worker.ts");
      expect(exitCode).toBe(2);
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("check", () => {
  test(
    "finds nothing in the recipes, warnings included",
    async () => {
      const { exitCode, out } = await run(["check", "blueprints", "--strict"]);
      expect(out).toBe("");
      expect(exitCode).toBe(0);
    },
    LIMIT_MS,
  );

  test(
    "names file, line and rule of what it finds",
    async () => {
      const path = folder();
      mkdirSync(join(path, "flows"));
      writeFileSync(join(path, "flows", "bad.ts"), BAD_FLOW);
      const { exitCode, out } = await run(["check", join(path, "flows")]);
      expect(out).toMatch(/bad\.ts:\d+:\d+: [\w-]+: .*nowhere/);
      expect(exitCode).toBe(1);
      expect(existsSync(join(path, "data"))).toBe(false);
    },
    LIMIT_MS,
  );
});

const BAD_FLOW = `import { Blueprint } from "orchestrator";
const flow = new Blueprint({ name: "bad" });
flow.handlerFor("start", { isStart: true }, (_context, actions) => {
  actions.transitionTo("nowhere");
});
export default flow;
`;

describe.skipIf(!isBuilt)("run", () => {
  test(
    "runs one job of a file to its end and leaves nothing behind",
    async () => {
      const cwd = folder();
      const file = join(import.meta.dir, "blueprints", "counting.ts");
      const worker = join(import.meta.dir, "workers", "counting.ts");
      const ended = await run(["run", file, "--worker", worker, "--input", '{"steps": 2}', "--json"], {
        cwd,
        limitMs: 30_000,
      });
      expect(JSON.parse(ended.out)).toMatchObject({ status: "finished", state_history: { counted: [0, 1] } });
      expect(ended.exitCode).toBe(0);
      expect(ended.err).not.toContain("_TOKEN=");
      expect(readdirSync(cwd)).toEqual([]);
    },
    LIMIT_MS,
  );
});
