import { describe, expect, test } from "bun:test";
import { mistypedIn } from "../../src/config/mistyped.ts";

describe("variables that look like settings", () => {
  test.each([
    ["RETENTION_DAY", "RETENTION_DAYS"],
    ["REPUTATION_MIN_TRESHOLD", "REPUTATION_MIN_THRESHOLD"],
    ["OPERATER_TOKEN", "OPERATOR_TOKEN"],
  ])("%s is told with the name that was meant: %s", (variable, meant) => {
    const said = `${variable} is no setting and has no effect; did you mean ${meant}?`;
    expect(mistypedIn({ [variable]: "secret" })).toEqual([said]);
  });

  test.each<[string, Record<string, string>]>([
    ["a setting", { RETENTION_DAYS: "3" }],
    ["another program's", { PATH: "/bin", HOSTNAME: "a", DATABASE_URL: "x", POSTGRES_DSN: "x", WORKER_PORT: "1" }],
    ["one that is empty", { RETENTION_DAY: "" }],
    ["one beside the setting itself", { RETENTION_DAY: "3", RETENTION_DAYS: "3" }],
    ["a short one, where a letter makes another word", { TZZ: "x", LOG_LEVLE: "x" }],
  ])("nothing is said of %s", (_, environment) => expect(mistypedIn(environment)).toEqual([]));
});
