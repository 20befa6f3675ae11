import { describe, expect, test } from "bun:test";
import { lineFormat } from "../../src/system/log-line.ts";

const line = { level: "warn", message: "it broke", fields: { state: "start", why: "two words" } } as const;
const json =
  '{"time":"1970-01-01T00:00:00.000Z","level":"warn","message":"it broke","state":"start","why":"two words"}\n';
const text = '00:00:00.000 warn  it broke state=start why="two words"\n';

describe("a line of the log", () => {
  test.each([
    ["auto", true, text],
    ["auto", false, json],
    ["text", false, text],
    ["json", true, json],
  ] as const)("%s, at a terminal: %s", (format, isTerminal, expected) => {
    expect(lineFormat(format, isTerminal)(line, 0)).toBe(expected);
  });

  test.each([
    ["json", '"circle":"(it cannot be shown as JSON)","many":"12345678901234567890","other":1'],
    ["text", 'circle="(it cannot be shown as JSON)" many="12345678901234567890" other=1'],
  ] as const)("is written whatever its fields hold: %s", (format, expected) => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    const fields = { circle, many: 12_345_678_901_234_567_890n, other: 1 };
    expect(lineFormat(format, false)({ ...line, fields }, 0)).toContain(expected);
  });

  test("shows an error without the frames of the compiled program", () => {
    const error = new TypeError("no");
    error.stack = "TypeError: no\n    at mine (/home/me/w.ts:1:2)\n    at #start (/$bunfs/root/orchestrator:11:5)";
    const shown = lineFormat("json", false)({ ...line, fields: { error } }, 0);
    expect(JSON.parse(shown).error).toBe("TypeError: no\n    at mine (/home/me/w.ts:1:2)");
  });
});
