import { describe, expect, test } from "bun:test";
import { watchedCommand } from "../../src/cli/watched-command.ts";
import type { WorkerSettings } from "../../src/config/tables.ts";

const SETTINGS: WorkerSettings = {
  url: undefined,
  token: undefined,
  id: undefined,
  transport: "auto",
  concurrency: undefined,
  port: undefined,
  dataDir: undefined,
  logLevel: "info",
  logFormat: "auto",
};

const commandOf = (settings: Partial<WorkerSettings>, environment: Record<string, string> = {}, socket?: string) =>
  watchedCommand({ files: ["w.ts"], settings: { ...SETTINGS, ...settings }, ...(socket && { socket }) }, environment);

describe("the command of a watched worker", () => {
  test("has every setting, wherever it came from", () => {
    const { argv } = commandOf({ url: "http://a", id: "gpu-1", concurrency: 3, transport: "poll", logLevel: "debug" });

    expect(argv.join(" ")).toBe(
      "worker w.ts --url http://a --id gpu-1 --transport poll --concurrency 3 --log-level debug --log-format auto",
    );
  });

  test("shows no token to others on the machine, and names it no second time", () => {
    const { argv, environment } = commandOf({ token: "secret" }, { PATH: "/bin" });
    expect(argv.join(" ")).not.toContain("secret");
    expect(environment).toEqual({ PATH: "/bin", WORKER_INDIVIDUAL_TOKEN: "secret" });

    expect(commandOf({ token: "t" }, { WORKER_TOKEN: "t" }).environment).toEqual({ WORKER_TOKEN: "t" });
  });

  test("knows the port of a server beside it, which may stand in a file that it is not told of", () => {
    expect(commandOf({ port: 9000 }).environment).toEqual({ ORCHESTRATOR_PORT: "9000" });
  });

  test("leaves an address of the environment there, where a list of orchestrators beats it", () => {
    expect(commandOf({ url: "http://a" }, { ORCHESTRATOR_URL: "http://a" }).argv).not.toContain("--url");
  });

  test("for a server in the same program it takes that one's local door alone", () => {
    const { argv, environment } = commandOf(
      { url: "http://a", token: "t" },
      { WORKER_TOKEN: "t", HOME: "/" },
      "/d/orchestrator.sock",
    );

    expect(argv.join(" ")).toContain("--data-dir /d ");
    expect(argv).not.toContain("--url");
    expect(environment).toEqual({ HOME: "/" });
  });
});
