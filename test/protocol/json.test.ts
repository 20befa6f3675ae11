import { describe, expect, test } from "bun:test";
import { findFlaw, JSON_DEPTH_MAX, parseObject } from "../../src/protocol/json.ts";
import { Refusal } from "../../src/system/errors.ts";

function codeOf(text: string): string {
  try {
    parseObject(text);
    return "taken";
  } catch (error) {
    return error instanceof Refusal ? `${error.status} ${error.code}` : "threw";
  }
}

const nested = (depth: number) => `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;

const table: readonly (readonly [name: string, text: string, expected: string])[] = [
  ["an object", '{"a":1}', "taken"],
  ["as deep as allowed", nested(JSON_DEPTH_MAX), "taken"],
  ["one deeper", nested(JSON_DEPTH_MAX + 1), "400 JSON_TOO_DEEP"],
  ["brackets inside of text are no depth", JSON.stringify({ a: `${"[".repeat(500)}\\"` }), "taken"],
  ["a million brackets", "[".repeat(1_000_000), "400 JSON_TOO_DEEP"],
  ["half a body", '{"a":', "400 INVALID_JSON"],
  ["nothing", "", "400 INVALID_JSON"],
  ["a list", "[]", "400 NOT_AN_OBJECT"],
  ["null", "null", "400 NOT_AN_OBJECT"],
  ["a NUL", '{"a":"\\u0000"}', "422 INVALID_TEXT"],
  ["an escaped backslash before u0000 is text", '{"a":"\\\\u0000"}', "taken"],
  ["a pair of surrogates", '{"a":"\\ud83d\\ude00"}', "taken"],
  ["half a pair", '{"a":"\\ud83d"}', "422 INVALID_TEXT"],
  ["a pair the wrong way round", '{"a":"\\ude00\\ud83d"}', "422 INVALID_TEXT"],
  ["other escapes", '{"a":"\\u00e9\\n\\"\\\\"}', "taken"],
  ["a NUL in a key", '{"a\\u0000":1}', "422 INVALID_TEXT"],
  ["the largest safe integer", '{"a":9007199254740991}', "taken"],
  ["one more", '{"a":9007199254740993}', "422 NUMBER_TOO_LARGE"],
  ["a large negative", '{"a":-12345678901234567890}', "422 NUMBER_TOO_LARGE"],
  ["digits in text", '{"a":"12345678901234567890"}', "taken"],
  ["a long fraction", '{"a":0.12345678901234567890}', "taken"],
  ["a float of any size", '{"a":1e300}', "taken"],
  ["more than a float can hold", '{"a":1e400}', "422 NUMBER_TOO_LARGE"],
];

describe("bodies at the door", () => {
  for (const [name, text, expected] of table) test(name, () => expect(codeOf(text)).toBe(expected));
});

describe("the place of a flaw", () => {
  const places: readonly (readonly [text: string, path: string | undefined])[] = [
    ['{"a":{"b":[1,{"c":"\\u0000"}]}}', "/a/b/1/c"],
    ['{"a/b":{"c~d":12345678901234567890}}', "/a~1b/c~0d"],
    ['{"a":[[],[{}],"x","\\ud800"]}', "/a/3"],
    ['{"first":"\\u00e9","bad\\u0000":1}', ""],
    ['{"a":{"x":1},"b":"\\u0000"}', "/b"],
    ['{ "a" : [ true , null , 12345678901234567890 ] }', "/a/2"],
    ['{"a":"\\u00e9"}', undefined],
  ];
  for (const [text, path] of places) test(text, () => expect(findFlaw(text)?.path).toBe(path));
});

test("every flaw that a scan finds in made-up bodies is where parsing puts it", () => {
  const values = ["x", 1, true, null, [], {}, "\u0000"];
  let seed = 7;
  const pick = (count: number) => (seed = (seed * 48_271) % 2_147_483_647) % count;
  const make = (depth: number): unknown => {
    const kind = pick(depth > 4 ? 1 : 3);
    if (kind === 0) return values[pick(values.length)];
    const inner = Array.from({ length: pick(4) }, () => make(depth + 1));
    return kind === 1 ? inner : Object.fromEntries(inner.map((value, index) => [`k${index}`, value]));
  };
  const firstNul = (value: unknown, path: string): string | undefined => {
    if (value === "\u0000") return path;
    if (typeof value !== "object" || value === null) return undefined;
    for (const [key, inner] of Object.entries(value)) {
      const found = firstNul(inner, `${path}/${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  for (let round = 0; round < 500; round++) {
    const value = { top: make(0) };
    expect(findFlaw(JSON.stringify(value, undefined, round % 3))?.path).toBe(firstNul(value, ""));
  }
});

describe("a flaw is found wherever there is one, and nowhere else", () => {
  /** Slow and sure: parses, and looks at each text and at each number as it was written. */
  const isFlawed = (text: string): boolean => {
    let found = false;
    const lookAt = (key: string, value: unknown, { source }: { readonly source?: string }): unknown => {
      for (const told of [key, value]) {
        if (typeof told === "string") found ||= told.includes("\u0000") || !told.isWellFormed();
      }
      if (typeof value !== "number" || source === undefined) return value;
      found ||= !(/^-?\d+$/.test(source) ? Number.isSafeInteger(value) : Number.isFinite(value));
      return value;
    };
    JSON.parse(text, lookAt as (key: string, value: unknown) => unknown);
    return found;
  };

  const pieces = ["0", "9", "12345678", "1234567890123456", "e", "E", "e4", "e+123", "-", "+", ".", "a", " ", ","];
  const spelled = [String.raw`\u0000`, String.raw`\ud83d`, String.raw`\uDE00`, String.raw`\u00e9`, String.raw`\\`];
  const texts = [...pieces, ...spelled, ":", "[", "]", String.raw`\"`, "4e123", "01890000-0000-7000-8e00-"];
  const numbers = ["0", "-1", "1.5", "9007199254740991", "9007199254740992", "-9007199254740993", "1e5", "1E+400"];
  const larger = [
    "-1.25e400",
    "1e0400",
    "12345678901234567890",
    "1234567890123456.5",
    "0.1234567890123456789",
    "1e-999",
  ];
  const spaces = ["", "", " ", "\n", "\t "];

  let seed = 11;
  const pick = (count: number) => (seed = (seed * 48_271) % 2_147_483_647) % count;
  const oneOf = (list: readonly string[]) => list[pick(list.length)] ?? "";
  const string = (begin = "") => `"${begin}${Array.from({ length: pick(5) }, () => oneOf(texts)).join("")}"`;
  const spaced = (text: string) => `${oneOf(spaces)}${text}${oneOf(spaces)}`;
  const value = (depth: number): string => {
    const kind = pick(depth > 3 ? 4 : 8);
    if (kind < 2) return spaced(string());
    if (kind === 2) return spaced(oneOf(pick(4) === 0 ? larger : numbers));
    if (kind === 3) return spaced(oneOf(["true", "null"]));
    const inner = Array.from({ length: pick(4) }, () => value(depth + 1));
    if (kind < 6) return spaced(`[${inner.join(",")}]`);
    return spaced(`{${inner.map((one, index) => `${spaced(string(`${index}`))}:${one}`).join(",")}}`);
  };

  test("in made-up bodies", () => {
    let flawed = 0;
    for (let round = 0; round < 20_000; round++) {
      const text = value(0);
      const expected = isFlawed(text);
      if (expected) flawed++;
      if ((findFlaw(text) !== undefined) !== expected) throw new Error(`expected ${expected}: ${text}`);
    }
    expect(flawed).toBeGreaterThan(2000);
    expect(flawed).toBeLessThan(18_000);
  });

  test.each(["1e400", " 1E+400", "-1e999\n", "12345678901234567890", "-9007199254740993", '"\\ud83d"'])(
    "also at the top: %s",
    (text) => expect(findFlaw(text)).toBeDefined(),
  );

  test.each(['["4e123"]', '["x4e123-7000","01e00012"]', '{"1e999":"1e999"}', '["1234567890123456789"]'])(
    "and not in a text: %s",
    (text) => expect(findFlaw(text)).toBeUndefined(),
  );
});
