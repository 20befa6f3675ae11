import { describe, expect, test } from "bun:test";
import { readClients } from "../../src/access/clients-file.ts";
import { hashOf } from "../../src/access/tokens.ts";
import { readWorkers } from "../../src/access/workers-file.ts";
import { Refusal } from "../../src/system/errors.ts";

const taken = new Map([
  [hashOf("global-secret"), "CLIENT_TOKEN"],
  [hashOf("shared-secret"), "WORKER_TOKEN"],
]);
const clients = (text: string) => readClients({ kind: "clients", path: "conf/clients.toml", text }, taken);
const workers = (text: string) => readWorkers({ kind: "workers", path: "workers.toml", text }, taken);

function refusalOf(run: () => unknown): Refusal {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("a refusal was expected");
}

describe("clients.toml", () => {
  test("gives each client its plan, its limit and all that handlers are told, without the token", () => {
    const [premium, free] = clients(`
      [client_premium]
      token = "vip"
      plan = "premium"
      monthly_attempts = 100000
      languages = ["en", "de"]
      since = 2026-01-02
      params = { tier = 1, deep = { on = true } }
      ["free clients"]
      token = "free"`);
    expect(premium).toEqual({
      id: "client_premium",
      hash: hashOf("vip"),
      plan: "premium",
      monthlyAttempts: 100_000,
      config: {
        plan: "premium",
        monthly_attempts: 100_000,
        languages: ["en", "de"],
        since: "2026-01-02",
        params: { tier: 1, deep: { on: true } },
      },
    });
    expect(free).toMatchObject({ id: "free clients", config: {} });
    expect([free?.plan, free?.monthlyAttempts]).toEqual([undefined, undefined]);
    expect(JSON.stringify([premium, free])).not.toContain('"vip"');
  });

  test.each([
    ["no TOML", '[a]\ntoken = "secret-x\n', ["line 2, column"]],
    ["a table without a token", '[a]\nplan = "p"', ["[a]", "token is missing"]],
    ["a token that is a number", "[a]\ntoken = 12345", ["[a]", "token is a number"]],
    ["a token that is a list", '[a]\ntoken = ["secret-x"]', ["[a]", "token is a list"]],
    ["an empty token", '[a]\ntoken = ""', ["[a]", "token cannot be used"]],
    ["a token that no header carries", '[a]\ntoken = "secret-x\\n"', ["[a]", "token cannot be used"]],
    [
      "a limit that is a text",
      '[a]\ntoken = "secret-x"\nmonthly_attempts = "100"',
      ["[a]", 'monthly_attempts is "100"'],
    ],
    ["a limit that is no whole number", '[a]\ntoken = "secret-x"\nmonthly_attempts = 1.5', ["monthly_attempts is 1.5"]],
    ["a limit below zero", '[a]\ntoken = "secret-x"\nmonthly_attempts = -1', ["monthly_attempts is -1"]],
    ["a plan that is no text", '[a]\ntoken = "secret-x"\nplan = 1', ["[a]", "plan is 1"]],
    ["a key outside of all tables", 'token = "secret-x"', ['"token" stands outside']],
    ["a list of tables", '[[a]]\ntoken = "secret-x"', ['"a" stands outside']],
    ["two clients with one token", '[a]\ntoken = "secret-x"\n[b]\ntoken = "secret-x"', ["[b]", "[a] too"]],
    ["the token of everybody else", '[a]\ntoken = "global-secret"', ["[a]", "CLIENT_TOKEN"]],
    ["the name of CLIENT_TOKEN's client", '[default]\ntoken = "secret-x"', ["[default]"]],
    ["the name of the schedules", '[internal-scheduler]\ntoken = "secret-x"', ["[internal-scheduler]"]],
    ["the name of the operators", '[operator]\ntoken = "secret-x"', ["[operator]"]],
    ["a name that is none", '[" "]\ntoken = "secret-x"', ["no name for a client"]],
    ["a table twice", '[a]\ntoken = "secret-x"\n[a]\ntoken = "secret-y"', ["line 3"]],
  ])("with %s is refused by file, table and key, and shows no token", (_, text, parts) => {
    const refusal = refusalOf(() => clients(text));
    expect(refusal.code).toBe("CLIENTS_CONFIG_INVALID");
    expect(refusal.message).toStartWith("conf/clients.toml: ");
    for (const part of parts) expect(refusal.message).toContain(part);
    expect(refusal.message).not.toMatch(/secret|12345/);
    expect(refusal.message).not.toContain("\n");
  });
});

describe("workers.toml", () => {
  test("gives each id, or pattern of ids, its token; what else stands there is nobody's business", () => {
    expect(workers('[worker-001]\ntoken = "one"\ndescription = "rack 4"\n["cpu-*"]\ntoken = "many"')).toEqual([
      { id: "worker-001", hash: hashOf("one") },
      { id: "cpu-*", hash: hashOf("many") },
    ]);
    expect(workers("")).toEqual([]);
  });

  test.each([
    ["a table without a token", "[worker-001]\n", ["[worker-001] token is missing"]],
    ["a pattern without quotes", '[cpu-*]\ntoken = "secret-x"', ["line 1", 'stands in quotes: ["cpu-*"]']],
    ["the shared token", '[worker-001]\ntoken = "shared-secret"', ["WORKER_TOKEN"]],
    ["an empty id", '[""]\ntoken = "secret-x"', ["no id of a worker"]],
  ])("with %s is refused", (_, text, parts) => {
    const refusal = refusalOf(() => workers(text));
    expect(refusal.code).toBe("WORKERS_CONFIG_INVALID");
    for (const part of parts) expect(refusal.message).toContain(part);
    expect(refusal.message).not.toContain("secret");
  });
});
