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
  return parse(flag, await textOf(flag, input, terminal));
}

async function textOf(flag: string, input: string, terminal: Terminal): Promise<string> {
  if (input === "-") return terminal.readInput();
  if (!input.startsWith("@")) return input;
  const file = input.slice(1);
  if (!terminal.exists(file)) throw wrongInput(flag, `the file ${file} does not exist.`);
  return terminal.readFile(file);
}

function parse(flag: string, text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    throw wrongInput(flag, `it is not JSON (${messageOf(error)}).`);
  }
}

function wrongInput(flag: string, reason: string): CommandFailure {
  return new CommandFailure(EXIT.wrongUse, "WRONG_INPUT", `${flag} cannot be used: ${reason}`);
}
