/** What `clients.toml` and `workers.toml` have in common: a table for each name, with a token in it. */
import { parse as parseToml, TomlError } from "smol-toml";
import { type JsonMap, Refusal } from "../system/errors.ts";
import { hashOf } from "./tokens.ts";

export const TOKEN_FILES = ["clients", "workers"] as const;
export type TokenFile = (typeof TOKEN_FILES)[number];

export interface FileText {
  readonly kind: TokenFile;
  /** As the user named it. */
  readonly path: string;
  readonly text: string;
}

export interface TokenTable {
  readonly name: string;
  /** SHA-256, hex: the token itself goes no further than here. */
  readonly hash: string;
  /** What else the table has, as JSON has it. */
  readonly fields: JsonMap;
}

/** Hash to what is said of it: tokens that open another door already. */
export type TakenTokens = ReadonlyMap<string, string>;

export function readTokenTables(file: FileText, taken: TakenTokens): readonly TokenTable[] {
  const tables: TokenTable[] = [];
  for (const [name, value] of Object.entries(parseOrRefuse(file))) {
    if (!isTable(value)) {
      const example = `[${file.kind === "clients" ? "client_a" : "worker-001"}]`;
      throw wrong(file, `"${name}" stands outside of all tables: put it below a line such as ${example}.`);
    }
    const hash = hashOf(tokenOf(file, name, value["token"]));
    // Dates become text, as they would on their way to a handler in any case.
    const { token: _, ...fields } = JSON.parse(JSON.stringify(value)) as JsonMap;
    const table = { name, hash, fields };
    refuseTaken(file, table, taken);
    tables.push(table);
  }
  return tables;
}

export function wrong({ kind, path }: Pick<FileText, "kind" | "path">, message: string): Refusal {
  return new Refusal(`${kind.toUpperCase()}_CONFIG_INVALID`, 422, `${path}: ${message}`);
}

/** A wrong key of a table; the value is named where it is no secret. */
export function wrongKey(file: FileText, table: string, key: string, wanted: string, value: unknown): Refusal {
  const found = value === undefined ? "is missing" : `is ${key === "token" ? kindOf(value) : JSON.stringify(value)}`;
  return wrong(file, `[${table}] ${key} ${found}: it has to be ${wanted}.`);
}

/** Who comes with a token must be one alone. */
export function refuseTaken(file: FileText, { name, hash }: TokenTable, taken: TakenTokens): void {
  const owner = taken.get(hash);
  if (owner === undefined) return;
  throw wrong(file, `[${name}] token is that of ${owner} too: give each its own.`);
}

function parseOrRefuse(file: FileText): Record<string, unknown> {
  try {
    return parseToml(file.text.replace(/^\uFEFF/, ""));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The first line alone: what follows repeats the user's text, and with it perhaps a token.
    const reason = error.message.split("\n")[0];
    throw wrong(file, `line ${error.line}, column ${error.column} cannot be read: ${reason}.${quoteHint(file, error)}`);
  }
}

function quoteHint({ text }: FileText, { line }: TomlError): string {
  const [, name] = /^\s*\[([^\]"']*[^\w\s.\]"'-][^\]"']*)\]/.exec(text.split(/\r?\n/)[line - 1] ?? "") ?? [];
  return name === undefined ? "" : ` A name with such characters stands in quotes: ["${name.trim()}"].`;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

const TOKEN_LENGTH_MAX = 4096;
const SENDABLE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

function tokenOf(file: FileText, table: string, token: unknown): string {
  if (typeof token !== "string") throw wrongKey(file, table, "token", 'a text in quotes, such as token = "…"', token);
  if (token.length <= TOKEN_LENGTH_MAX && SENDABLE.test(token)) return token;
  const wanted = `1 to ${TOKEN_LENGTH_MAX} letters, digits and signs of ASCII without a space at either end, since it travels in a header`;
  throw wrong(file, `[${table}] token cannot be used: it has to be ${wanted}.`);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  return typeof value === "object" ? "a table" : `a ${typeof value}`;
}
