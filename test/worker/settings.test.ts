import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { Refusal } from "../../src/system/errors.ts";
import { accessNow, refusalOf as refusalAt } from "../../worker/access.ts";
import type { WorkerOptions } from "../../worker/contract.ts";
import { type Overrides, readSettings, type Settings } from "../../worker/settings.ts";

interface Given {
  readonly environment?: Record<string, string>;
  readonly options?: WorkerOptions;
  readonly overrides?: Overrides;
  readonly tasks?: Record<string, { limit?: string }>;
  readonly files?: readonly string[];
}

function read({ environment = {}, options = {}, overrides = {}, tasks = {}, files = [] }: Given): Settings {
  return readSettings({
    environment,
    options,
    overrides,
    tasks: new Map(Object.entries(tasks).map(([name, task]) => [name, { ...task, run: () => undefined }])),
    machine: { hostname: "host", cpuCores: 2, ramGb: 8, exists: (path) => files.includes(path) },
    newId: () => "made",
  });
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
    ["an address of another kind", { environment: { ORCHESTRATOR_URL: "ftp://there" } }, "ftp://there"],
    [
      "a list of orchestrators that is no JSON",
      { environment: { ORCHESTRATORS_CONFIG: "[{" } },
      "ORCHESTRATORS_CONFIG",
    ],
    ["a list of orchestrators that is empty", { environment: { ORCHESTRATORS_CONFIG: "[]" } }, "is empty"],
    ["an orchestrator without url", { environment: { ORCHESTRATORS_CONFIG: '[{"uri":"x"}]' } }, '"url"'],
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

    expect(settings.access).toMatchObject({
      endpoint: { kind: "url", base: "http://localhost:8080" },
      workerId: "worker-made",
    });
    expect(settings.limits.total).toBe(10);
    expect(settings.heartbeatMs).toBe(15_000);
    expect(settings.resources).toEqual({ cpu_cores: 2, ram_gb: 8, gpu_info: null });
  });

  test.each([
    ["WORKER_INDIVIDUAL_TOKEN", "individual"],
    ["AVTOMATIKA_WORKER_TOKEN", "named"],
    ["WORKER_TOKEN", "shared"],
  ])("%s gives the token", (name, token) => {
    expect(read({ environment: { [name]: token } }).access.token).toBe(token);
  });

  test("the worker's own token beats the shared one, and the command line beats both", () => {
    const environment = { WORKER_TOKEN: "shared", WORKER_INDIVIDUAL_TOKEN: "own" };

    expect(read({ environment }).access.token).toBe("own");
    expect(read({ environment, overrides: { token: "flag" } }).access.token).toBe("flag");
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

  test("of several orchestrators the one that comes first by priority is served, and a warning says so", () => {
    const config = [{ url: "http://second" }, { url: "http://first:1/", priority: 1, token: "t" }];

    const settings = read({
      environment: { ORCHESTRATORS_CONFIG: JSON.stringify(config), ORCHESTRATOR_URL: "http://x" },
    });

    expect(settings.access).toMatchObject({ endpoint: { kind: "url", base: "http://first:1" }, token: "t" });
    expect(settings.warnings.join()).toContain("2 orchestrators");
  });

  test("the local door is taken where it is there and neither address nor token is given", () => {
    const door = resolve("data", "orchestrator.sock");
    const endpointOf = (given: Given) => accessNow(read(given).access).endpoint;

    expect(endpointOf({ files: [door] })).toEqual({ kind: "socket", path: door });
    expect(endpointOf({ files: [door], environment: { WORKER_TOKEN: "t" } }).kind).toBe("url");
    expect(endpointOf({ files: [door], environment: { ORCHESTRATOR_URL: "http://x" } }).kind).toBe("url");
    expect(endpointOf({ files: ["/d/orchestrator.sock"], environment: { DATA_DIR: "/d" } }).kind).toBe("socket");
  });

  test("the local door is looked for at each try, and the one of a named folder is the only one", () => {
    const files: string[] = [];
    const { access } = read({ files });
    expect(accessNow(access).endpoint.kind).toBe("url");
    files.push(resolve("data", "orchestrator.sock"));
    expect(accessNow(access).endpoint.kind).toBe("socket");

    const named = read({ files, overrides: { dataDir: "/none" } }).access;
    expect(accessNow(named).endpoint).toEqual({ kind: "socket", path: "/none/orchestrator.sock" });
  });

  test("while the local door is waited for, a refusal at the usual address is worth another try", () => {
    expect(refusalAt(read({}).access, 401, "Missing token")).toBeString();
    expect(refusalAt(read({ overrides: { url: "http://x" } }).access, 401, "No.")).toBeInstanceOf(Refusal);
  });

  test("a token that is refused may be one of another door: the sentence says so and does not show it", () => {
    const refusal = refusalAt(read({ overrides: { url: "http://x", token: "secret-1" } }).access, 401, "No.");
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
