import { describe, expect, test } from "bun:test";
import { readFailures, readTally } from "../../scripts/check/tally.ts";

describe("the totals of a test run", () => {
  test.each([
    ["all passed", " 12 pass\n 0 fail\n 30 expect() calls\n", 0, { passed: 12, failed: 0, skipped: 0 }],
    ["some failed, some skipped", " 10 pass\n 3 skip\n 2 fail\n", 1, { passed: 10, failed: 2, skipped: 3 }],
    ["colours", "\u001b[32m 7 pass\u001b[0m\n\u001b[2m 0 fail\u001b[0m\n", 0, { passed: 7, failed: 0, skipped: 0 }],
    ["a file that did not load", " 5 pass\n 0 fail\n 1 error\n", 1, { passed: 5, failed: 1, skipped: 0 }],
    ["a run that broke off", "test/a.test.ts:\n(pass) one\n", 137, { passed: 0, failed: 1, skipped: 0 }],
    ["a test's own text", "3 fail loudly\n 4 pass\n 0 fail\n", 0, { passed: 4, failed: 0, skipped: 0 }],
  ])("%s", (_, output, exitCode, tally) => {
    expect(readTally(output, exitCode)).toEqual(tally);
  });
});

describe("what is said of failed tests", () => {
  test("is told once for each, without what belongs to others", () => {
    const output = [
      "test/a.test.ts:",
      "(pass) fine [1ms]",
      "error: expected 1",
      "\u001b[31m(fail)\u001b[0m broken [2ms]",
      "(skip) later",
      "test/b.test.ts:",
      "error: expected 2",
      "(fail) also > broken [3ms]",
      "",
      "2 tests failed:",
      "(fail) broken [2ms]",
      "(fail) also > broken [3ms]",
    ].join("\n");
    expect(readFailures(output)).toEqual([
      "error: expected 1\n(fail) broken [2ms]",
      "error: expected 2\n(fail) also > broken [3ms]",
    ]);
  });

  test("is cut where it is long: its end stays", () => {
    const lines = Array.from({ length: 1000 }, (_, number) => `line ${number}`);
    const [told] = readFailures([...lines, "(fail) broken"].join("\n"));
    expect(told?.split("\n")).toHaveLength(81);
    expect(told).toEndWith("line 999\n(fail) broken");
  });
});
