import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { choosePort } from "../../scripts/start-port.ts";
import { eventually, isBuilt, run, temporaryFolder } from "../e2e/binary.ts";
import { areGone, Start } from "./start-checkout.ts";

const none = { flags: {}, environment: {} };
/** A machine on which these ports are taken. */
const machine =
  (...taken: readonly number[]) =>
  (port: number) =>
    taken.includes(port) ? undefined : port || 40_000;

describe("where scripts/start listens", () => {
  test.each([
    ["on 8080 unless somebody says", none, machine(), 8080],
    ["on a free port where 8080 is taken", none, machine(8080), 40_000],
    ["where --port says", { ...none, flags: { port: "9000" } }, machine(), 9000],
    ["where the variable says", { ...none, environment: { ORCHESTRATOR_PORT: "9001" } }, machine(), 9001],
    [
      "where the settings file says",
      { ...none, toml: { file: "orchestrator.toml", text: "port = 9002" } },
      machine(),
      9002,
    ],
    ["on any free port for 0", { ...none, flags: { port: "0" } }, machine(), 40_000],
  ])("%s", (_, sources, listen, port) => expect(choosePort(sources, listen)).toBe(port));

  test("a port that was chosen and is taken is refused by where it was chosen", () => {
    const environment = { ORCHESTRATOR_PORT: "9001" };
    expect(() => choosePort({ flags: {}, environment }, machine(9001))).toThrow(
      "Port 9001, as ORCHESTRATOR_PORT says, is taken",
    );
  });
});

describe("scripts/start before it installs anything", () => {
  const run = (...argv: readonly string[]) => {
    const { exitCode, stdout, stderr } = Bun.spawnSync(["sh", "scripts/start", ...argv], {
      cwd: `${import.meta.dir}/../..`,
      env: { PATH: "/usr/bin:/bin" },
    });
    return { exitCode, out: stdout.toString(), err: stderr.toString() };
  };

  test("--help says what it takes", () => {
    const { exitCode, out, err } = run("--help");
    expect(out).toContain("scripts/start --port N");
    expect(err).toBe("");
    expect(exitCode).toBe(0);
  });

  test.each([
    [["--prot", "1"], 'does not know "--prot"'],
    [["--once", "--port"], "--port needs a number"],
  ])("%j is refused with what to do: exit code 2", (argv, message) => {
    const { exitCode, err } = run(...argv);
    expect(err).toContain(message);
    expect(exitCode).toBe(2);
  });
});

describe("what scripts/start installs", () => {
  const folder = temporaryFolder();
  afterEach(() => folder.remove());

  test("is announced when there is something to install, and not when all is there", () => {
    const root = join(import.meta.dir, "..", "..");
    const env = { PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`, HOME: folder.path };
    const packages = { name: "some", packageManager: `bun@${Bun.version}`, dependencies: { near: "file:./near" } };
    mkdirSync(join(folder.path, "near"));
    writeFileSync(join(folder.path, "near", "package.json"), `{"name": "near", "version": "1.0.0"}`);
    writeFileSync(join(folder.path, "package.json"), JSON.stringify(packages));
    Bun.spawnSync([process.execPath, "install", "--silent"], { cwd: folder.path, env });
    rmSync(join(folder.path, "node_modules"), { recursive: true });
    const prepare = () => {
      const script = `. "${join(root, "scripts", "prepare.sh")}"`;
      const { exitCode, stderr } = Bun.spawnSync(["sh", "-euc", script], { cwd: folder.path, env });
      return { exitCode, err: stderr.toString() };
    };
    expect(prepare()).toEqual({ exitCode: 0, err: "Installing the packages of bun.lock into node_modules ...\n" });
    expect(prepare()).toEqual({ exitCode: 0, err: "" });
    rmSync(join(folder.path, "node_modules"), { recursive: true });
    expect(prepare().err).toContain("Installing");
  });
});

describe.skipIf(!isBuilt)("scripts/start while it is up", () => {
  let start: Start;
  let server = 0;
  let worker = 0;
  beforeEach(async () => {
    start = new Start();
    await start.isUp();
    server = await start.pidOf("serve");
    worker = await start.pidOf("worker");
  }, 60_000);
  afterEach(() => start.remove(server, worker), 60_000);

  test.each(["server", "worker"] as const)(
    "says that its %s was killed and where its log is, and stops the other one",
    async (name) => {
      process.kill(name === "server" ? server : worker, "SIGKILL");
      const { exitCode, err } = await start.end();
      expect(err).toContain(`The ${name} was ended by SIGKILL: its log is data/${name}.log.`);
      expect(exitCode).toBe(1);
      await areGone(server, worker);
    },
    60_000,
  );

  test("says with which exit code its server ended", async () => {
    process.kill(server, "SIGTERM");
    const { exitCode, err } = await start.end();
    expect(err).toContain("The server ended by itself with exit code 0: its log is data/server.log.");
    expect(exitCode).toBe(1);
    await areGone(server, worker);
  }, 60_000);

  test("hands back at Ctrl-C what its worker has begun, before its server ends", async () => {
    const submit = ["jobs", "submit", "simple_linear_flow", "--input", `{"seconds": 600}`];
    expect((await run([...submit, "--data-dir", "data"], { cwd: start.path })).exitCode).toBe(0);
    const jobs = async () => (await run(["jobs", "list", "--json", "--data-dir", "data"], { cwd: start.path })).out;
    await eventually("the job waits for its worker", 15_000, async () => (await jobs()).includes("waiting_for_worker"));
    start.interruptGroup();
    const { exitCode, err } = await start.end();
    expect(exitCode).toBe(0);
    expect(err).not.toContain("error:");
    const handedBack = start.timeOf("worker", "unfinished tasks are handed back");
    expect(handedBack).toBeLessThanOrEqual(start.timeOf("worker", "worker stopped"));
    expect(start.timeOf("worker", "worker stopped")).toBeLessThanOrEqual(start.timeOf("server", "The server stops"));
    await areGone(server, worker);
  }, 60_000);

  test("leaves nothing behind when it is killed", async () => {
    start.kill("SIGKILL");
    await start.end();
    await areGone(server, worker);
  }, 60_000);
});
