/** What an expression in a handler's code can be, as far as its text tells. */
import type { AnyNode } from "acorn";
import type { Source } from "./handler-source.ts";

export interface Text {
  readonly text: string;
  readonly node: AnyNode;
}

export interface Texts {
  readonly known: readonly Text[];
  /** Parts whose value only running the code would tell. */
  readonly unknown: readonly AnyNode[];
}

type ObjectNode = Extract<AnyNode, { type: "ObjectExpression" }>;

export interface Fields {
  readonly fields: ReadonlyMap<string, AnyNode>;
  readonly unknown: readonly AnyNode[];
}

/** A constant can be set to another one: so many are followed. */
const DEPTH_MAX = 8;

/** The texts that the expression can be: both arms of a choice, every value of a looked up constant object. */
export function textsOf(node: AnyNode, source: Source, depth = 0): Texts {
  if (depth > DEPTH_MAX) return { known: [], unknown: [node] };
  const deeper = (inner: AnyNode) => textsOf(inner, source, depth + 1);
  switch (node.type) {
    case "Literal":
      return typeof node.value === "string" ? only(node.value, node) : { known: [], unknown: [node] };
    case "TemplateLiteral": {
      const text = node.quasis[0]?.value.cooked;
      return node.expressions.length === 0 && typeof text === "string" ? only(text, node) : unknown(node);
    }
    case "ConditionalExpression":
      return join([deeper(node.consequent), deeper(node.alternate)]);
    case "LogicalExpression":
      return join([deeper(node.left), deeper(node.right)]);
    case "ParenthesizedExpression":
      return deeper(node.expression);
    case "Identifier": {
      if (node.name === "undefined") return { known: [], unknown: [] };
      const constant = source.constants.get(node.name);
      return constant ? deeper(constant) : unknown(node);
    }
    case "MemberExpression":
      return ofMember(node, source, depth);
    default:
      return unknown(node);
  }
}

/** The objects that the expression can be: one, or one for each arm of a choice. None: only running would tell. */
export function objectsOf(node: AnyNode | undefined, source: Source, depth = 0): readonly Fields[] {
  if (!node || depth > DEPTH_MAX) return [];
  switch (node.type) {
    case "ObjectExpression":
      return [fieldsOf(node, source, depth)];
    case "ConditionalExpression": {
      const arms = [node.consequent, node.alternate].map((arm) => objectsOf(arm, source, depth + 1));
      return arms.every((arm) => arm.length > 0) ? arms.flat() : [];
    }
    case "ParenthesizedExpression":
      return objectsOf(node.expression, source, depth + 1);
    case "Identifier":
      return objectsOf(source.constants.get(node.name), source, depth + 1);
    default:
      return [];
  }
}

/** `next[kind]` or `next.high` where `next` is an object of constants. */
function ofMember(node: Extract<AnyNode, { type: "MemberExpression" }>, source: Source, depth: number): Texts {
  const objects = node.object.type === "Super" ? [] : objectsOf(node.object, source, depth + 1);
  const name = nameOfMember(node);
  const values: AnyNode[] = [];
  for (const { fields, unknown } of objects) {
    if (unknown.length > 0) return { known: [], unknown: [node] };
    for (const [key, value] of fields) if (name === undefined || name === key) values.push(value);
  }
  if (values.length === 0) return unknown(node);
  return join(values.map((value) => textsOf(value, source, depth + 1)));
}

/** The property that a member expression names; undefined where it is computed. */
export function nameOfMember(node: Extract<AnyNode, { type: "MemberExpression" }>): string | undefined {
  if (!node.computed) return node.property.type === "Identifier" ? node.property.name : undefined;
  return node.property.type === "Literal" && typeof node.property.value === "string" ? node.property.value : undefined;
}

function fieldsOf(object: ObjectNode, source: Source, depth: number): Fields {
  const fields = new Map<string, AnyNode>();
  const unknown: AnyNode[] = [];
  for (const property of object.properties) {
    if (property.type === "SpreadElement") {
      const spread = objectsOf(property.argument, source, depth + 1);
      if (spread.length === 0) unknown.push(property);
      for (const part of spread) {
        for (const [key, value] of part.fields) fields.set(key, value);
        unknown.push(...part.unknown);
      }
      continue;
    }
    const key = property.computed ? undefined : keyOf(property.key);
    if (key === undefined) unknown.push(property);
    else fields.set(key, property.value);
  }
  return { fields, unknown };
}

function keyOf(key: AnyNode): string | undefined {
  if (key.type === "Identifier") return key.name;
  return key.type === "Literal" ? String(key.value) : undefined;
}

function only(text: string, node: AnyNode): Texts {
  return { known: [{ text, node }], unknown: [] };
}

function unknown(node: AnyNode): Texts {
  return { known: [], unknown: [node] };
}

function join(parts: readonly Texts[]): Texts {
  return { known: parts.flatMap((part) => part.known), unknown: parts.flatMap((part) => part.unknown) };
}
