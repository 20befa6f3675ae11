/**
 * Checks against a JSON Schema that came as plain JSON: a blueprint's schema crosses threads and
 * the store as text and loses the marks that TypeBox compiles by. They are put back here.
 */
import { FormatRegistry, Kind, type TSchema, Type } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { type JsonMap, type JsonValue, Refusal } from "../system/errors.ts";
import type { Violation } from "./creation.ts";
import { isObject } from "./json.ts";
import { Unresolvable, withoutReferences } from "./schema-references.ts";

/** Undefined when the value fits; else what does not, at most so many. */
export type SchemaCheck = (value: unknown, at: string) => readonly Violation[] | undefined;

const VIOLATIONS_MAX = 20;

export function compileSchema(schema: object): SchemaCheck {
  const compiled = TypeCompiler.Compile(restore(inPlace(schema as JsonMap)));
  return (value, at) => {
    if (compiled.Check(value)) return undefined;
    // The first thing said of a place says most; the rest are unions and intersections repeating it.
    const messages = new Map<string, string>();
    for (const { path, message } of compiled.Errors(value)) {
      if (!messages.has(path)) messages.set(path, lowerFirst(message));
      if (messages.size === VIOLATIONS_MAX) break;
    }
    return [...messages].map(([path, message]) => ({ path: `${at}${path}`, message }));
  };
}

export function inPlace(schema: JsonMap): JsonMap {
  try {
    return withoutReferences(schema);
  } catch (error) {
    throw error instanceof Unresolvable ? unsupported(error.message) : error;
  }
}

const known = new Map<string, SchemaCheck>();
const KNOWN_MAX = 200;

/** By their texts: each job, and each worker, has a copy of its own of the same few schemas. */
export function knownCheck(schema: object): SchemaCheck {
  const text = JSON.stringify(schema);
  const found = known.get(text);
  if (found) return found;
  if (known.size >= KNOWN_MAX) known.clear();
  const check = compileSchema(schema);
  known.set(text, check);
  return check;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function restore(schema: JsonValue | undefined): TSchema {
  if (schema === true || schema === undefined) return Type.Any();
  if (schema === false) return Type.Never();
  if (!isObject(schema)) throw unsupported("a schema that is no object");
  const parts = [...combinators(schema), ...(hasType(schema) ? [typed(schema)] : [])];
  const [first] = parts;
  if (first === undefined) return Type.Any();
  return withId(schema, parts.length === 1 ? first : Type.Intersect(parts));
}

// A recursive schema refers to itself by its $id.
function withId(schema: JsonMap, restored: TSchema): TSchema {
  const id = schema["$id"];
  return typeof id === "string" ? { ...restored, $id: id } : restored;
}

function combinators(schema: JsonMap): TSchema[] {
  const parts: TSchema[] = [];
  if ("const" in schema) parts.push(constant(schema["const"] ?? null));
  if ("enum" in schema) parts.push(Type.Union(listOf(schema["enum"]).map(constant)));
  if ("anyOf" in schema) parts.push(Type.Union(listOf(schema["anyOf"]).map(restore)));
  if ("oneOf" in schema) parts.push(oneOf(listOf(schema["oneOf"]).map(restore)));
  if ("allOf" in schema) parts.push(Type.Intersect(listOf(schema["allOf"]).map(restore)));
  if ("not" in schema) parts.push(Type.Not(restore(schema["not"])));
  if (typeof schema["$ref"] === "string") parts.push(Type.Unsafe({ [Kind]: "This", $ref: schema["$ref"] }));
  return parts;
}

/** Exactly one: any of them, and no two. */
function oneOf(choices: TSchema[]): TSchema {
  const pairs = choices.flatMap((one, index) => choices.slice(index + 1).map((other) => Type.Intersect([one, other])));
  if (pairs.length === 0) return Type.Union(choices);
  return Type.Intersect([Type.Union(choices), Type.Not(Type.Union(pairs))]);
}

function constant(value: JsonValue): TSchema {
  if (value === null) return Type.Null();
  if (typeof value !== "object") return Type.Literal(value);
  if (Array.isArray(value)) return Type.Tuple(value.map(constant));
  const properties = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, constant(inner ?? null)]));
  return Type.Object(properties, { additionalProperties: false });
}

const OBJECT_WORDS = ["properties", "required", "patternProperties", "additionalProperties"];

function hasType(schema: JsonMap): boolean {
  return "type" in schema || "items" in schema || OBJECT_WORDS.some((word) => word in schema);
}

function typed(schema: JsonMap): TSchema {
  const type = schema["type"] ?? ("items" in schema ? "array" : "object");
  if (Array.isArray(type)) return Type.Union(type.map((one) => typed({ ...schema, type: one })));
  switch (type) {
    case "string":
      return Type.String(rulesOf(schema, ["minLength", "maxLength", "pattern", "format"]));
    case "number":
    case "integer": {
      const rules = rulesOf(schema, ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]);
      return type === "number" ? Type.Number(rules) : Type.Integer(rules);
    }
    case "boolean":
      return Type.Boolean();
    case "null":
      return Type.Null();
    case "array":
      return array(schema);
    case "object":
      return object(schema);
    default:
      throw unsupported(`type ${JSON.stringify(type)}`);
  }
}

function array(schema: JsonMap): TSchema {
  const { items } = schema;
  if (Array.isArray(items)) return Type.Tuple(items.map(restore));
  return Type.Array(restore(items), rulesOf(schema, ["minItems", "maxItems", "uniqueItems"]));
}

function object(schema: JsonMap): TSchema {
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const patterns = Object.entries(isObject(schema["patternProperties"]) ? schema["patternProperties"] : {});
  const required = new Set(listOf(schema["required"]).map(String));
  const fields: Record<string, TSchema> = {};
  for (const [name, inner] of Object.entries(properties)) {
    fields[name] = required.has(name) ? restore(inner) : Type.Optional(restore(inner));
  }
  // Required without a schema of its own: it must be there, whatever it is.
  for (const name of required) fields[name] ??= Type.Any();
  const rules = { ...rulesOf(schema, ["minProperties", "maxProperties"]), ...additional(schema) };
  const [pattern, ...more] = patterns;
  if (pattern === undefined) return Type.Object(fields, rules);
  if (more.length > 0) throw unsupported("more than one pattern of property names");
  const inner = restore(pattern[1]);
  const record = { ...Type.Record(Type.String(), inner), ...rules };
  record.patternProperties = { [pattern[0]]: inner };
  return Object.keys(fields).length === 0 ? record : Type.Intersect([Type.Object(fields), record]);
}

function additional(schema: JsonMap): { additionalProperties?: TSchema | boolean } {
  const rule = schema["additionalProperties"];
  if (rule === undefined) return {};
  return { additionalProperties: typeof rule === "boolean" ? rule : restore(rule) };
}

function rulesOf(schema: JsonMap, names: readonly string[]): JsonMap {
  const rules: JsonMap = {};
  for (const name of names) if (name in schema) rules[name] = schema[name];
  const format = rules["format"];
  // An unknown format says something to people; JSON Schema lets it pass.
  if (typeof format === "string" && !FormatRegistry.Has(format)) delete rules["format"];
  return rules;
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function unsupported(what: string): Refusal {
  const message = `The schema holds ${what}, which cannot be checked: rewrite it, best with Type.`;
  return new Refusal("SCHEMA_UNSUPPORTED", 500, message);
}
