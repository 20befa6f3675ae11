import { describe, expect, test } from "bun:test";
import { InvalidInputError, PermanentError, TransientError } from "../../worker/index.ts";
import { ERROR_CODE, ERROR_DETAILS } from "../../worker/errors.ts";
import { returned, thrown } from "../../worker/outcome.ts";

const circular: Record<string, unknown> = {};
circular["self"] = circular;

interface Failure {
  readonly status: string;
  readonly error: { readonly code: string; readonly message: string };
}

describe("what a handler returns", () => {
  test.each<[string, unknown, string]>([
    ["a text", "done", "a string"],
    ["a number", 7, "a number"],
    ["null", null, "null"],
    ["an array", [1, 2], "an array"],
    ["a circle", circular, "cannot be written as JSON"],
    ["a big integer", { n: 10n }, "cannot be written as JSON"],
    ["data that is no object", { status: "success", data: [1] }, "data has to be an object"],
    [
      "a status that is no text",
      { status: 200, body: "x" },
      "put an object that has a field of that name under `data`",
    ],
    ["an object that writes itself as a text", { toJSON: () => "x", status: "success" }, "no object"],
    ["more than 10 MB", { text: "x".repeat(10 * 1024 * 1024) }, "larger than 10 MB"],
    ["more than 10 MB in fewer characters", { text: "ж".repeat(6 * 1024 * 1024) }, "larger than 10 MB"],
  ])("%s is a permanent error that says why", (_, value, reason) => {
    const result = JSON.parse(returned(value)) as Failure;

    expect(result.status).toBe("failure");
    expect(result.error.code).toBe("PERMANENT_ERROR");
    expect(result.error.message).toContain(reason);
  });

  test.each<[string, unknown, object]>([
    ["nothing is a success", undefined, { status: "success" }],
    ["an object without status is the data of a success", { n: 1 }, { status: "success", data: { n: 1 } }],
    ["an empty object is a success", {}, { status: "success", data: {} }],
    ["a success stays as it is", { status: "success", data: { n: 1 } }, { status: "success", data: { n: 1 } }],
    ["null as data is allowed", { status: "success", data: null }, { status: "success", data: null }],
    ["a word of the blueprint's stays", { status: "needs_review" }, { status: "needs_review" }],
    [
      "the cookbook's failure stays",
      { status: "failure", error_type: "INVALID_INPUT_ERROR", error: "no key" },
      { status: "failure", error_type: "INVALID_INPUT_ERROR", error: "no key" },
    ],
  ])("%s", (_, value, expected) => {
    expect(JSON.parse(returned(value))).toEqual(expected);
  });
});

describe("what a handler throws", () => {
  class Detailed extends Error {
    readonly [ERROR_DETAILS] = circular;
  }

  class OtherCopy extends Error {
    readonly [ERROR_CODE] = "INVALID_INPUT_ERROR";
  }

  test("what it tells beside its message is left out where it cannot be written", () => {
    const { error } = JSON.parse(thrown(new Detailed("no ink"))) as Failure;
    expect(error.message).toStartWith("no ink (What it told beside that");
  });

  test.each<[string, unknown, string, string]>([
    ["a TransientError", new TransientError("down"), "TRANSIENT_ERROR", "down"],
    ["a PermanentError", new PermanentError("gone"), "PERMANENT_ERROR", "gone"],
    ["an InvalidInputError", new InvalidInputError("no key"), "INVALID_INPUT_ERROR", "no key"],
    ["an error of another copy of the module", new OtherCopy("no key"), "INVALID_INPUT_ERROR", "no key"],
    ["any other error", new RangeError("too far"), "TRANSIENT_ERROR", "too far"],
    ["an error without a message", new TypeError(""), "TRANSIENT_ERROR", "TypeError"],
    ["a text", "out of paper", "TRANSIENT_ERROR", "out of paper"],
    ["nothing", undefined, "TRANSIENT_ERROR", "The handler threw undefined, which says nothing."],
    ["an object with a message", { code: 5, message: "no ink" }, "TRANSIENT_ERROR", "no ink"],
    ["another object", { code: "E_INK" }, "TRANSIENT_ERROR", '{"code":"E_INK"}'],
    ["a circle", circular, "TRANSIENT_ERROR", "The handler threw a value that cannot be shown."],
    ["what has no text", Object.create(null), "TRANSIENT_ERROR", "{}"],
    ["a symbol", Symbol("ink"), "TRANSIENT_ERROR", "Symbol(ink)"],
    ["an endless message", new Error("é".repeat(9000)), "TRANSIENT_ERROR", `${"é".repeat(3999)}…`],
  ])("%s becomes a failure with a code and a message", (...[, error, code, message]) => {
    expect(JSON.parse(thrown(error))).toEqual({ status: "failure", error: { code, message } });
  });
});
