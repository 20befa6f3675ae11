/**
 * Reading the frames of our stream. Written by hand: a result comes thousands of times a second,
 * and each of these checks is a comparison or two.
 */
import type { JsonMap, JsonValue } from "../system/errors.ts";
import { compileSchema } from "./schema.ts";
import { isObject } from "./json.ts";
import { isEventName } from "./worker-event.ts";
import { HeartbeatBody, RegistrationBody, type WorkerFrame } from "./worker.ts";

const registrationCheck = compileSchema(RegistrationBody);
const heartbeatCheck = compileSchema(HeartbeatBody);

/** The frame, or what is wrong with it in a sentence. Unknown fields stay: newer workers may send them. */
export function readFrame(value: JsonValue): WorkerFrame | string {
  if (!isObject(value)) return "A frame must be an object.";
  const problem = problemOf(value);
  return problem ?? (value as unknown as WorkerFrame);
}

function problemOf(frame: JsonMap): string | undefined {
  switch (frame["type"]) {
    case "result":
      return taskMissing(frame) ?? (Number.isInteger(frame["seq"]) ? undefined : wants("seq"));
    case "progress":
      return taskMissing(frame) ?? progressProblem(frame);
    case "event":
      return taskMissing(frame) ?? missing(frame, "event_id") ?? eventProblem(frame);
    case "checkpoint":
      return taskMissing(frame) ?? ("value" in frame ? undefined : wants("value"));
    case "heartbeat":
      return first(heartbeatCheck(frame, ""));
    case "hello":
      return missing(frame, "session") ?? helloProblem(frame);
    case "release":
      return isNames(frame["task_ids"]) ? undefined : wants("task_ids");
    case "drain":
      return undefined;
    default:
      return `There is no frame of the type ${JSON.stringify(frame["type"] ?? null)}.`;
  }
}

function progressProblem(frame: JsonMap): string | undefined {
  if (typeof frame["progress"] !== "number") return wants("progress");
  return frame["message"] === undefined || typeof frame["message"] === "string" ? undefined : wants("message");
}

function eventProblem(frame: JsonMap): string | undefined {
  if (!isEventName(frame["name"])) return wants("name");
  return isObject(frame["payload"]) ? undefined : wants("payload");
}

function helloProblem(frame: JsonMap): string | undefined {
  const { running } = frame;
  if (!Array.isArray(running)) return wants("running");
  const isWhole = running.every((task) => isObject(task) && taskMissing(task) === undefined);
  return isWhole ? first(registrationCheck(frame["registration"], "/registration")) : wants("running");
}

/** Whose frame it is. */
function taskMissing(frame: JsonMap): string | undefined {
  return missing(frame, "job_id") ?? missing(frame, "task_id");
}

function missing(frame: JsonMap, field: string): string | undefined {
  const value = frame[field];
  return typeof value === "string" && value !== "" ? undefined : wants(field);
}

function wants(field: string): string {
  return `The frame's field "${field}" is missing or of the wrong kind.`;
}

function first(violations: ReturnType<typeof registrationCheck>): string | undefined {
  const violation = violations?.[0];
  return violation === undefined
    ? undefined
    : `The frame's field ${violation.path} does not fit: ${violation.message}.`;
}

function isNames(value: JsonValue | undefined): boolean {
  return Array.isArray(value) && value.every((name) => typeof name === "string");
}
