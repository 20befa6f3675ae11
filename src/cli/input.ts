/** `--input JSON|@FILE|-`, read and checked before anything is sent. */
import { type JsonMap, type JsonValue, messageOf } from "../system/errors.ts";
import { isObject } from "./client.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

export async function readInput(input: unknown, terminal: Terminal): Promise<JsonMap> {
  if (typeof input !== "string") return {};
  const value = await readValue("--input", input, terminal);
  if (!isObject(value)) throw wrongInput("--input", 'it has to be a JSON object, such as {"name": "value"}.');
  return value;
}

/** Any JSON value; null where the flag is not given. */
export async function readValue(flag: string, input: unknown, terminal: Terminal): Promise<JsonValue> {
  if (typeof input !== "string") return null;
  const text = await textOf(flag, input, terminal);
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    throw wrongInput(flag, `${sourceOf(input)} is not JSON (${messageOf(error)}).${adviceFor(flag, input, terminal)}`);
  }
}

function sourceOf(input: string): string {
  if (input === "-") return "standard input";
  return input.startsWith("@") ? `the file ${input.slice(1)}` : "it";
}

/** The two slips of a shell: a file without its @, and JSON without quotes around it. */
function adviceFor(flag: string, input: string, terminal: Terminal): string {
  if (input === "-" || input.startsWith("@")) return "";
  const isFile = terminal.exists(input) || /^[./~]|\.json$/.test(input);
  return isFile
    ? ` To read a file, write ${flag} @${input}.`
    : ` Put JSON between single quotes, as in ${flag} '{"name": "Ada"}', or name a file as @FILE.`;
}

async function textOf(flag: string, input: string, terminal: Terminal): Promise<string> {
  if (input === "-") return terminal.readInput();
  if (!input.startsWith("@")) return input;
  const file = input.slice(1);
  if (!terminal.exists(file)) throw wrongInput(flag, `the file ${file} does not exist.`);
  return terminal.readFile(file);
}

function wrongInput(flag: string, reason: string): CommandFailure {
  return new CommandFailure(EXIT.wrongUse, "WRONG_INPUT", `${flag} cannot be used: ${reason}`);
}
