/**
 * Patterns in the schemas of strangers. One that goes back over its text again and again takes minutes for a few words,
 * in which nothing else happens: what is not plainly quick is left out, and the rest of the schema counts.
 */
import type { JsonMap, JsonValue } from "../system/errors.ts";
import { isObject } from "./json.ts";

const LENGTH_MAX = 500;
/** What stands under these are names, and schemas. */
const NAMED: ReadonlySet<string> = new Set(["properties", "patternProperties", "$defs", "definitions"]);
/** What stands under these is no schema. */
const VALUES: ReadonlySet<string> = new Set(["const", "enum", "default", "examples"]);

/** Under these a schema that takes more makes one that takes less. */
const TURNING: ReadonlySet<string> = new Set(["not", "oneOf"]);

/** Its references are in place. `leftOut`: told of each pattern that is. Throws where without it the schema would take less. */
export function withQuickPatterns(schema: JsonMap, leftOut: (pattern: string) => void): JsonMap {
  const kept = withoutSlow(schema, leftOut);
  return Object.fromEntries(Object.entries(kept).map(([name, value]) => [name, quickUnder(name, value, leftOut)]));
}

function quickUnder(
  name: string,
  value: JsonValue | undefined,
  leftOut: (pattern: string) => void,
): JsonValue | undefined {
  if (VALUES.has(name)) return value;
  const told = TURNING.has(name) ? refuse : leftOut;
  const inSchema = (inner: JsonValue | undefined): JsonValue | undefined => {
    if (Array.isArray(inner)) return inner.map((item) => inSchema(item) ?? null);
    return isObject(inner) ? withQuickPatterns(inner, told) : inner;
  };
  if (!NAMED.has(name) || !isObject(value)) return inSchema(value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inSchema(inner)]));
}

function refuse(pattern: string): never {
  throw new RangeError(
    `it holds the pattern ${JSON.stringify(pattern)} under "not" or "oneOf", which could take very long: nothing of it is checked`,
  );
}

function withoutSlow(schema: JsonMap, leftOut: (pattern: string) => void): JsonMap {
  const { pattern, patternProperties } = schema;
  const kept = { ...schema };
  if (typeof pattern === "string" && !isQuick(pattern)) {
    leftOut(pattern);
    delete kept["pattern"];
  }
  const slow = isObject(patternProperties) ? Object.keys(patternProperties).filter((name) => !isQuick(name)) : [];
  if (slow.length === 0) return kept;
  for (const name of slow) leftOut(name);
  delete kept["patternProperties"];
  // What is additional to them is not known without them.
  delete kept["additionalProperties"];
  return kept;
}

/** Nothing in it can be matched in two ways: no choices, and no repetition, or one that begins at a fixed place. */
export function isQuick(pattern: string): boolean {
  if (pattern.length > LENGTH_MAX) return false;
  const bare = pattern.replaceAll(/\\./gsu, "x").replaceAll(/\[[^\]]*\]/gu, "x");
  if (/[()|]/u.test(bare)) return false;
  const repeated = bare.replaceAll(/\{\d{1,3}\}/gu, "").match(/[*+?{]/gu)?.length ?? 0;
  return repeated === 0 || (repeated === 1 && bare.startsWith("^"));
}
