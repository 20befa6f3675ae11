import { describe, expect, test } from "bun:test";
import { isQuick, withQuickPatterns } from "../../src/protocol/schema-patterns.ts";

describe("a pattern", () => {
  test.each([
    ["^[a-z]+$"],
    ["^\\d{4}-\\d{2}-\\d{2}$"],
    ["^https?://"],
    ["^v\\d+"],
    ["\\.png$"],
    ["^[(|)*]+$"],
    ["^\\(\\d*\\)$"],
  ])("that is plainly quick: %s", (pattern) => {
    expect(isQuick(pattern)).toBe(true);
  });

  test.each([
    ["^(a+)+$"],
    ["(a|a)*b"],
    ["^(a|aa)+$"],
    ["a+b"],
    ["\\s+$"],
    ["^a*a*a*b"],
    ["^.{1,9}.{1,9}x"],
    ["x".repeat(501)],
  ])("that may not be: %s", (pattern) => {
    expect(isQuick(pattern)).toBe(false);
  });
});

test("what is no schema stays as it is, and what is not known without a left out pattern goes with it", () => {
  const told: string[] = [];
  const schema = {
    enum: [{ pattern: "(a+)+" }],
    properties: { default: { pattern: "(b+)+", maxLength: 3 } },
    patternProperties: { "(c+)+": {} },
    additionalProperties: false,
  };
  expect(withQuickPatterns(schema, (pattern) => told.push(pattern))).toEqual({
    enum: [{ pattern: "(a+)+" }],
    properties: { default: { maxLength: 3 } },
  });
  expect(told).toEqual(["(c+)+", "(b+)+"]);
});

test.each([["not"], ["oneOf"]])("under %s nothing is left out: the schema would take less than it says", (word) => {
  const schema = { properties: { a: { [word]: [{ type: "string", pattern: "(a+)+" }] } } };
  expect(() => withQuickPatterns(schema, () => undefined)).toThrow("(a+)+");
  const quick = { properties: { a: { [word]: [{ type: "string", pattern: "^a+$" }] } } };
  expect(withQuickPatterns(quick, () => undefined)).toEqual(quick);
});
