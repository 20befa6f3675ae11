/** What a handler returned or threw, as the JSON text of a result: always an object with a `status`. */
import { messageOf } from "../src/system/errors.ts";
import { errorCodeOf, errorDetailsOf } from "./errors.ts";
import { wordsOf } from "./words.ts";

export const RESULT_BYTES_MAX = 10 * 1024 * 1024;
const UTF8_BYTES_PER_UNIT_MAX = 3;

const ELSEWHERE = "keep large data in files or in a store and return where it lies";

export const VOID_SUCCESS = '{"status":"success"}';
export const CANCELLED = '{"status":"cancelled"}';

export function failure(code: string, message: string, details?: unknown): string {
  return JSON.stringify({ status: "failure", error: { code, message, details } });
}

export function unsupportedTask(type: string): string {
  return failure("PERMANENT_ERROR", `Unsupported task: ${type}`);
}

export function thrown(error: unknown): string {
  const details = errorDetailsOf(error);
  try {
    return failure(errorCodeOf(error), wordsOf(error), details);
  } catch {
    return failure(errorCodeOf(error), `${wordsOf(error)} (What it told beside that cannot be written as JSON.)`);
  }
}

export function returned(value: unknown): string {
  if (value === undefined) return VOID_SUCCESS;
  if (!isPlainObject(value)) {
    return refused(`it returned ${kindOf(value)}: return an object, or nothing`);
  }
  if (!("status" in value)) return encode({ status: "success", data: value });
  if (typeof value.status !== "string" || value.status === "") {
    return refused("its status is no text: put an object that has a field of that name under `data`");
  }
  const data = "data" in value ? value.data : undefined;
  if (data !== undefined && data !== null && !isPlainObject(data)) {
    return refused(`its data is ${kindOf(data)}: data has to be an object`);
  }
  return encode(value);
}

/** In the place of a result that the orchestrator refuses for its size. */
export function tooLarge(body: string): string {
  const megabytes = (Buffer.byteLength(body) / (1024 * 1024)).toFixed(1);
  return refused(`it has ${megabytes} MB and this orchestrator takes less: ${ELSEWHERE}`);
}

function encode(result: object): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(result);
  } catch (error) {
    return refused(`it cannot be written as JSON: ${firstLine(messageOf(error))}`);
  }
  // `toJSON` of the returned object may have made anything of it.
  if (text === undefined || !text.startsWith("{")) return refused("it is no object once written as JSON");
  if (isTooLarge(text)) {
    return refused(`it is larger than 10 MB: ${ELSEWHERE}`);
  }
  return text;
}

function isTooLarge(text: string): boolean {
  if (text.length * UTF8_BYTES_PER_UNIT_MAX <= RESULT_BYTES_MAX) return false;
  return Buffer.byteLength(text) > RESULT_BYTES_MAX;
}

function refused(reason: string): string {
  return failure("PERMANENT_ERROR", `The result of the handler cannot be sent, ${reason}.`);
}

function isPlainObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? text).replace(/\.$/, "");
}
