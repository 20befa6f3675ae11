/** How many jobs of a blueprint run at once: the limit as it is written, and which jobs count together. */
import { messageOf, Refusal } from "../system/errors.ts";
import { evaluateOperand, type ConditionData } from "./conditions.ts";
import { type Expression, parseExpression } from "./condition-parser.ts";

export interface Concurrency {
  readonly max: number;
  /** A path: "initial_data.customer". */
  readonly key?: string;
}

type Path = Extract<Expression, { type: "path" }>;

const EXAMPLE = 'write a path such as "initial_data.customer"';

export function checkedConcurrency(blueprint: string, limit: { max: number; key?: string }): Concurrency {
  const what = `of blueprint "${blueprint}"`;
  if (!Number.isSafeInteger(limit.max) || limit.max < 1) {
    throw invalid(`concurrency.max ${what} is ${limit.max}: give a whole number from 1.`);
  }
  const unknown = Object.keys(limit).find((name) => name !== "max" && name !== "key");
  if (unknown !== undefined) throw invalid(`concurrency ${what} has no "${unknown}": there are max and key.`);
  if (limit.key === undefined) return { max: limit.max };
  if (typeof limit.key !== "string") throw invalid(`concurrency.key ${what} is no text: ${EXAMPLE}.`);
  try {
    pathOf(limit.key);
  } catch (error) {
    throw invalid(`concurrency.key ${what} is "${limit.key}": ${messageOf(error)}`);
  }
  return { max: limit.max, key: limit.key };
}

/** What the key of a blueprint leads to in a job's data; undefined: nothing is there. */
export function valueAt(key: string, data: ConditionData): unknown {
  return evaluateOperand(pathOf(key), data);
}

/** Only what a job has before its first handler runs, and keeps. */
function pathOf(key: string): Path {
  const expression = parseExpression(key);
  const isKnown = expression.type === "path" && (expression.root === "initialData" || expression.root === "client");
  if (isKnown && expression.keys.length > 0) return expression;
  throw invalid(`it has to lead into initial_data or client: ${EXAMPLE}.`);
}

function invalid(message: string): Refusal {
  return new Refusal("INVALID_BLUEPRINT", 422, message);
}
