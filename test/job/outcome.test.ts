import { describe, expect, test } from "bun:test";
import { backoffMs, outcomeOf } from "../../src/job/outcome.ts";
import type { WorkerResult } from "../../src/protocol/worker.ts";

const result = (status: string, code?: string): WorkerResult => ({
  jobId: "j",
  taskId: "t",
  workerId: "w",
  status,
  raw: "{}",
  ...(code !== undefined && { error: { code, message: "why" } }),
});

describe("what a worker's answer means", () => {
  for (const [status, code, expected] of [
    ["success", undefined, { kind: "status", status: "success" }],
    ["constructor", undefined, { kind: "status", status: "constructor" }],
    ["success", "PERMANENT_ERROR", { kind: "status", status: "success" }],
    ["cancelled", undefined, { kind: "cancelled" }],
    ["failure", undefined, { kind: "transient", error: { code: "TRANSIENT_ERROR" } }],
    ["failure", "TRANSIENT_ERROR", { kind: "transient" }],
    ["failure", "TIMEOUT_ERROR", { kind: "transient" }],
    ["failure", "SOMETHING_NEW", { kind: "transient", error: { code: "SOMETHING_NEW", message: "why" } }],
    ["failure", "PERMANENT_ERROR", { kind: "final", endsAs: "quarantined" }],
    ["failure", "SECURITY_ERROR", { kind: "final", endsAs: "quarantined" }],
    ["failure", "DEPENDENCY_ERROR", { kind: "final", endsAs: "quarantined" }],
    ["failure", "CONTRACT_VIOLATION_ERROR", { kind: "final", endsAs: "quarantined" }],
    ["failure", "INVALID_INPUT_ERROR", { kind: "final", endsAs: "failed" }],
    ["failure", "INTEGRITY_MISMATCH_ERROR", { kind: "final", endsAs: "failed" }],
  ] as const) {
    test(`${status} with ${code ?? "no code"}: ${JSON.stringify(expected)}`, () => {
      expect(outcomeOf(result(status, code))).toMatchObject(expected);
    });
  }
});

describe("the pause before another attempt", () => {
  const retry = { maxAttempts: 10, backoffMs: 1_000, factor: 2, maxBackoffMs: 30_000 };
  for (const [failed, chance, expected] of [
    [1, 0, 500],
    [1, 1, 1_000],
    [2, 0, 1_000],
    [3, 1, 4_000],
    [6, 1, 30_000],
    [2_000, 0, 15_000],
  ] as const) {
    test(`after ${failed} with chance ${chance} is ${expected} ms`, () => {
      expect(backoffMs(retry, failed, chance)).toBe(expected);
    });
  }

  test("is none where none was asked for", () => {
    expect(backoffMs({ ...retry, backoffMs: 0 }, 3, 0.5)).toBe(0);
    expect(backoffMs({ ...retry, backoffMs: 0 }, 2_000, 0.5)).toBe(0);
  });
});
