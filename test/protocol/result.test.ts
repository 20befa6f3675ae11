import { describe, expect, test } from "bun:test";
import { readResult } from "../../src/protocol/result.ts";
import type { WorkerResult } from "../../src/protocol/worker.ts";
import type { JsonMap } from "../../src/system/errors.ts";

const ids = { job_id: "j", task_id: "t", worker_id: "w" };
const failure = (error: NonNullable<WorkerResult["error"]>) => ({ status: "failure", error });

const table: readonly (readonly [name: string, fields: JsonMap, expected: Partial<WorkerResult>])[] = [
  ["no status is success", {}, { status: "success", raw: '{"status":"success"}' }],
  ["data is passed on as text", { data: { a: 1 } }, { status: "success", data: '{"a":1}' }],
  ["empty data is none", { status: "success", data: {} }, { raw: '{"status":"success"}' }],
  [
    "what else it says stays in its order, without nulls",
    JSON.parse('{"b":null,"a":[1],"status":"success","seq":2,"data":{"x":1},"__proto__":"p","é":{}}') as JsonMap,
    { data: '{"x":1}', raw: '{"status":"success","data":{"x":1},"a":[1],"__proto__":"p","é":{}}' },
  ],
  ["null data is none", { status: "success", data: null, error: null }, { raw: '{"status":"success"}' }],
  [
    "a word of the blueprint's",
    { status: "needs_review", data: { r: 1 } },
    { status: "needs_review", data: '{"r":1}' },
  ],
  ["cancelled", { status: "cancelled" }, { status: "cancelled" }],
  [
    "form 1: an error object",
    { status: "failure", error: { code: "PERMANENT_ERROR", message: "nope", details: { at: 7 } } },
    failure({ code: "PERMANENT_ERROR", message: "nope", details: { at: 7 } }),
  ],
  [
    "an endless message, and an endless code, are cut",
    { status: "failure", error: { code: "E".repeat(9000), message: "é".repeat(9000) } },
    failure({ code: `${"E".repeat(199)}…`, message: `${"é".repeat(3999)}…` }),
  ],
  [
    "an endless status is none",
    { status: "s".repeat(201) },
    failure({
      code: "CONTRACT_VIOLATION_ERROR",
      message: "The worker's result cannot be used: The result's status is longer than 200 characters.",
    }),
  ],
  [
    "form 1 without a code",
    { status: "failure", error: { message: "m" } },
    failure({ code: "TRANSIENT_ERROR", message: "m" }),
  ],
  [
    "form 1 with an empty object",
    { status: "failure", error: {} },
    failure({ code: "TRANSIENT_ERROR", message: "The worker gave no reason." }),
  ],
  [
    "form 2: error_type beside a text",
    { status: "failure", error_type: "INVALID_INPUT_ERROR", error: "flat" },
    failure({ code: "INVALID_INPUT_ERROR", message: "flat" }),
  ],
  [
    "form 2 with error_message",
    { status: "failure", error_type: "PERMANENT_ERROR", error_message: "m" },
    failure({ code: "PERMANENT_ERROR", message: "m" }),
  ],
  ["form 3: a text", { status: "failure", error: "text" }, failure({ code: "TRANSIENT_ERROR", message: "text" })],
  [
    "form 4: error_message",
    { status: "failure", error_message: "text" },
    failure({ code: "TRANSIENT_ERROR", message: "text" }),
  ],
  [
    "form 4: an unsupported task is no passing trouble",
    { status: "failure", error_message: "Unsupported task: x" },
    failure({ code: "PERMANENT_ERROR", message: "Unsupported task: x" }),
  ],
  [
    "form 5: nothing",
    { status: "failure" },
    failure({ code: "TRANSIENT_ERROR", message: "The worker gave no reason." }),
  ],
  [
    "data that is no object",
    { data: [1] },
    failure({
      code: "CONTRACT_VIOLATION_ERROR",
      message: "The worker's result cannot be used: The result's data must be an object.",
    }),
  ],
  [
    "a status that is no word",
    { status: 5 },
    failure({
      code: "CONTRACT_VIOLATION_ERROR",
      message: "The worker's result cannot be used: The result's status must be a word.",
    }),
  ],
];

describe("both layouts say the same", () => {
  for (const [name, fields, expected] of table) {
    test(name, () => {
      const nested = readResult({ ...ids, result: fields }, "w");
      const flat = readResult({ ...ids, ...fields }, "w");
      expect(nested).toMatchObject({ jobId: "j", taskId: "t", workerId: "w", ...expected });
      expect(flat).toEqual(nested);
      expect("data" in nested).toBe("data" in expected);
      expect("error" in nested).toBe("error" in expected);
    });
  }
});

test("what an aggregator sees has the worker's own fields, and nothing of the delivery", () => {
  const body = { ...ids, status: "success", data: { a: 1 }, data_metadata: { f: { size: 1 } }, note: "n", error: null };
  const { raw } = readResult({ ...body, seq: 5, type: "result", security: { signature: "s" }, timestamp: 1 }, "w");
  expect(JSON.parse(raw)).toEqual({ status: "success", data: { a: 1 }, data_metadata: { f: { size: 1 } }, note: "n" });
});

test("a flat result may have a text named result", () => {
  expect(readResult({ ...ids, result: "done", status: "cancelled" }, "w").status).toBe("cancelled");
});

for (const missing of ["job_id", "task_id"]) {
  test(`without ${missing} nobody can be told: it is refused`, () => {
    expect(() => readResult({ ...ids, [missing]: "" }, "w")).toThrow("job_id and task_id are required");
  });
}
