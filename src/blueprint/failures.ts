/** The words for what went wrong in a handler. */
import type { Ending } from "../handlers/port.ts";
import type { JobError } from "../job/model.ts";
import { messageOf, type Refusal } from "../system/errors.ts";
import { nearest } from "../system/nearest.ts";
import { ACTION_NAMES } from "./request-facts.ts";

/** A message is kept with the job: an endless one is cut. */
export const MESSAGE_LENGTH_MAX = 4000;

export function invalid(state: string, error: JobError): Ending {
  return { kind: "invalid", state, error: { code: error.code, message: error.message } };
}

export function broke(state: string, code: string, message: string): Ending {
  return { kind: "broke", state, error: { code, message }, alone: false };
}

export function refused(state: string, refusal: Refusal): Ending {
  return invalid(state, { code: refusal.code, message: refusal.message });
}

export function threw(state: string, error: unknown, placeOf: (stack: string) => string | undefined): Ending {
  const place = error instanceof Error && error.stack ? placeOf(error.stack) : undefined;
  const message = withAction(wordsOf(error)).slice(0, MESSAGE_LENGTH_MAX);
  return broke(state, "HANDLER_ERROR", place ? `${message} (at ${place})` : message);
}

/** Most of what is called in a handler and does not exist is an action with a slip of the pen in it. */
function withAction(message: string): string {
  const name = /^(?:\w+\.)?(\w+) is not a function$/.exec(message)?.[1];
  const meant = name === undefined ? undefined : nearest(name, ACTION_NAMES);
  return meant === undefined || meant === name ? message : `${message}; did you mean the action ${meant}?`;
}

/** The first line of a stack trace that names a place in a file. */
export function firstPlace(stack: string): string | undefined {
  for (const line of stack.split("\n").slice(1)) {
    const place = /^\s*at (?:.*\()?(.+:\d+:\d+)\)?$/.exec(line)?.[1];
    if (place && !place.startsWith("native:")) return place;
  }
  return undefined;
}

/** A thrown value can refuse to be shown as text. */
export function wordsOf(error: unknown): string {
  try {
    return messageOf(error);
  } catch {
    return "It threw a value that cannot be shown.";
  }
}
