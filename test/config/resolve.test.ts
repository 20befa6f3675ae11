import { describe, expect, test } from "bun:test";
import { parseEnvFile } from "../../src/config/env-file.ts";
import { resolve, type Sources } from "../../src/config/resolve.ts";
import { CLIENT, SERVE, WORKER } from "../../src/config/tables.ts";

const none: Sources = { flags: {}, environment: {} };
const toml = (text: string) => ({ toml: { file: "orchestrator.toml", text } });

describe("settings", () => {
  test("without any source the defaults hold, and no token is made up", () => {
    expect(resolve(SERVE, none)).toMatchObject({
      host: "127.0.0.1",
      port: 8080,
      dataDir: "./data",
      blueprints: "./blueprints",
      clientToken: undefined,
      retentionDays: undefined,
      jobMaxRetries: 3,
    });
  });

  test("a flag beats the environment, that beats the file, and that beats the default", () => {
    const file = toml("port = 1\nhost = 'file'\ndata_dir = 'file'\n");
    const environment = { ORCHESTRATOR_PORT: "2", ORCHESTRATOR_HOST: "environment" };
    expect(resolve(SERVE, { flags: { port: "3" }, environment, ...file })).toMatchObject({
      port: 3,
      host: "environment",
      dataDir: "file",
      blueprints: "./blueprints",
    });
  });

  test("a setting's own name in the environment beats the older name for it", () => {
    const environment = { API_PORT: "1", ORCHESTRATOR_PORT: "2" };
    expect(resolve(SERVE, { flags: {}, environment }).port).toBe(2);
    expect(resolve(SERVE, { flags: {}, environment: { API_PORT: "1" } }).port).toBe(1);
  });

  test("a worker takes its own token before the shared one, a client takes the client's", () => {
    const environment = { WORKER_TOKEN: "shared", WORKER_INDIVIDUAL_TOKEN: "own", CLIENT_TOKEN: "client" };
    expect(resolve(WORKER, { flags: {}, environment }).token).toBe("own");
    expect(resolve(CLIENT, { flags: {}, environment }).token).toBe("client");
  });

  test("a variable that is set to nothing counts as not set", () => {
    expect(resolve(SERVE, { flags: {}, environment: { CLIENT_TOKEN: "" } }).clientToken).toBeUndefined();
  });

  test.each<[string, Partial<Sources>, string]>([
    ["an unknown key", toml("prot = 1"), "orchestrator.toml sets prot, which is no setting; did you mean port?"],
    [
      "an unknown variable",
      { environment: { ORCHESTRATOR_DATADIR: "x" } },
      "ORCHESTRATOR_DATADIR is set in the environment, but is no setting; did you mean ORCHESTRATOR_DATA_DIR?",
    ],
    [
      "a reputation that is more than full",
      { environment: { REPUTATION_MIN_THRESHOLD: "1.5" } },
      'REPUTATION_MIN_THRESHOLD is "1.5": it has to be a number from 0 to 1.',
    ],
    [
      "a penalty that is no number",
      { environment: { REPUTATION_PENALTY_TASK_FAILURE: "five percent" } },
      'REPUTATION_PENALTY_TASK_FAILURE is "five percent": it has to be a number from 0 to 1.',
    ],
    [
      "a port that is none",
      { flags: { port: "eighty" } },
      '--port is "eighty": it has to be a whole number from 0 to 65535.',
    ],
    ["a port too high", { environment: { API_PORT: "70000" } }, 'API_PORT is "70000"'],
    ["an empty folder name", { flags: { dataDir: "" } }, '--data-dir is "": it has to be a text that is not empty.'],
    ["a level that is none", toml("log_level = 'loud'"), "it has to be one of debug, info, warn, error."],
    ["a list where one value belongs", toml("port = [1]"), "port in orchestrator.toml has to be one value"],
    ["a file that is no TOML", toml("port = \n"), "orchestrator.toml:1:"],
  ])("%s is refused with what to do", (_, sources, message) => {
    expect(() => resolve(SERVE, { ...none, ...sources })).toThrow(message);
  });

  test("what Kubernetes sets for a service named orchestrator is no mistake of the user's", () => {
    const environment = { ORCHESTRATOR_SERVICE_HOST: "10.0.0.1", ORCHESTRATOR_PORT_8080_TCP_ADDR: "10.0.0.1" };
    expect(resolve(SERVE, { flags: {}, environment }).host).toBe("127.0.0.1");
  });
});

describe("an env file", () => {
  test("holds names and values, comments and quotes", () => {
    const text = `# tokens\nexport CLIENT_TOKEN="a # b"\nWORKER_TOKEN=two # a comment\n\nEMPTY=\n`;
    expect(parseEnvFile(".env", text)).toEqual({ CLIENT_TOKEN: "a # b", WORKER_TOKEN: "two", EMPTY: "" });
  });

  test("is refused with the line that cannot be read", () => {
    expect(() => parseEnvFile("my.env", "A=1\nwhat\n")).toThrow("my.env:2 cannot be read");
  });
});

test("server and worker log alike: one word for each, and the longer one for warnings", () => {
  const environment = { LOG_LEVEL: "WARNING", LOG_FORMAT: "json" };
  for (const table of [SERVE, WORKER]) {
    expect(resolve(table, { flags: {}, environment })).toMatchObject({ logLevel: "warn", logFormat: "json" });
    expect(resolve(table, none)).toMatchObject({ logLevel: "info", logFormat: "auto" });
  }
});

describe("a list", () => {
  const networks = ["10.0.0.0/8", "hooks.internal"];

  test("is given with commas, or as a list in the file", () => {
    expect(resolve(SERVE, none).webhookAllow).toEqual([]);
    const environment = { WEBHOOK_ALLOW: "10.0.0.0/8, hooks.internal" };
    expect(resolve(SERVE, { flags: {}, environment }).webhookAllow).toEqual(networks);
    const file = toml('webhook_allow = ["10.0.0.0/8", "hooks.internal"]');
    expect(resolve(SERVE, { ...none, ...file }).webhookAllow).toEqual(networks);
    const text = toml('webhook_allow = "10.0.0.0/8,hooks.internal"');
    expect(resolve(SERVE, { ...none, ...text }).webhookAllow).toEqual(networks);
  });

  test("of what it does not take is refused with what it takes, and others take none", () => {
    const environment = { WEBHOOK_ALLOW: "no such thing" };
    expect(() => resolve(SERVE, { flags: {}, environment })).toThrow(/WEBHOOK_ALLOW.*networks and host names/);
    expect(() => resolve(SERVE, { ...none, ...toml("webhook_allow = [1]") })).toThrow(/list/);
    expect(() => resolve(SERVE, { ...none, ...toml('host = ["a"]') })).toThrow(/not a list/);
  });
});

describe("names that mean the same", () => {
  test("are all taken, and may say the same twice", () => {
    for (const name of ["S3_BUCKET", "S3_BUCKET_NAME", "S3_DEFAULT_BUCKET", "ORCHESTRATOR_S3_BUCKET"]) {
      expect(resolve(SERVE, { flags: {}, environment: { [name]: "work" } }).s3Bucket).toBe("work");
    }
    const environment = { S3_BUCKET: "work", S3_BUCKET_NAME: "work" };
    expect(resolve(SERVE, { flags: {}, environment }).s3Bucket).toBe("work");
  });

  test("are refused where they differ and nobody could tell which was meant, and no value is shown", () => {
    const environment = { S3_SECRET_KEY: "hush-1", S3_SECRET_ACCESS_KEY: "hush-2" };
    let said = "";
    try {
      resolve(SERVE, { flags: {}, environment });
    } catch (error) {
      said = String(error);
    }
    expect(said).toContain("S3_SECRET_KEY and S3_SECRET_ACCESS_KEY");
    expect(said).not.toContain("hush");
  });
});
