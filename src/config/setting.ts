/** One setting: how its text is read, and the names that it goes by. */
import { Refusal } from "../system/errors.ts";

export interface Setting<Value> {
  /** Throws with what is wanted, as the end of a sentence: "a whole number from 1 to 10". */
  readonly parse: (text: string) => Value;
  readonly default: Value;
  /** Names in the environment beside `ORCHESTRATOR_` and its own. */
  readonly environment?: readonly string[];
  /** Names that say different things are refused: nobody could tell which of them was meant. */
  readonly agree?: boolean;
  /** A list may stand in orchestrator.toml as one. */
  readonly takesList?: true;
}

export type Table = Readonly<Record<string, Setting<unknown>>>;
export type ValuesOf<Settings extends Table> = {
  readonly [Name in keyof Settings]: Settings[Name] extends Setting<infer Value> ? Value : never;
};

class Unreadable extends Error {
  override readonly name = "Unreadable";
}

interface Names {
  readonly environment?: readonly string[];
  readonly agree?: boolean;
}

export function text(fallback: string, names: Names = {}): Setting<string> {
  return { parse: nonEmpty, default: fallback, ...names };
}

/** No default: undefined where nothing sets it. */
export function optionalText(names: Names = {}): Setting<string | undefined> {
  return { parse: nonEmpty, default: undefined, ...names };
}

/** Several texts with commas between them. `read` answers undefined for what is none; `wanted` says what would be. */
export function list<Value>(
  readAll: (texts: readonly string[]) => Value | undefined,
  wanted: string,
  names: Names = {},
): Setting<Value> {
  const parse = (value: string): Value => {
    const texts = value.split(",").map((one) => one.trim());
    const found = readAll(texts.filter((one) => one !== ""));
    if (found === undefined) throw new Unreadable(wanted);
    return found;
  };
  return { parse, default: parse(""), takesList: true, ...names };
}

/** An address that begins with http:// or https://, without a slash at its end. */
export function address(fallback: string, names: Names = {}): Setting<string> {
  return { parse: httpAddress, default: fallback, ...names };
}

export function optionalAddress(names: Names = {}): Setting<string | undefined> {
  return { parse: httpAddress, default: undefined, ...names };
}

function httpAddress(value: string): string {
  const isFine = URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
  if (!isFine) throw new Unreadable("an address that begins with http:// or https://");
  return value.replace(/\/+$/, "");
}

interface Range {
  readonly min: number;
  readonly max: number;
}

export function whole(fallback: number, range: Range, names: Names = {}): Setting<number> {
  return { parse: (value) => wholeWithin(value, range), default: fallback, ...names };
}

/** A number, whole or not. */
export function number(fallback: number, range: Range, names: Names = {}): Setting<number> {
  return { parse: (value) => numberWithin(value, range), default: fallback, ...names };
}

export function optionalWhole(range: Range, names: Names = {}): Setting<number | undefined> {
  return { parse: (value) => wholeWithin(value, range), default: undefined, ...names };
}

const PORT = { min: 0, max: 65_535 };

/**
 * Where a server that runs beside the command was told to listen. Undefined where that tells no port: 0 is any free one,
 * and Kubernetes sets ORCHESTRATOR_PORT to a whole address for a service of that name.
 */
export function neighbourPort(names: Names = {}): Setting<number | undefined> {
  const parse = (value: string) => (value.startsWith("tcp://") ? undefined : wholeWithin(value, PORT) || undefined);
  return { parse, default: undefined, ...names };
}

export function oneOf<Choice extends string>(
  choices: readonly Choice[],
  fallback: Choice,
  names: Names = {},
): Setting<Choice> {
  const parse = (value: string) => {
    const choice = choices.find((known) => known === value.toLowerCase());
    if (choice === undefined) throw new Unreadable(`one of ${choices.join(", ")}`);
    return choice;
  };
  return { parse, default: fallback, ...names };
}

const TRUE = ["true", "yes", "on", "1"];
const FALSE = ["false", "no", "off", "0"];

export function yesOrNo(fallback: boolean, names: Names = {}): Setting<boolean> {
  const parse = (value: string) => {
    const word = value.trim().toLowerCase();
    if (TRUE.includes(word)) return true;
    if (FALSE.includes(word)) return false;
    throw new Unreadable("true or false");
  };
  return { parse, default: fallback, ...names };
}

/** Reads one value and says in a whole sentence what is wrong with it. */
export function read<Value>(setting: Setting<Value>, value: string, from: string): Value {
  try {
    return setting.parse(value);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    throw new Refusal("WRONG_SETTING", 400, `${from} is ${JSON.stringify(value)}: it has to be ${error.message}.`);
  }
}

function nonEmpty(value: string): string {
  if (value.trim() === "") throw new Unreadable("a text that is not empty");
  return value;
}

function wholeWithin(value: string, { min, max }: Range): number {
  const number = Number(value);
  if (value.trim() === "" || !Number.isInteger(number) || number < min || number > max) {
    throw new Unreadable(`a whole number from ${min} to ${max}`);
  }
  return number;
}

function numberWithin(value: string, { min, max }: Range): number {
  const found = Number(value);
  if (value.trim() === "" || !Number.isFinite(found) || found < min || found > max) {
    throw new Unreadable(`a number from ${min} to ${max}`);
  }
  return found;
}

/** dataDir: data_dir */
export function tomlKey(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** dataDir: ORCHESTRATOR_DATA_DIR */
export function environmentName(name: string): string {
  return `ORCHESTRATOR_${tomlKey(name).toUpperCase()}`;
}

/** dataDir: --data-dir */
export function flagName(name: string): string {
  return `--${tomlKey(name).replaceAll("_", "-")}`;
}
