/**
 * JSON at the door. What a store or a later reader could not keep whole is refused here, with
 * the place in the body: a NUL, half a surrogate pair, a number that would lose digits.
 */
import { type JsonMap, type JsonValue, Refusal } from "../system/errors.ts";

export const JSON_DEPTH_MAX = 64;

/** What is wrong in a body, and where: a JSON pointer (RFC 6901). */
export interface Flaw {
  readonly code: "INVALID_TEXT" | "NUMBER_TOO_LARGE";
  readonly path: string;
  readonly message: string;
}

/** A body that has to be an object. */
export function parseObject(text: string): JsonMap {
  const value = parseJson(text);
  if (!isObject(value)) {
    throw new Refusal("NOT_AN_OBJECT", 400, "The body must be a JSON object, like {}: send one.");
  }
  return value;
}

export function parseJson(text: string): JsonValue {
  const value = parseShallow(text);
  const flaw = findFlaw(text);
  if (flaw !== undefined) throw refusalOf(flaw);
  return value;
}

/** Parses without looking for flaws: for who wants to answer those itself. */
export function parseShallow(text: string): JsonValue {
  if (isTooDeep(text)) {
    const message = `The body is nested deeper than ${JSON_DEPTH_MAX} levels: flatten it, or put the inner part into a string.`;
    throw new Refusal("JSON_TOO_DEEP", 400, message);
  }
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    // Published clients know these words. The parser's own may quote the body, which may hold secrets: they stay out.
    const cause = error instanceof Error ? error.name : "";
    const hint = "Send one JSON value as UTF-8, whole, and nothing beside it.";
    throw new Refusal("INVALID_JSON", 400, "Invalid JSON body", { cause, hint });
  }
}

export function refusalOf(flaw: Flaw): Refusal {
  return new Refusal(flaw.code, 422, `${flaw.message} (at ${flaw.path || "the top"})`, [
    { path: flaw.path, message: flaw.message },
  ]);
}

export function isObject(value: unknown): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// These escapes, long numbers and large exponents are the only spellings of what is refused: bodies without them are
// done after some passes of compiled patterns. Ids hold `4e123` and rows of digits all the time, so that it matters
// where a number can begin and what can follow it.
const ESCAPE = /\\u(?:0000|[dD][89a-fA-F])/;
const DIGITS = /\d{16}/;
const LONG_NUMBER = /(?:^|[:,[\s])-?\d{16}/;
const EXPONENT = /\d[eE]\+?\d{3,}(?![\w"-])/;

/** The first flaw of a text that is known to be JSON. */
export function findFlaw(text: string): Flaw | undefined {
  return mayBeFlawed(text) ? scan(text) : undefined;
}

function mayBeFlawed(text: string): boolean {
  return ESCAPE.test(text) || EXPONENT.test(text) || (DIGITS.test(text) && LONG_NUMBER.test(text));
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;

function isTooDeep(text: string): boolean {
  // A level takes two characters.
  if (text.length <= 2 * JSON_DEPTH_MAX) return false;
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) index = endOfString(text, index);
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (++depth > JSON_DEPTH_MAX) return true;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--;
  }
  return false;
}

/** The index of the closing quote; the text's end when there is none. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1) {
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}

interface Level {
  readonly isArray: boolean;
  key: string | number;
  wantsKey: boolean;
}

function scan(text: string): Flaw | undefined {
  const levels: Level[] = [];
  for (let index = 0; index < text.length; index++) {
    const level = levels.at(-1);
    switch (text.charCodeAt(index)) {
      case OPEN_BRACE:
        levels.push({ isArray: false, key: "", wantsKey: true });
        break;
      case OPEN_BRACKET:
        levels.push({ isArray: true, key: 0, wantsKey: false });
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        levels.pop();
        break;
      case COMMA:
        if (level !== undefined) next(level);
        break;
      case QUOTE: {
        const end = endOfString(text, index);
        const flaw = stringFlaw(text.slice(index, end + 1), level, levels);
        if (flaw !== undefined) return flaw;
        index = end;
        break;
      }
      case COLON:
        break;
      default: {
        const token = numberAt(text, index);
        if (token === "") break;
        const flaw = numberFlaw(token, levels);
        if (flaw !== undefined) return flaw;
        index += token.length - 1;
      }
    }
  }
  return undefined;
}

function next(level: Level): void {
  if (typeof level.key === "number") level.key++;
  else level.wantsKey = true;
}

function stringFlaw(quoted: string, level: Level | undefined, levels: readonly Level[]): Flaw | undefined {
  const value = quoted.includes("\\") ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
  const isBroken = value.includes("\u0000") || !value.isWellFormed();
  const isKey = level?.wantsKey === true;
  // A key that cannot be shown stands for itself by its parent.
  if (isKey && level !== undefined) {
    if (!isBroken) level.key = value;
    level.wantsKey = false;
  }
  if (!isBroken) return undefined;
  const path = pointer(isKey ? levels.slice(0, -1) : levels);
  const what = isKey ? "A key" : "A text";
  return { code: "INVALID_TEXT", path, message: `${what} holds \\u0000 or half a surrogate pair: take it out.` };
}

const NUMBER = /-?\d[\d.eE+-]*/y;
const INTEGER = /^-?\d+$/;

function numberAt(text: string, index: number): string {
  NUMBER.lastIndex = index;
  return NUMBER.exec(text)?.[0] ?? "";
}

function numberFlaw(token: string, levels: readonly Level[]): Flaw | undefined {
  const value = Number(token);
  if (INTEGER.test(token) ? Number.isSafeInteger(value) : Number.isFinite(value)) return undefined;
  const message = "A number is too large to be kept exactly: send it as a string.";
  return { code: "NUMBER_TOO_LARGE", path: pointer(levels), message };
}

function pointer(levels: readonly Level[]): string {
  return levels.map((level) => `/${String(level.key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
