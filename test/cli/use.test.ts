import { describe, expect, test } from "bun:test";
import type { Finding } from "../../src/catalog/port.ts";
import type { ServeCall, WorkerCall } from "../../src/cli/parts.ts";
import { Refusal } from "../../src/system/errors.ts";
import { play } from "./stage.ts";

describe("how the program is called", () => {
  test.each([
    [["serv"], "Did you mean serve?"],
    [["serve", "--prot", "1"], "Did you mean --port?"],
    [["jobs", "submitt", "x"], "Did you mean submit?"],
    [["jobs", "show"], "missing required argument 'id'"],
    [["jobs", "show", "one", "two"], "too many arguments"],
    [["worker"], "missing required argument 'file'"],
    [["serve", "--port", "eighty"], '--port is "eighty": it has to be a whole number from 0 to 65535.'],
    [["serve", "--config", "no.toml"], "--config names no.toml, which does not exist."],
    [["jobs", "submit", "x", "--input", "{"], "--input cannot be used: it is not JSON"],
    [["jobs", "submit", "x", "--input", "{name: 1}"], `as in --input '{"name": "Ada"}', or name a file as @FILE.`],
    [["jobs", "submit", "x", "--input", "./f.json"], "To read a file, write --input @./f.json."],
    [["jobs", "submit"], "Example: orchestrator jobs submit simple_linear_flow --input"],
    [["jobs", "submit"], "`orchestrator blueprints list` names the blueprints"],
    [["jobs", "submit", "x", "count=3"], "what a job is to begin with goes behind --input, as JSON."],
    [["jobs", "show"], "More: orchestrator jobs show --help"],
    [["jobs", "submit", "x", "--input", "[1]"], "it has to be a JSON object"],
    [["jobs", "submit", "x", "--input", "@no.json"], "the file no.json does not exist"],
    [["jobs", "submit", "x", "--webhook-url", "hooks.example"], "an address that begins with http:// or https://."],
    [["jobs", "submit", "x", "--priority", "high"], "it has to be a number"],
    [["jobs", "list", "--status", "runing"], "did you mean running?"],
    [["jobs", "list", "--status", "xxxxxxxx"], "which is no status. There are: pending"],
    [["jobs", "list", "--limit", "0"], '--limit is "0": it has to be a whole number from 1 to 1000.'],
    [["run", "nope.ts"], "error: There is no file nope.ts.\n"],
    [["job", "list"], "Did you mean jobs?"],
    [[], "Usage: orchestrator"],
  ])("%j is wrong use: exit code 2, with what to do", async (argv, message) => {
    const { exitCode, out, err } = await play(argv);
    expect(err).toContain(message);
    expect(out).toBe("");
    expect(exitCode).toBe(2);
  });

  test.each([
    ["serve"],
    ["worker"],
    ["run"],
    ["check"],
    ["version"],
    ["jobs"],
    ["jobs submit"],
    ["jobs list"],
    ["jobs show"],
    ["jobs watch"],
    ["jobs history"],
    ["jobs cancel"],
    ["clients"],
    ["clients list"],
  ])("%s --help has an example and exit code 0", async (command) => {
    const { exitCode, out } = await play([...command.split(" "), "--help"]);
    expect(out).toContain(`$ orchestrator ${command}`);
    expect(exitCode).toBe(0);
  });

  test("help takes the name of a command in all its words", async () => {
    expect(await play(["help", "jobs", "submit"])).toEqual(await play(["jobs", "submit", "--help"]));
    expect(await play(["help", "serve"])).toEqual(await play(["serve", "--help"]));
    expect((await play(["help"])).out).toStartWith("Usage: orchestrator");
    const mistyped = await play(["help", "jobs", "sbmit"]);
    expect(mistyped.err).toContain("Did you mean submit?");
    expect(mistyped.exitCode).toBe(2);
  });

  test.each(["-v", "--version"])("%s says which program this is", async (flag) => {
    expect(await play([flag])).toMatchObject({ exitCode: 0, out: expect.stringContaining("commit source") });
  });

  test("version --json is one document", async () => {
    const { exitCode, out } = await play(["version", "--json"]);
    expect(JSON.parse(out)).toMatchObject({ commit: "source" });
    expect(exitCode).toBe(0);
  });
});

describe("serve and worker", () => {
  test("serve gets its settings, and its exit code is the program's", async () => {
    const calls: ServeCall[] = [];
    const serve = async (call: ServeCall) => {
      calls.push(call);
      return 0;
    };
    const files = { "orchestrator.toml": 'data_dir = "/var/jobs"\nport = 1' };
    const environment = { CLIENT_TOKEN: "c", GLOBAL_WORKER_TOKEN: "w" };
    const { exitCode } = await play(["serve", "--port", "9000"], { files, environment, parts: { serve } });
    expect(calls[0]?.settings).toMatchObject({
      port: 9000,
      dataDir: "/var/jobs",
      clientToken: "c",
      workerToken: "w",
    });
    expect(exitCode).toBe(0);
  });

  test("a refusal at start is exit code 2 with its sentence", async () => {
    const serve = async () => {
      throw new Refusal("DATA_DIR_LOCKED", 409, "The folder ./data is used by another server: stop it first.");
    };
    const { exitCode, err } = await play(["serve"], { parts: { serve } });
    expect(err).toBe("error: The folder ./data is used by another server: stop it first.\n");
    expect(exitCode).toBe(2);
  });

  test("SIGTERM aborts what serves", async () => {
    let stop: () => void = () => undefined;
    const serve = (call: ServeCall) =>
      new Promise<number>((resolve) => {
        call.stop.addEventListener("abort", () => resolve(0));
        stop();
      });
    const onStop = (callback: () => void) => {
      stop = callback;
      return () => undefined;
    };
    expect((await play(["serve"], { parts: { serve }, onStop })).exitCode).toBe(0);
  });

  test("a worker is left to find the local door by itself, as often as it needs", async () => {
    const calls: WorkerCall[] = [];
    const worker = async (call: WorkerCall) => {
      calls.push(call);
      return 0;
    };
    await play(["worker", "one.ts", "two.ts"], { files: { "data/orchestrator.sock": "" }, parts: { worker } });
    expect(calls[0]).toMatchObject({ files: ["one.ts", "two.ts"], settings: { dataDir: undefined } });
    expect(calls[0]?.socket).toBeUndefined();
  });

  test.each<[string, readonly string[], Record<string, string>, string]>([
    ["flag", ["--data-dir", "/none"], {}, ""],
    ["variable", [], { ORCHESTRATOR_DATA_DIR: "/none" }, ""],
    ["key in the settings file", [], {}, 'data_dir = "/none"'],
  ])(
    "a data folder that does not exist, named by a %s, is no server: exit code 3",
    async (_, flags, environment, toml) => {
      const files = { "data/orchestrator.sock": "", ...(toml && { "orchestrator.toml": toml }) };
      for (const [command, sentence] of [
        [["worker", "one.ts"], "There is no folder /none, and none came in 3 s: check its name, or start its server"],
        [["jobs", "list"], "There is no server in /none."],
      ] as const) {
        const { exitCode, err } = await play([...command, ...flags], { files, environment });
        expect(err).toStartWith(`error: ${sentence}`);
        expect(exitCode).toBe(3);
      }
    },
  );

  test("a worker waits for a folder that its server is about to make", async () => {
    const calls: WorkerCall[] = [];
    const worker = async (call: WorkerCall) => {
      calls.push(call);
      return 0;
    };
    let looks = 0;
    const exists = (path: string) => path === "/soon" && ++looks > 3;
    await play(["worker", "one.ts", "--data-dir", "/soon"], { exists, parts: { worker } });
    expect(calls[0]?.settings.dataDir).toBe("/soon");
  });

  test("an env file is read when it is asked for, and loses against what is set", async () => {
    const calls: ServeCall[] = [];
    const serve = async (call: ServeCall) => {
      calls.push(call);
      return 0;
    };
    const files = { "my.env": "CLIENT_TOKEN=file\nWORKER_TOKEN=file" };
    const stage = { files, environment: { WORKER_TOKEN: "set" }, parts: { serve } };
    await play(["serve", "--env-file", "my.env"], stage);
    expect(calls[0]?.settings).toMatchObject({ clientToken: "file", workerToken: "set" });
  });
});

describe("check", () => {
  const warning: Finding = {
    severity: "warning",
    file: "a.ts",
    line: 3,
    column: 5,
    rule: "unreachable",
    message: "Remove it.",
  };
  const error: Finding = {
    severity: "error",
    file: "b.ts",
    line: 1,
    column: 1,
    rule: "no-start",
    message: "Flag one.",
  };

  test.each<[string, readonly Finding[], readonly string[], number, string]>([
    ["nothing found", [], [], 0, "no problems"],
    ["a warning", [warning], [], 0, "1 warning"],
    ["a warning with --strict", [warning], ["--strict"], 1, "1 warning"],
    ["an error", [warning, error], [], 1, "1 error and 1 warning"],
  ])("%s", async (_, findings, flags, expected, said) => {
    const parts = { check: async () => ({ findings, files: 2, manifests: [] }) };
    const { exitCode, out, err } = await play(["check", ...flags], { parts });
    expect(out).toBe(
      findings
        .map((found) =>
          found === warning ? "a.ts:3:5: warning: unreachable: Remove it.\n" : "b.ts:1:1: no-start: Flag one.\n",
        )
        .join(""),
    );
    expect(err).toBe(`2 files, ${said}\n`);
    expect(exitCode).toBe(expected);
  });

  test("--json prints one document, findings or not", async () => {
    const { out } = await play(["check", "--json"], {
      parts: { check: async () => ({ findings: [], files: 0, manifests: [] }) },
    });
    expect(JSON.parse(out)).toEqual({ findings: [] });
  });
});
