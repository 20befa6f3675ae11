/** Reads typed values out of environment variables. Empty counts as not set. */
import { messageOf, Refusal } from "../src/system/errors.ts";
import { isRecord } from "./payload.ts";

const PORT_MAX = 65_535;

export type Environment = Readonly<Record<string, string | undefined>>;

export function text(environment: Environment, ...names: string[]): string | undefined {
  for (const name of names) if (environment[name]) return environment[name];
  return undefined;
}

/** Of names that mean the same: refused where they say different things. The values may be secrets, and are not shown. */
export function agreed(environment: Environment, ...names: string[]): string | undefined {
  const [first, ...others] = names.filter((name) => environment[name]);
  const other = others.find((name) => environment[name] !== environment[first ?? ""]);
  if (other === undefined) return first && environment[first];
  throw invalid(`${first} and ${other} mean the same and have different values: set one of them.`);
}

export function number(environment: Environment, name: string, least: number): number | undefined {
  const value = text(environment, name);
  if (value === undefined) return undefined;
  const parsed = Number(value);
  if (Number.isFinite(parsed) && parsed >= least) return parsed;
  throw invalid(`${name} is "${value}": give a number of at least ${least}.`);
}

export function wholeNumber(environment: Environment, name: string, least: number): number | undefined {
  const value = number(environment, name, least);
  if (value === undefined || Number.isInteger(value)) return value;
  throw invalid(`${name} is "${value}": give a whole number.`);
}

export function port(environment: Environment, name: string): number | undefined {
  const value = wholeNumber(environment, name, 0);
  if (value === undefined || value <= PORT_MAX) return value;
  throw invalid(`${name} is "${value}": give a port, from 0 to ${PORT_MAX}.`);
}

export function flag(environment: Environment, name: string): boolean | undefined {
  const value = text(environment, name)?.toLowerCase();
  if (value === undefined) return undefined;
  if (["1", "true", "yes", "on"].includes(value)) return true;
  if (["0", "false", "no", "off"].includes(value)) return false;
  throw invalid(`${name} is "${value}": give true or false.`);
}

export function list(environment: Environment, name: string): unknown[] | undefined {
  const value = text(environment, name);
  if (value === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(value);
    if (Array.isArray(parsed)) return parsed;
  } catch (error) {
    throw invalid(`${name} is no JSON (${messageOf(error)}): give a JSON array.`);
  }
  throw invalid(`${name} is no JSON array: put its entries between [ and ].`);
}

export function object(environment: Environment, name: string): Record<string, unknown> | undefined {
  const value = text(environment, name);
  if (value === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(value);
    if (isRecord(parsed)) return parsed;
  } catch (error) {
    throw invalid(`${name} is no JSON (${messageOf(error)}): give a JSON object.`);
  }
  throw invalid(`${name} is no JSON object: put its fields between { and }.`);
}

/** All variables that begin so, under what comes after it. */
export function beginningWith(environment: Environment, prefix: string): Record<string, string> {
  const found = Object.entries(environment).flatMap(([name, value]) =>
    name.startsWith(prefix) && name !== prefix && value ? [[name.slice(prefix.length).toLowerCase(), value]] : [],
  );
  return Object.fromEntries(found) as Record<string, string>;
}

export function invalid(sentence: string): Refusal {
  return new Refusal("INVALID_SETTING", 400, sentence);
}
