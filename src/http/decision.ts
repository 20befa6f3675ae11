/** What a request says of a decision, through whichever door: in the words that published clients know. */
import type { Decision } from "../../actors/orchestrator.ts";
import type { Caller } from "../access/access.ts";
import { type JsonMap, type JsonValue, Refusal } from "../system/errors.ts";

const NAME_LENGTH_MAX = 200;
const COMMENT_LENGTH_MAX = 4_000;

/** By a caller with a token. */
export function decisionBy({ client, isOperator }: Caller, body: JsonMap): Decision {
  return { ...decisionOf(body), by: isOperator ? "operator" : client.id, through: "api" };
}

export function decisionOf(body: JsonMap): Pick<Decision, "decision" | "comment"> {
  const decision = textIn(body["decision"], "decision", NAME_LENGTH_MAX);
  if (decision === undefined) throw new Refusal("INVALID_BODY", 400, "decision is required in body");
  const comment = textIn(body["comment"], "comment", COMMENT_LENGTH_MAX);
  return comment === undefined ? { decision } : { decision, comment };
}

/** Who decides, as they call themselves. */
export function nameOfDecider(body: JsonMap): string | undefined {
  return textIn(body["by"], "by", NAME_LENGTH_MAX);
}

function textIn(value: JsonValue | undefined, field: string, lengthMax: number): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string" || value.length > lengthMax) {
    throw new Refusal("INVALID_BODY", 400, `${field} must be a text of at most ${lengthMax} characters.`);
  }
  return value.trim() === "" ? undefined : value.trim();
}
