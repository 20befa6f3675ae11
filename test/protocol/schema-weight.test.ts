import { describe, expect, test } from "bun:test";
import { compileSchema, inPlace } from "../../src/protocol/schema.ts";
import { weightOf } from "../../src/protocol/schema-weight.ts";
import type { JsonMap } from "../../src/system/errors.ts";

const text = { type: "string" };
const weightOfSchema = (schema: JsonMap) => weightOf(inPlace(schema));

describe("what a schema weighs", () => {
  test("grows with what stands in it", () => {
    const one = weightOfSchema({ type: "object", properties: { a: text } });
    const two = weightOfSchema({ type: "object", properties: { a: text, b: text } });
    expect(two - one).toBe(weightOfSchema(text));
  });

  test("counts the choices of a oneOf once for each other one, and what is said for several types once for each", () => {
    const choices = (word: string, count: number) => ({ [word]: Array.from({ length: count }, () => text) });
    expect(weightOfSchema(choices("oneOf", 100))).toBeGreaterThan(90 * weightOfSchema(choices("anyOf", 100)));
    const typed = (type: string | string[]) => weightOfSchema({ type, properties: { a: text } });
    expect(typed(["object", "null", "array"])).toBeGreaterThan(3 * typed("object"));
  });

  test("counts what is referred to each time that it is", () => {
    const twice = { $ref: "#/$defs/A" };
    const schema = { $defs: { A: { properties: { x: text, y: text } } }, properties: { a: twice, b: twice } };
    expect(weightOfSchema(schema)).toBeGreaterThan(2 * weightOfSchema(schema.$defs.A));
  });
});

test("patterns of names within patterns of names are read once each", () => {
  let schema: JsonMap = text;
  for (let depth = 0; depth < 40; depth++) schema = { patternProperties: { "^a": schema } };
  const check = compileSchema(schema);
  let good: JsonMap | string = "x";
  let bad: JsonMap | number = 1;
  for (let depth = 0; depth < 40; depth++) [good, bad] = [{ a: good }, { a: bad }];
  expect(check(good, "")).toBeUndefined();
  expect(check(bad, "")).toBeDefined();
});
