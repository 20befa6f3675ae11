/** `--input JSON|@FILE|-`, read and checked before anything is sent. */
import { type JsonMap, messageOf } from "../system/errors.ts";
import { isObject } from "./client.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

export async function readInput(input: unknown, terminal: Terminal): Promise<JsonMap> {
  if (typeof input !== "string") return {};
  const value = parse(await textOf(input, terminal));
  if (!isObject(value)) throw wrongInput('it has to be a JSON object, such as {"name": "value"}.');
  return value;
}

async function textOf(input: string, terminal: Terminal): Promise<string> {
  if (input === "-") return terminal.readInput();
  if (!input.startsWith("@")) return input;
  const file = input.slice(1);
  if (!terminal.exists(file)) throw wrongInput(`the file ${file} does not exist.`);
  return terminal.readFile(file);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrongInput(`it is not JSON (${messageOf(error)}).`);
  }
}

function wrongInput(reason: string): CommandFailure {
  return new CommandFailure(EXIT.wrongUse, "WRONG_INPUT", `--input cannot be used: ${reason}`);
}
