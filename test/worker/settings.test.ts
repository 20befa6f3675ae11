import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { Refusal } from "../../src/system/errors.ts";
import { type Access, accessNow, placeNow, refusalOf as refusalAt } from "../../worker/access.ts";
import type { WorkerOptions } from "../../worker/contract.ts";
import { type Overrides, readSettings, type Settings } from "../../worker/settings.ts";

interface Given {
  readonly environment?: Record<string, string>;
  readonly options?: WorkerOptions;
  readonly overrides?: Overrides;
  readonly tasks?: Record<string, { limit?: string }>;
  readonly files?: readonly string[];
}

function readText(path: string): string {
  if (path.startsWith("/pem/")) return `text of ${path}`;
  throw new Error("no such file");
}

function read({ environment = {}, options = {}, overrides = {}, tasks = {}, files = [] }: Given): Settings {
  return readSettings({
    environment,
    options,
    overrides,
    tasks: new Map(Object.entries(tasks).map(([name, task]) => [name, { ...task, run: () => undefined }])),
    machine: { hostname: "host", cpuCores: 2, ramGb: 8, exists: (path) => files.includes(path), readText },
    newId: () => "made",
  });
}

function accessOf({ orchestrators: [first] }: Settings): Access {
  if (!first) throw new Error("there is no orchestrator");
  return first.access;
}

function refusalOf(given: Given): Refusal {
  try {
    read(given);
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("the settings were accepted");
}

describe("settings of a worker", () => {
  test.each<[string, Given, string]>([
    ["a concurrency that is no number", { environment: { MAX_CONCURRENT_TASKS: "many" } }, "MAX_CONCURRENT_TASKS"],
    ["a concurrency of nothing", { options: { maxConcurrentTasks: 0 } }, "maxConcurrentTasks is 0"],
    ["a limit that is no whole number", { options: { taskTypeLimits: { gpu: 1.5 } } }, "taskTypeLimits.gpu is 1.5"],
    ["a negative interval", { environment: { HEARTBEAT_INTERVAL: "-1" } }, "HEARTBEAT_INTERVAL"],
    ["a stall that is a word", { environment: { WORKER_STALL_SECONDS: "never" } }, 'WORKER_STALL_SECONDS is "never"'],
    ["an address of another kind", { environment: { ORCHESTRATOR_URL: "ftp://there" } }, "ftp://there"],
    [
      "a list of orchestrators that is no JSON",
      { environment: { ORCHESTRATORS_CONFIG: "[{" } },
      "ORCHESTRATORS_CONFIG",
    ],
    ["a list of orchestrators that is empty", { environment: { ORCHESTRATORS_CONFIG: "[]" } }, "is empty"],
    ["an orchestrator without url", { environment: { ORCHESTRATORS_CONFIG: '[{"uri":"x"}]' } }, '"url"'],
    ...(
      [
        ["is no list", '{"url":"http://a"}', "no JSON array"],
        ["has an entry that is a text", '["http://a"]', "Entry 1 of ORCHESTRATORS_CONFIG is no object"],
        ["has another kind of address", '[{"url":"http://a"},{"url":"ftp://b"}]', "ftp://b"],
        ["has a misspelled field", '[{"url":"http://a","wieght":2}]', "did you mean weight?"],
        ["has a weight of nothing", '[{"url":"http://a","weight":0}]', "the weight 0"],
        ["has a weight that is a text", '[{"url":"http://a","weight":"2"}]', 'the weight "2"'],
        ["has a priority that is a text", '[{"url":"http://a","priority":"high"}]', 'the priority "high"'],
        ["has a token that is a number", '[{"url":"http://a","token":5}]', "between quotes"],
        ["names one twice", '[{"url":"http://a"},{"url":"http://a/"}]', "list each orchestrator once"],
      ] as const
    ).map(
      ([what, config, part]) =>
        [`a list of orchestrators that ${what}`, { environment: { ORCHESTRATORS_CONFIG: config } }, part] as [
          string,
          Given,
          string,
        ],
    ),
    [
      "a cost that is a text",
      { environment: { COST_PER_SKILL: '{"paint":"2"}' } },
      'COST_PER_SKILL has "2" for "paint"',
    ],
    ["software that is a list", { environment: { INSTALLED_SOFTWARE: "[]" } }, "INSTALLED_SOFTWARE is no JSON object"],
    ["a certificate that is not there", { environment: { TLS_CA_PATH: "/none" } }, "TLS_CA_PATH names /none"],
    ["a certificate without its key", { environment: { TLS_CERT_PATH: "/pem/c" } }, "belong together"],
    ["a mode that is none", { environment: { MULTI_ORCHESTRATOR_MODE: "FAIL_OVER" } }, "did you mean FAILOVER?"],
    ["a port beyond all ports", { environment: { WORKER_PORT: "70000" } }, "WORKER_PORT"],
    ["models that are no array", { environment: { INSTALLED_MODELS: "{}" } }, "INSTALLED_MODELS"],
    ["a model without name", { environment: { INSTALLED_MODELS: '[{"version":"1"}]' } }, "has no name"],
    ["an id with blanks", { environment: { WORKER_ID: "my worker" } }, "my worker"],
    ["a switch that is neither on nor off", { environment: { WORKER_ENABLE_WEBSOCKETS: "maybe" } }, "maybe"],
  ])("%s is refused by name", (_, given, part) => {
    const refusal = refusalOf(given);

    expect(refusal.code).toBe("INVALID_SETTING");
    expect(refusal.message).toContain(part);
  });

  test("defaults stand without any setting", () => {
    const settings = read({});

    expect(accessOf(settings)).toMatchObject({
      endpoint: { kind: "url", base: "http://localhost:8080" },
      workerId: "worker-made",
    });
    expect(settings.limits.total).toBe(10);
    expect(settings.heartbeatMs).toBe(15_000);
    expect(settings.stallMs).toBe(300_000);
    expect(read({ environment: { WORKER_STALL_SECONDS: "0" } }).stallMs).toBeUndefined();
    expect(settings.resources).toEqual({ cpu_cores: 2, ram_gb: 8, gpu_info: null });
  });

  test.each<[string, Given, string]>([
    [
      "a token keeps it from the local door",
      { environment: { WORKER_TOKEN: "t" } },
      "WORKER_TOKEN is set, so no local",
    ],
    ["nothing is set", {}, `there is no server in ${resolve("data")} yet either`],
    ["an address is set", { environment: { ORCHESTRATOR_URL: "http://a:1" } }, "Check --url or ORCHESTRATOR_URL"],
    ["a data folder is set", { overrides: { dataDir: "/d" } }, "`orchestrator serve --data-dir /d`"],
  ])("where nobody answers and %s, it says what to do", (_, given, advice) => {
    expect(read(given).orchestrators[0]?.advice).toContain(advice);
  });

  test("a local door that is waited for is told as where it goes, once it is there", () => {
    const path = resolve("data", "orchestrator.sock");
    expect(placeNow(accessOf(read({})))).toBe(`${path} once it is there, until then http://localhost:8080`);
    expect(placeNow(accessOf(read({ files: [path] })))).toBe(path);
    expect(placeNow(accessOf(read({ environment: { ORCHESTRATOR_URL: "http://a:1" } })))).toBe("http://a:1");
  });

  test("without an address it goes to the port of the server beside it", () => {
    const overrides = { usualUrl: "http://localhost:9000" };
    const base = { kind: "url", base: "http://localhost:9000" } as const;
    expect(accessOf(read({ overrides })).endpoint).toEqual(base);
    expect(accessOf(read({ overrides, environment: { WORKER_TOKEN: "t" } })).endpoint).toEqual(base);
  });

  test.each([
    ["WORKER_INDIVIDUAL_TOKEN", "individual"],
    ["AVTOMATIKA_WORKER_TOKEN", "named"],
    ["WORKER_TOKEN", "shared"],
  ])("%s gives the token", (name, token) => {
    expect(accessOf(read({ environment: { [name]: token } })).token).toBe(token);
  });

  test("the worker's own token beats the shared one, and the command line beats both", () => {
    const environment = { WORKER_TOKEN: "shared", WORKER_INDIVIDUAL_TOKEN: "own" };

    expect(accessOf(read({ environment })).token).toBe("own");
    expect(accessOf(read({ environment, overrides: { token: "flag" } })).token).toBe("flag");
  });

  test("options in the file beat the environment, the command line beats both", () => {
    const environment = { MAX_CONCURRENT_TASKS: "3", WORKER_TYPE: "env", WORKER_COST_PER_SECOND: "3", CPU_CORES: "3" };
    const options = { maxConcurrentTasks: 5, workerType: "code", costPerSecond: 5, resources: { cpuCores: 5 } };

    const fromEnvironment = read({ environment });
    expect(fromEnvironment).toMatchObject({ workerType: "env", costPerSecond: 3, resources: { cpu_cores: 3 } });
    expect(fromEnvironment.limits.total).toBe(3);
    const fromCode = read({ environment, options });
    expect(fromCode).toMatchObject({ workerType: "code", costPerSecond: 5, resources: { cpu_cores: 5 } });
    expect(fromCode.limits.total).toBe(5);
    expect(read({ environment, options, overrides: { concurrency: 7 } }).limits.total).toBe(7);
  });

  test("resources of the file are written as the wire spells them", () => {
    const resources = { gpu: { model: "T4", vramGb: 16 }, ramGb: 32, zone: "b" };

    expect(read({ options: { resources } }).resources).toEqual({
      cpu_cores: 2,
      ram_gb: 32,
      gpu_info: { model: "T4", vram_gb: 16 },
      zone: "b",
    });
  });

  test("GPU and models come from the environment too", () => {
    const environment = {
      GPU_MODEL: "A100",
      GPU_VRAM_GB: "80",
      INSTALLED_MODELS: '["llama",{"name":"sd","version":"1.5"}]',
    };

    const settings = read({ environment });

    expect(settings.resources["gpu_info"]).toEqual({ model: "A100", vram_gb: 80 });
    expect(settings.installedModels).toEqual([{ name: "llama" }, { name: "sd", version: "1.5" }]);
  });

  test("several orchestrators are served in the order of their priority, and then as they are listed", () => {
    const config = [
      { url: "http://last:1", priority: 20 },
      { url: "http://third:1", weight: 3 },
      { url: "http://second", priority: 2 },
      { url: "http://fourth:1" },
      { url: "http://first:1", priority: 1, token: "t" },
    ];
    const environment = { ORCHESTRATORS_CONFIG: JSON.stringify(config), WORKER_TOKEN: "common" };
    const { orchestrators, mode } = read({ environment: { ...environment, ORCHESTRATOR_URL: "http://x" } });

    expect(mode).toBe("FAILOVER");
    expect(orchestrators.map(({ name, weight }) => [name, weight])).toEqual([
      ["http://first:1", 1],
      ["http://second", 1],
      ["http://third:1", 3],
      ["http://fourth:1", 1],
      ["http://last:1", 1],
    ]);
    expect(orchestrators.map(({ access }) => access.token)).toEqual(["t", "common", "common", "common", "common"]);
  });

  test("the list beats a single address of the environment, and a flag beats the list", () => {
    const environment = {
      ORCHESTRATORS_CONFIG: '[{"url":"http://a"},{"url":"http://b"}]',
      ORCHESTRATOR_URL: "http://x",
    };
    const namesOf = (overrides: Overrides) => read({ environment, overrides }).orchestrators.map(({ name }) => name);

    expect(namesOf({ url: "http://x" })).toEqual(["http://a", "http://b"]);
    expect(namesOf({ url: "http://flag" })).toEqual(["http://flag"]);
    expect(namesOf({ socket: "/run/o.sock" })).toEqual(["/run/o.sock"]);
  });

  test("certificates are read from their files, for every orchestrator", () => {
    const paths = { TLS_CA_PATH: "/pem/ca", TLS_CERT_PATH: "/pem/cert", TLS_KEY_PATH: "/pem/key" };
    const environment = { ORCHESTRATORS_CONFIG: '[{"url":"https://a"},{"url":"https://b"}]', ...paths };
    const tls = { ca: "text of /pem/ca", cert: "text of /pem/cert", key: "text of /pem/key" };

    expect(read({ environment }).orchestrators.map(({ access }) => access.tls)).toEqual([tls, tls]);
  });

  test("what else a worker has, and what its tasks cost, comes from the environment", () => {
    const settings = read({
      environment: {
        COST_PER_SKILL: '{"paint":2}',
        INSTALLED_SOFTWARE: '{"ffmpeg":"5.1"}',
        INSTALLED_ARTIFACTS: '[{"name":"lora"}]',
        WORKER_DEVICES: '[{"type":"gpu","id":0}]',
        WORKER_EXTRA_ZONE: "eu-1",
        GPU_MODEL: "T4",
        GPU_ID: "0",
      },
    });

    expect(settings).toMatchObject({
      costPerTask: { paint: 2 },
      installedSoftware: { ffmpeg: "5.1" },
      installedArtifacts: [{ name: "lora" }],
      extra: { zone: "eu-1" },
      resources: { devices: [{ type: "gpu", id: 0 }], gpu_info: { model: "T4", id: "0" } },
    });
  });

  test("a refused token is named by where it was set", () => {
    const sentenceOf = (given: Given, place = 0) => {
      const access = read(given).orchestrators[place]?.access;
      const refusal = access && refusalAt(access, 401, "");
      return refusal instanceof Refusal ? refusal.message : "";
    };
    const environment = {
      ORCHESTRATORS_CONFIG: '[{"url":"http://a","token":"own"},{"url":"http://b"}]',
      WORKER_TOKEN: "t",
    };

    expect(sentenceOf({ environment })).toContain('set the "token" of entry 1 of ORCHESTRATORS_CONFIG');
    expect(sentenceOf({ environment }, 1)).toContain("set WORKER_TOKEN to");
    expect(sentenceOf({ environment: { AVTOMATIKA_WORKER_TOKEN: "t" } })).toContain("set AVTOMATIKA_WORKER_TOKEN to");
    expect(sentenceOf({ environment: { WORKER_TOKEN: "t" }, overrides: { token: "t" } })).toContain("WORKER_TOKEN");
    expect(sentenceOf({ overrides: { url: "http://a", token: "t" } })).toContain("set --token to");
    expect(sentenceOf({ overrides: { url: "http://a" } })).toContain("No token was set: set WORKER_TOKEN");
  });

  test("results are kept for a worker that has a name to come back under", () => {
    expect(read({}).resultsFolder).toBeUndefined();
    expect(read({ environment: { WORKER_ID: "w" } }).resultsFolder).toBe(resolve("data", "workers"));
    expect(read({ overrides: { id: "w", dataDir: "/d" } }).resultsFolder).toBe("/d/workers");
    expect(read({ environment: { WORKER_ID: "w", WORKER_DATA_DIR: "/w" } }).resultsFolder).toBe("/w");
  });

  test("the local door is taken where it is there and neither address nor token is given", () => {
    const door = resolve("data", "orchestrator.sock");
    const endpointOf = (given: Given) => accessNow(accessOf(read(given))).endpoint;

    expect(endpointOf({ files: [door] })).toEqual({ kind: "socket", path: door });
    expect(endpointOf({ files: [door], environment: { WORKER_TOKEN: "t" } }).kind).toBe("url");
    expect(endpointOf({ files: [door], environment: { ORCHESTRATOR_URL: "http://x" } }).kind).toBe("url");
    expect(endpointOf({ files: ["/d/orchestrator.sock"], environment: { DATA_DIR: "/d" } }).kind).toBe("socket");
  });

  test("the local door is looked for at each try, and the one of a named folder is the only one", () => {
    const files: string[] = [];
    const access = accessOf(read({ files }));
    expect(accessNow(access).endpoint.kind).toBe("url");
    files.push(resolve("data", "orchestrator.sock"));
    expect(accessNow(access).endpoint.kind).toBe("socket");

    const named = accessOf(read({ files, overrides: { dataDir: "/none" } }));
    expect(accessNow(named).endpoint).toEqual({ kind: "socket", path: "/none/orchestrator.sock" });
  });

  test("while the local door is waited for, a refusal at the usual address is worth another try", () => {
    expect(refusalAt(accessOf(read({})), 401, "Missing token")).toBeString();
    expect(refusalAt(accessOf(read({ overrides: { url: "http://x" } })), 401, "No.")).toBeInstanceOf(Refusal);
  });

  test("a token that is refused may be one of another door: the sentence says so and does not show it", () => {
    const refusal = refusalAt(accessOf(read({ overrides: { url: "http://x", token: "secret-1" } })), 401, "No.");
    const sentence = refusal instanceof Refusal ? refusal.message : refusal;
    expect(sentence).toContain("the tokens of clients and operators open other doors");
    expect(sentence).not.toContain("secret-1");
  });

  test("a task is limited by the limit that it names, or by one of its own name", () => {
    const { limits, warnings } = read({
      options: { taskTypeLimits: { gpu: 1, heavy: 2 } },
      tasks: { paint: { limit: "gpu" }, draw: { limit: "gpu" }, heavy: {}, light: {} },
    });

    expect(limits.limitOfTask).toEqual({ paint: "gpu", draw: "gpu", heavy: "heavy" });
    expect(warnings).toEqual([]);
  });

  test("a limit that nobody has, and one that nobody names, are warned of", () => {
    const { warnings } = read({ options: { taskTypeLimits: { gppu: 1 } }, tasks: { paint: { limit: "gpu" } } });

    expect(warnings).toHaveLength(2);
    expect(warnings.join()).toContain('"gpu"');
    expect(warnings.join()).toContain('"gppu"');
  });
});

describe("files in a store", () => {
  const on = { S3_ENDPOINT_URL: "http://127.0.0.1:9000" };

  test("are off without an endpoint; what is set in vain is a warning", () => {
    expect(read({})).toMatchObject({ files: undefined, warnings: [] });
    const { files, warnings } = read({ environment: { S3_BUCKET_NAME: "work" } });
    expect(files).toBeUndefined();
    expect(warnings.join()).toContain("S3_ENDPOINT_URL");
  });

  test.each([
    { S3_ACCESS_KEY: "a", S3_SECRET_KEY: "b", S3_BUCKET: "work" },
    { S3_ACCESS_KEY_ID: "a", S3_SECRET_ACCESS_KEY: "b", S3_BUCKET_NAME: "work" },
    { S3_ACCESS_KEY: "a", S3_SECRET_ACCESS_KEY: "b", S3_DEFAULT_BUCKET: "work" },
  ])("are on by any of the names: %j", (names) => {
    const { files } = read({
      environment: { ...on, ...names, S3_REGION: "eu-west-1", S3_MAX_CONCURRENCY: "3", S3_PATIENCE_SECONDS: "7" },
    });
    expect(files).toMatchObject({
      bucket: "work",
      keys: { id: "a", secret: "b" },
      region: "eu-west-1",
      concurrency: 3,
      patienceMs: 7_000,
    });
  });

  test.each<[string, Record<string, string>, string]>([
    ["half of a pair of keys", { ...on, S3_ACCESS_KEY: "a" }, "S3_SECRET_KEY is not"],
    ["two names that differ", { ...on, S3_BUCKET: "one", S3_BUCKET_NAME: "two" }, "S3_BUCKET and S3_BUCKET_NAME"],
    ["an endpoint that is no address", { S3_ENDPOINT_URL: "minio" }, "S3_ENDPOINT_URL"],
    ["a concurrency of nothing", { ...on, S3_MAX_CONCURRENCY: "0" }, "S3_MAX_CONCURRENCY"],
    ["no patience at all", { ...on, S3_PATIENCE_SECONDS: "0" }, "S3_PATIENCE_SECONDS"],
  ])("%s is refused", (_, environment, said) => {
    const { status, message } = refusalOf({ environment });
    expect(status).toBe(400);
    expect(message).toContain(said);
  });

  test.each(["WORKER_PAYLOAD_DIR", "TASK_FILES_DIR"])("lie below %s", (name) => {
    expect(read({ environment: { [name]: "/somewhere" } }).payloadFolder).toBe("/somewhere");
  });
});
