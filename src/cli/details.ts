/** The details of an error as people's text: what may have been meant, what to do, what is wrong where. */
import { isObject } from "../protocol/json.ts";
import type { JsonMap, JsonValue } from "../system/errors.ts";

const LINES_MAX = 20;

/** Always a whole sentence. */
export function withDetails(sentence: string, details: JsonValue | undefined): string {
  if (Array.isArray(details)) return whole(sentence) + violations(details);
  if (!isObject(details)) return whole(sentence);
  const names = textsOf(details["near"]);
  const meant =
    names.length > 0 &&
    !sentence.includes("did you mean") &&
    `${sentence.replace(/[.\s]+$/, "")}; did you mean ${anyOf(names)}?`;
  const hint = typeof details["hint"] === "string" ? ` ${whole(details["hint"])}` : "";
  const states = textsOf(details["states"]);
  const all = states.length > 0 ? ` Its states: ${states.join(", ")}.` : "";
  return (meant || whole(sentence)) + all + hint;
}

function textsOf(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function whole(sentence: string): string {
  return /[.?!]$/.test(sentence) ? sentence : `${sentence}.`;
}

/** a, b or c */
function anyOf(names: readonly string[]): string {
  const [last, ...others] = names.toReversed();
  return others.length === 0 ? (last ?? "") : `${others.toReversed().join(", ")} or ${last}`;
}

function violations(details: readonly JsonValue[]): string {
  const lines = details.filter(isObject).map(lineOf);
  return lines.slice(0, LINES_MAX).join("");
}

function lineOf({ path, message }: JsonMap): string {
  if (typeof message !== "string") return "";
  return `\n  ${typeof path === "string" && path !== "" ? `${path}: ` : ""}${message}`;
}
