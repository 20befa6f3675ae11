/** What a task declares by schema of its results and events: checked before they are sent, and told to the orchestrator. */
import type { TSchema } from "@sinclair/typebox";
import { compileSchema, type SchemaCheck } from "../src/protocol/schema.ts";
import { messageOf, Refusal } from "../src/system/errors.ts";
import { suggestion } from "../src/system/nearest.ts";
import { EventRefused, VIOLATION } from "./errors.ts";
import { failure } from "./outcome.ts";

/** The body that is to be sent: the one that it was given, or a failure that says what does not fit. */
export type CheckOutput = (body: string) => string;

/** Throws what does not fit. */
export type CheckEvent = (name: string, payload: object) => void;

export function compileDeclared(what: string, task: string, schema: TSchema): SchemaCheck {
  try {
    return compileSchema(schema);
  } catch (error) {
    const sentence = `The schema of the ${what} of the task "${task}" cannot be used: ${messageOf(error)}`;
    throw new Refusal("INVALID_SCHEMA", 400, sentence);
  }
}

export function outputCheck(task: string, schema: TSchema): CheckOutput {
  const check = compileDeclared("output", task, schema);
  return (body) => {
    const { status, data } = JSON.parse(body) as { status: string; data?: unknown };
    if (status !== "success") return body;
    const violations = check(data ?? {}, "data");
    if (violations === undefined) return body;
    const said = violations.map(({ path, message }) => `${path} ${message}`).join("; ");
    return failure(VIOLATION, `The result does not fit what the task "${task}" declares: ${said}.`, violations);
  };
}

export function eventCheck(task: string, schemas: Readonly<Record<string, TSchema>>): CheckEvent {
  const checks = new Map(
    Object.entries(schemas).map(([name, schema]) => [name, compileDeclared(`event "${name}"`, task, schema)]),
  );
  return (name, payload) => {
    const check = checks.get(name);
    if (!check) {
      throw new EventRefused(
        VIOLATION,
        `The task "${task}" declares no event "${name}"${suggestion(name, checks.keys())}`,
      );
    }
    const violations = check(payload, "payload");
    if (violations === undefined) return;
    const said = violations.map(({ path, message }) => `${path} ${message}`).join("; ");
    throw new EventRefused(VIOLATION, `The event "${name}" does not fit what the task "${task}" declares: ${said}.`);
  };
}
