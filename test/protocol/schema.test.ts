import { describe, expect, test } from "bun:test";
import { Type } from "@sinclair/typebox";
import { compileSchema } from "../../src/protocol/schema.ts";

const Tree = Type.Recursive((Self) => Type.Object({ n: Type.Number(), kids: Type.Array(Self) }), { $id: "Tree" });

const table: readonly (readonly [name: string, schema: object, good: unknown, bad: unknown, path: string])[] = [
  ["an object", Type.Object({ a: Type.String({ minLength: 2 }) }), { a: "xx" }, { a: "x" }, "/a"],
  ["a missing field", Type.Object({ a: Type.String() }), { a: "x" }, {}, "/a"],
  ["an optional field", Type.Object({ a: Type.Optional(Type.Integer()) }), {}, { a: 1.5 }, "/a"],
  ["a field too many", Type.Object({}, { additionalProperties: false }), {}, { c: 1 }, "/c"],
  ["a union", Type.Union([Type.Literal("x"), Type.Null()]), null, "y", ""],
  [
    "both of two",
    Type.Intersect([Type.Object({ a: Type.Number() }), Type.Object({ b: Type.Number() })]),
    { a: 1, b: 2 },
    { a: 1 },
    "/b",
  ],
  ["a tuple", Type.Tuple([Type.Number(), Type.String()]), [1, "a"], [1, 2], "/1"],
  ["an empty tuple", Type.Tuple([]), [], [1], ""],
  ["any key", Type.Record(Type.String(), Type.Number()), { x: 1 }, { x: "1" }, "/x"],
  ["a recursive one", Tree, { n: 1, kids: [{ n: 2, kids: [] }] }, { n: 1, kids: [{ n: "2", kids: [] }] }, "/kids/0/n"],
  ["a plain enum", { type: "string", enum: ["a", "b"] }, "b", "c", ""],
  ["several types", { type: ["string", "null"] }, null, 1, ""],
  ["exactly one of two", { oneOf: [{ type: "number" }, { type: "integer" }] }, 1.5, 1, ""],
  ["a format that nobody knows lets pass", Type.String({ format: "colour" }), "red", 1, ""],
  ["anything", {}, 1, undefined, ""],
  [
    "references into itself",
    {
      $defs: {
        Point: { type: "object", required: ["x"], properties: { x: { $ref: "#/$defs/N" } } },
        N: { type: "number" },
      },
      type: "object",
      required: ["from", "to"],
      properties: { from: { $ref: "#/$defs/Point", description: "where it begins" }, to: { $ref: "#/$defs/Point" } },
    },
    { from: { x: 1 }, to: { x: 2 } },
    { from: { x: 1 }, to: { x: "2" } },
    "/to/x",
  ],
  [
    "a reference of the older kind, with a name that has to be written otherwise",
    { definitions: { "a/b ü": { type: "number" } }, properties: { n: { $ref: "#/definitions/a~1b%20ü" } } },
    { n: 1 },
    { n: "1" },
    "/n",
  ],
];

describe("a schema that went through text checks as it did before", () => {
  for (const [name, schema, good, bad, path] of table) {
    test(name, () => {
      const check = compileSchema(JSON.parse(JSON.stringify(schema)));
      expect(check(good, "/at")).toBeUndefined();
      if (bad !== undefined) expect(check(bad, "/at")?.[0]?.path).toBe(`/at${path}`);
    });
  }
});

test("a schema that cannot be checked is refused and not passed over", () => {
  expect(() => compileSchema({ type: "colour" })).toThrow("cannot be checked");
});

test.each([
  ["leads back to itself", { $defs: { A: { properties: { a: { $ref: "#/$defs/A" } } } }, $ref: "#/$defs/A" }],
  ["leads nowhere", { properties: { a: { $ref: "#/$defs/A" } } }],
  ["leads nowhere", { properties: { a: { $ref: "#/constructor/name" } } }],
  ["leads nowhere", { properties: { a: { $ref: "#/%zz" } } }],
])("a reference that %s is refused by its name", (what, schema) => {
  expect(() => compileSchema(schema)).toThrow(`which ${what}, which cannot be checked`);
});

test("a schema that grows without bounds by its references is refused at once", () => {
  const twice = (name: string) => ({ anyOf: [{ $ref: `#/$defs/${name}` }, { $ref: `#/$defs/${name}` }] });
  const $defs = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`n${index}`, twice(`n${index + 1}`)]));
  expect(() => compileSchema({ $defs: { ...$defs, n40: {} }, $ref: "#/$defs/n0" })).toThrow("more than 10000 parts");
});

test("each place is named once", () => {
  const both = Type.Intersect([Type.Object({ a: Type.Number() }), Type.Object({ b: Type.Number() })]);
  const paths = compileSchema(JSON.parse(JSON.stringify(both)))({}, "")?.map(({ path }) => path);
  expect(paths).toEqual([...new Set(paths)]);
});
