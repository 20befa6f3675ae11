/**
 * When a conditional handler runs.
 *
 * How values are compared, nothing is converted:
 * - `==` and `!=` compare any two values; values of different kinds are different; lists and objects by content.
 * - `<`, `<=`, `>`, `>=` want two numbers or two texts; anything else is an error.
 * - `in` looks for a value in a list, a text in a text, a key in an object; anything else is an error.
 * - A comparison with a field that is not there is false, whatever the operator; only `== null` holds for it.
 *   (So `not (x == 'a')` holds where x is missing, and `x != 'a'` does not.)
 * - A value alone counts as false when it is missing, null, false, 0, "", [] or {}.
 */
import { assertNever, messageOf, Refusal } from "../system/errors.ts";
import { type Expression, type Operator, parseExpression, type Root } from "./condition-parser.ts";
import type { Context, When } from "./sdk.ts";

export type Condition =
  | { readonly kind: "text"; readonly text: string; readonly expression: Expression }
  | { readonly kind: "function"; readonly text: string; readonly test: (context: Context) => unknown }
  /** Kept as it is, so that the file loads and the check can say where it is wrong. */
  | { readonly kind: "broken"; readonly text: string; readonly refusal: Refusal };

/** What a condition may look at. */
export type ConditionData = { readonly [Name in Root]?: unknown };

export function parseCondition(when: When): Condition {
  if (typeof when === "function") return { kind: "function", text: String(when), test: when };
  if (typeof when !== "string") {
    const refusal = new Refusal("CONDITION_SYNTAX", 422, "A condition is a text or a function.", { column: 1 });
    return { kind: "broken", text: String(when), refusal };
  }
  try {
    return { kind: "text", text: when, expression: parseExpression(when) };
  } catch (error) {
    if (error instanceof Refusal) return { kind: "broken", text: when, refusal: error };
    throw error;
  }
}

/** Throws a Refusal where it cannot be decided; a condition that is a function may throw anything. */
export function holds(condition: Condition, context: Context): boolean {
  switch (condition.kind) {
    case "text":
      return evaluate(condition.text, condition.expression, context);
    case "function":
      return answerOf(condition.test(context));
    case "broken":
      throw condition.refusal;
    default:
      return assertNever(condition);
  }
}

export function evaluate(text: string, expression: Expression, data: ConditionData): boolean {
  try {
    return isTruthy(valueOf(expression, data));
  } catch (error) {
    if (error instanceof Mismatch) {
      throw new Refusal("CONDITION_ERROR", 422, `The condition "${text}" cannot be decided: ${messageOf(error)}.`);
    }
    throw error;
  }
}

/** What a path or another operand stands for; undefined: nothing is there. */
export function evaluateOperand(expression: Expression, data: ConditionData): unknown {
  return valueOf(expression, data);
}

/** A promise would always count as true: the mistake must not pass in silence. */
function answerOf(answer: unknown): boolean {
  if (typeof answer === "object" && answer !== null && "then" in answer) {
    throw new Refusal("CONDITION_ERROR", 422, "A condition must answer at once: it may not be async.");
  }
  return Boolean(answer);
}

class Mismatch extends Error {}

/** `undefined` stands for a field that is not there. */
function valueOf(expression: Expression, data: ConditionData): unknown {
  switch (expression.type) {
    case "literal":
      return expression.value;
    case "list":
      return expression.items.map((item) => valueOf(item, data));
    case "path":
      return follow(data[expression.root], expression.keys);
    case "not":
      return !isTruthy(valueOf(expression.operand, data));
    case "and":
      return isTruthy(valueOf(expression.left, data)) && isTruthy(valueOf(expression.right, data));
    case "or":
      return isTruthy(valueOf(expression.left, data)) || isTruthy(valueOf(expression.right, data));
    case "compare":
      return compare(expression.operator, valueOf(expression.left, data), valueOf(expression.right, data));
    default:
      return assertNever(expression);
  }
}

function follow(start: unknown, keys: readonly string[]): unknown {
  let value = start;
  for (const key of keys) {
    // Own fields alone: "constructor" is no field of anybody's data.
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function compare(operator: Operator, left: unknown, right: unknown): boolean {
  if (left === undefined || right === undefined) {
    return operator === "==" && (left === null || right === null);
  }
  switch (operator) {
    case "==":
      return isEqual(left, right);
    case "!=":
      return !isEqual(left, right);
    case "in":
      return isIn(left, right);
    case "not in":
      return !isIn(left, right);
    default:
      return isOrdered(operator, left, right);
  }
}

function isOrdered(operator: "<" | "<=" | ">" | ">=", left: unknown, right: unknown): boolean {
  const order = orderOf(operator, left, right);
  switch (operator) {
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
    default:
      return assertNever(operator);
  }
}

function orderOf(operator: string, left: unknown, right: unknown): number {
  if (typeof left === "number" && typeof right === "number") return left - right;
  if (typeof left === "string" && typeof right === "string") return left < right ? -1 : Number(left > right);
  throw new Mismatch(`"${operator}" wants two numbers or two texts, found ${kindOf(left)} and ${kindOf(right)}`);
}

function isIn(needle: unknown, container: unknown): boolean {
  if (Array.isArray(container)) return container.some((item) => item !== undefined && isEqual(needle, item));
  if (typeof needle === "string" && typeof container === "string") return container.includes(needle);
  if (typeof needle === "string" && typeof container === "object" && container !== null) {
    return Object.hasOwn(container, needle);
  }
  throw new Mismatch(`"in" cannot look for ${kindOf(needle)} in ${kindOf(container)}`);
}

function isEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && isEqual(field(left, key), field(right, key)))
  );
}

function field(value: object, key: string): unknown {
  return (value as Record<string, unknown>)[key];
}

function isTruthy(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  switch (typeof value) {
    case "string":
      return `the text ${JSON.stringify(value)}`;
    case "object":
      return "an object";
    default:
      return String(value);
  }
}
