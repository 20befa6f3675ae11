/** Waits as a handler asks for them, checked: for a time, an event, a person, a job of another blueprint. */
import type { ChildOrder } from "../handlers/port.ts";
import { decisionsOf, INTEGRATIONS, type PauseOrder, TIMEOUT } from "../job/pause.ts";
import { parseMoment } from "../system/iso.ts";
import { Refusal } from "../system/errors.ts";
import { checkedTransitions } from "./orders.ts";
import { REQUEST_FIELDS, unknownFieldOf } from "./request-fields.ts";
import type { Actions } from "./sdk.ts";
import { jsonOfObject } from "./serialise.ts";

type Request<Action extends keyof Actions> = Parameters<Actions[Action]>[0];

const SECONDS_MAX = 100 * 366 * 24 * 3_600;
const EVENT_LENGTH_MAX = 200;
const MESSAGE_LENGTH_MAX = 4_000;

export function timerOf(request: Request<"waitFor">): PauseOrder {
  const fields = fieldsOf("waitFor", request);
  const then = fields["then"];
  if (typeof then !== "string") throw invalid("waitFor has no `then`: name the state that follows.");
  if ("seconds" in fields === "until" in fields) {
    throw invalid("waitFor wants either `seconds` or `until`, one of them.");
  }
  if ("seconds" in fields) return { kind: "timer", then, delayMs: milliseconds("waitFor, seconds", fields["seconds"]) };
  return { kind: "timer", then, untilMs: dateOf(fields["until"]) };
}

export function eventOf(request: Request<"waitForEvent">): PauseOrder {
  const fields = fieldsOf("waitForEvent", request);
  const { event } = fields;
  if (typeof event !== "string" || event === "" || event.length > EVENT_LENGTH_MAX) {
    throw invalid(`waitForEvent has no \`event\`: give a name of 1 to ${EVENT_LENGTH_MAX} characters.`);
  }
  const transitions = checkedTransitions(fields["transitions"]);
  if (transitions["received"] === undefined) {
    throw invalid(`waitForEvent("${event}") has no transition \`received\`: name the state that follows the event.`);
  }
  const unknown = Object.keys(transitions).find((name) => name !== "received" && name !== TIMEOUT);
  if (unknown !== undefined)
    throw invalid(`waitForEvent knows the transitions received and timeout, not "${unknown}".`);
  return { kind: "event", event, transitions, ...timeout("waitForEvent, timeoutSeconds", fields["timeoutSeconds"]) };
}

export function approvalOf(request: Request<"awaitHumanApproval">): PauseOrder {
  const fields = fieldsOf("awaitHumanApproval", request);
  const integration = INTEGRATIONS.find((name) => name === fields["integration"]);
  if (integration === undefined) {
    const given = String(fields["integration"]);
    throw invalid(`awaitHumanApproval: integration "${given}" is not known, choose one of ${INTEGRATIONS.join(", ")}.`);
  }
  const { message } = fields;
  if (typeof message !== "string" || message === "") {
    throw invalid("awaitHumanApproval has no `message`: say what the person decides about.");
  }
  const transitions = checkedTransitions(fields["transitions"]);
  if (decisionsOf(transitions).length === 0) {
    throw invalid("awaitHumanApproval offers no decision: give transitions such as { approved: …, rejected: … }.");
  }
  return {
    kind: "approval",
    integration,
    message: message.slice(0, MESSAGE_LENGTH_MAX),
    transitions,
    ...timeout("awaitHumanApproval, timeoutSeconds", fields["timeoutSeconds"]),
  };
}

export function childOf(request: Request<"runBlueprint">): ChildOrder {
  const fields = fieldsOf("runBlueprint", request);
  const blueprint = fields["blueprintName"];
  if (typeof blueprint !== "string" || blueprint === "") {
    throw invalid("runBlueprint has no `blueprintName`: name the blueprint to run.");
  }
  const data = fields["initialData"];
  return {
    blueprint,
    initialData: data === undefined ? "{}" : jsonOfObject(data, "initialData"),
    transitions: checkedTransitions(fields["transitions"]),
  };
}

function fieldsOf(action: keyof typeof REQUEST_FIELDS, request: unknown): Record<string, unknown> {
  const known = REQUEST_FIELDS[action];
  if (typeof request !== "object" || request === null || Array.isArray(request)) {
    throw invalid(`${action} wants an object such as { ${known.names.join(", ")} }.`);
  }
  const unknown = unknownFieldOf(action, request, known);
  if (unknown !== undefined) throw invalid(unknown);
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(request)) {
    // An optional field that is left undefined is not there.
    if (value !== undefined) fields[name] = value;
  }
  return fields;
}

function timeout(field: string, seconds: unknown): { timeoutMs?: number } {
  return seconds === undefined ? {} : { timeoutMs: milliseconds(field, seconds) };
}

function milliseconds(field: string, seconds: unknown): number {
  if (typeof seconds === "number" && seconds >= 0 && seconds <= SECONDS_MAX) return Math.ceil(seconds * 1000);
  throw invalid(`${field} is ${String(seconds)}, give a number of seconds from 0 (and below a hundred years).`);
}

function dateOf(until: unknown): number {
  const untilMs = typeof until === "string" ? parseMoment(until) : undefined;
  if (untilMs !== undefined) return untilMs;
  throw invalid(
    `waitFor, until is ${JSON.stringify(until)}: give a moment with its zone, such as "2027-01-31T08:00:00Z" or "2027-01-31T08:00:00+01:00".`,
  );
}

function invalid(message: string): Refusal {
  return new Refusal("INVALID_OUTCOME", 422, message);
}
