/** What an expression in a handler's code can be, as far as its text tells. */
import type { AnyNode } from "acorn";
import type { Source } from "./handler-source.ts";

export interface Text {
  readonly text: string;
  readonly node: AnyNode;
  /** One of several that a variable is set to: it may be set to another one before it is used. */
  readonly isPassing?: true;
}

export interface Texts {
  readonly known: readonly Text[];
  /** Parts whose value only running the code would tell. */
  readonly unknown: readonly AnyNode[];
}

type ObjectNode = Extract<AnyNode, { type: "ObjectExpression" }>;

export interface Fields {
  readonly fields: ReadonlyMap<string, AnyNode>;
  /** The object itself. */
  readonly node: AnyNode;
  /** Where each of them is named. */
  readonly keys: ReadonlyMap<string, AnyNode>;
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
      const values = valuesOf(node, source);
      const texts = join(values.map(deeper));
      if (values.length > 1) return { ...texts, known: texts.known.map((text) => ({ ...text, isPassing: true })) };
      return values.length > 0 ? texts : unknown(node);
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
    case "Identifier": {
      const values = valuesOf(node, source).map((value) => objectsOf(value, source, depth + 1));
      return values.every((value) => value.length > 0) ? values.flat() : [];
    }
    default:
      return [];
  }
}

/** The list that the expression is, where its text tells: none that was added to or taken from since. */
export function listOf(node: AnyNode | undefined, source: Source): readonly (AnyNode | null)[] | undefined {
  if (node?.type === "ArrayExpression") return node.elements;
  if (node?.type !== "Identifier" || source.identifiers.filter(({ name }) => name === node.name).length > 1) {
    return undefined;
  }
  const [value, other] = valuesOf(node, source);
  return value?.type === "ArrayExpression" && !other ? value.elements : undefined;
}

/** The number that the expression is, where its text tells. */
export function numberOf(node: AnyNode | undefined, source: Source): number | undefined {
  if (node?.type === "UnaryExpression" && node.operator === "-") {
    const number = numberOf(node.argument, source);
    return number === undefined ? undefined : -number;
  }
  if (node?.type === "Literal" && typeof node.value === "number") return node.value;
  if (node?.type !== "Identifier") return undefined;
  const [value, other] = valuesOf(node, source);
  return value?.type === "Literal" && !other ? numberOf(value, source) : undefined;
}

/** What a name was set to, in the handler or beside it. None: only running would tell. */
function valuesOf({ name, start, end }: Extract<AnyNode, { type: "Identifier" }>, source: Source): readonly AnyNode[] {
  const own = source.constants.get(name);
  if (own) return own;
  const outer = source.locals.has(name) ? undefined : source.outer.get(name);
  // Its own place lies in another text: a finding about it belongs where the handler names it.
  return outer ? [movedTo(outer, start, end)] : [];
}

/** A part of another text as it would be at this place. */
export function movedTo(node: AnyNode, start: number, end: number): AnyNode {
  const moved = Object.entries(node).map(([key, value]) => [key, Array.isArray(value) ? value.map(move) : move(value)]);
  return { ...Object.fromEntries(moved), start, end } as AnyNode;

  function move(part: unknown): unknown {
    const isNode = typeof part === "object" && part !== null && "type" in part && !(part instanceof RegExp);
    return isNode ? movedTo(part as AnyNode, start, end) : part;
  }
}

/** `next[kind]` or `next.high` where `next` is an object of constants. */
function ofMember(node: Extract<AnyNode, { type: "MemberExpression" }>, source: Source, depth: number): Texts {
  const name = nameOfMember(node);
  if (name === "name" && node.object.type === "Identifier") {
    const blueprint = valuesOf(node.object, source).flatMap((value) => nameFieldOf(value, source, depth));
    if (blueprint.length > 0) return join(blueprint.map((value) => textsOf(value, source, depth + 1)));
  }
  const objects = node.object.type === "Super" ? [] : objectsOf(node.object, source, depth + 1);
  const values: AnyNode[] = [];
  for (const { fields, unknown } of objects) {
    if (unknown.length > 0) return { known: [], unknown: [node] };
    for (const [key, value] of fields) if (name === undefined || name === key) values.push(value);
  }
  if (values.length === 0) return unknown(node);
  return join(values.map((value) => textsOf(value, source, depth + 1)));
}

/** The `name` of `new Blueprint({ name: … })`, with whatever calls behind it. */
function nameFieldOf(node: AnyNode, source: Source, depth: number): readonly AnyNode[] {
  if (node.type === "CallExpression" && node.callee.type === "MemberExpression") {
    return node.callee.object.type === "Super" ? [] : nameFieldOf(node.callee.object, source, depth);
  }
  if (node.type !== "NewExpression" || node.callee.type !== "Identifier") return [];
  if (!/^(?:StateMachine)?Blueprint\d*$/.test(node.callee.name)) return [];
  return objectsOf(node.arguments[0], source, depth + 1).flatMap(({ fields }) => fields.get("name") ?? []);
}

/** The property that a member expression names; undefined where it is computed. */
export function nameOfMember(node: Extract<AnyNode, { type: "MemberExpression" }>): string | undefined {
  if (!node.computed) return node.property.type === "Identifier" ? node.property.name : undefined;
  return node.property.type === "Literal" && typeof node.property.value === "string" ? node.property.value : undefined;
}

function fieldsOf(object: ObjectNode, source: Source, depth: number): Fields {
  const fields = new Map<string, AnyNode>();
  const keys = new Map<string, AnyNode>();
  const unknown: AnyNode[] = [];
  for (const property of object.properties) {
    if (property.type === "SpreadElement") {
      const spread = objectsOf(property.argument, source, depth + 1);
      if (spread.length === 0) unknown.push(property);
      for (const part of spread) {
        for (const [key, value] of part.fields) fields.set(key, value);
        for (const [key, node] of part.keys) keys.set(key, node);
        unknown.push(...part.unknown);
      }
      continue;
    }
    const key = property.computed ? undefined : keyOf(property.key);
    if (key === undefined) {
      unknown.push(property);
      continue;
    }
    fields.set(key, property.value);
    keys.set(key, property.key);
  }
  return { node: object, fields, keys, unknown };
}

export function keyOf(key: AnyNode): string | undefined {
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
