import { describe, expect, test } from "bun:test";
import { isBuilt } from "./binary.ts";
import { runCrashRounds } from "./crash.ts";

describe.skipIf(!isBuilt)("kill -9 of the server under load", () => {
  test("after five rounds no acknowledged job is lost, stuck or failed, and each result counted once", async () => {
    const report = await runCrashRounds({ rounds: 5 });
    expect(report.acknowledged).toBeGreaterThan(0);
    expect(report).toMatchObject({ lost: [], stuck: [], failed: [], miscounted: [], doubled: 0 });
  }, 240_000);
});
