import { Refusal } from "../system/errors.ts";

export type TokenKind = "number" | "string" | "name" | "sign" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** A string without its quotes, escapes resolved; all else as written. */
  readonly text: string;
  /** Offset of its first character. */
  readonly at: number;
}

const SPACE = /\s+/y;
const NUMBER = /(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const NAME = /[\p{L}_$][\p{L}\p{N}_$]*/uy;
const SIGN = /==|!=|<=|>=|[<>()[\],.-]/y;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\\": "\\", "'": "'", '"': '"' };
const CODE_POINT = /\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))/y;

/** Longer ones are no conditions any more: that is work for a function. */
const LENGTH_MAX = 10_000;

/** Signs of other languages that end up in conditions, and what to write instead. */
const FOREIGN: readonly (readonly [string, string])[] = [
  ["===", 'write "=="'],
  ["!==", 'write "!="'],
  ["&&", 'write "and"'],
  ["||", 'write "or"'],
  ["=", 'write "==" to compare'],
  ["!", 'write "not"'],
];

export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  if (text.length > LENGTH_MAX)
    throw syntaxRefusal("", 0, `it is longer than ${LENGTH_MAX} characters, use a function`);
  while (at < text.length) {
    at += lengthOf(SPACE, text, at);
    if (at >= text.length) break;
    const start = at;
    const token = readToken(text, start);
    tokens.push(token.token);
    at = token.next;
  }
  tokens.push({ kind: "end", text: "", at: text.length });
  return tokens;
}

/** A refusal that shows where: the column, and the text with a caret under it. */
export function syntaxRefusal(text: string, at: number, reason: string): Refusal {
  const line = text.replace(/\s/g, " ");
  const column = at + 1;
  const message = `The condition cannot be read at column ${column}: ${reason}.\n  ${line}\n  ${" ".repeat(at)}^`;
  return new Refusal("CONDITION_SYNTAX", 422, message, { condition: text, column });
}

function readToken(text: string, at: number): { readonly token: Token; readonly next: number } {
  const first = text.charAt(at);
  if (first === "'" || first === '"') return readString(text, at);
  const foreign = FOREIGN.find(([sign]) => text.startsWith(sign, at) && !isOurs(text, at));
  if (foreign) throw syntaxRefusal(text, at, `"${foreign[0]}" is not known here, ${foreign[1]}`);
  for (const [kind, pattern] of [
    ["number", NUMBER],
    ["name", NAME],
    ["sign", SIGN],
  ] as const) {
    const length = lengthOf(pattern, text, at);
    if (length > 0) return { token: { kind, text: text.slice(at, at + length), at }, next: at + length };
  }
  throw syntaxRefusal(text, at, `"${first}" is not known here`);
}

/** "==" and "!=", but neither "===" nor "!==". */
function isOurs(text: string, at: number): boolean {
  const sign = text.slice(at, at + 2);
  return (sign === "==" || sign === "!=") && text.charAt(at + 2) !== "=";
}

function readString(text: string, start: number): { readonly token: Token; readonly next: number } {
  const quote = text.charAt(start);
  let value = "";
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === quote) return { token: { kind: "string", text: value, at: start }, next: at + 1 };
    if (character !== "\\") {
      value += character;
      continue;
    }
    const escaped = readEscape(text, at);
    value += escaped.text;
    at += escaped.length - 1;
  }
  throw syntaxRefusal(text, start, `this text has no closing ${quote}`);
}

/** One that nobody knows would change the text in silence. */
function readEscape(text: string, at: number): { readonly text: string; readonly length: number } {
  CODE_POINT.lastIndex = at;
  const [code = "", long, short] = CODE_POINT.exec(text) ?? [];
  const digits = long ?? short;
  if (digits !== undefined) return { text: String.fromCharCode(Number.parseInt(digits, 16)), length: code.length };
  const sign = text.charAt(at + 1);
  const known = ESCAPES[sign];
  if (known !== undefined) return { text: known, length: 2 };
  throw syntaxRefusal(text, at, `"\\${sign}" is not known in a text, write "\\\\" for a backslash`);
}

function lengthOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0].length ?? 0;
}
