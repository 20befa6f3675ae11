import { describe, expect, test } from "bun:test";
import { originalsIn } from "../../src/config/original.ts";

const REFUSED = [
  { TLS_ENABLED: "true" },
  { TLS_REQUIRE_CLIENT_CERT: "1" },
  { WORKER_AUTH_MODE: "mtls-only" },
  { WORKER_AUTH_MODE: "nonsense" },
  { ENABLE_CLIENT_API: "false" },
  { CLIENT_API_PREFIX: "v2" },
];
const FINE = [
  {},
  { TLS_ENABLED: "false", WORKER_AUTH_MODE: "mixed", ENABLE_CLIENT_API: "True", CLIENT_API_PREFIX: "api" },
  { REDIS_HOST: "", HISTORY_DATABASE_URI: undefined, DETAILED_API_RESPONSES: "true", WORK_STEALING_ENABLED: "true" },
  { API_PORT: "8080", INSTANCE_ID: "one", TZ: "UTC" },
];
const TOLD = [
  "REDIS_HOST",
  "POSTGRES_DSN",
  "HISTORY_DATABASE_URI",
  "RATE_LIMIT_POLL_LIMIT",
  "EXECUTOR_MAX_CONCURRENT_JOBS",
  "DISPATCHER_SOFT_LIMIT",
];

describe("a variable of the original", () => {
  for (const environment of REFUSED) {
    const [[name, value] = ["", ""]] = Object.entries(environment);
    test(`that would not be kept to stops the start and says what to do: ${name}=${value}`, () => {
      expect(() => originalsIn(environment)).toThrow(new RegExp(`^${name} is set to "${value}", but .+\\.$`));
    });
  }

  for (const environment of FINE) {
    test(`that asks for what happens anyhow is no matter: ${JSON.stringify(environment)}`, () => {
      expect(originalsIn(environment)).toEqual([]);
    });
  }

  test("that has no effect is told, each in a sentence, and never its value", () => {
    const told = originalsIn(Object.fromEntries(TOLD.map((name) => [name, "a secret"])));
    expect(told.map((sentence) => sentence.split(" ")[0])).toEqual(TOLD);
    for (const sentence of told) expect(sentence).toMatch(/^\w+ has no effect: .+\.$/);
    expect(told.join(" ")).not.toContain("secret");
  });
});
