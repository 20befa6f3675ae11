import { describe, expect, test } from "bun:test";
import { choosePort } from "../../scripts/start-port.ts";

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
