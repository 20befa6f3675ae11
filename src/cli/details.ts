/** The details of an error as people's text: what may have been meant, what to do, what is wrong where. */
import { isObject } from "../protocol/json.ts";
import type { JsonMap, JsonValue } from "../system/errors.ts";

const LINES_MAX = 20;

/** Always a whole sentence. */
export function withDetails(sentence: string, details: JsonValue | undefined): string {
  if (Array.isArray(details)) return whole(sentence) + violations(details);
  if (!isObject(details)) return whole(sentence);
  const names = Array.isArray(details["near"]) ? details["near"].filter((name) => typeof name === "string") : [];
  const meant =
    names.length > 0 &&
    !sentence.includes("did you mean") &&
    `${sentence.replace(/[.\s]+$/, "")}; did you mean ${anyOf(names)}?`;
  const hint = typeof details["hint"] === "string" ? ` ${whole(details["hint"])}` : "";
  return (meant || whole(sentence)) + hint;
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
