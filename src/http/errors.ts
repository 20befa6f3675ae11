/** Every error leaves by here: `{"error", "code", "details"?}` with the right status. */
import { APPROVALS_PATH } from "../notify/approval-links.ts";
import { messageOf, Refusal } from "../system/errors.ts";
import type { System } from "../system/index.ts";
import { json } from "./reply.ts";

/** Published clients and workers look for these words. */
const KNOWN_WORDS: Readonly<Record<string, string>> = {
  JOB_NOT_FOUND: "Job not found",
  WORKER_NOT_FOUND: "Worker not found",
  BLUEPRINT_NOT_FOUND: "Blueprint not found",
};

export function refused(refusal: Refusal): Response {
  const words = KNOWN_WORDS[refusal.code];
  const error = words === undefined || refusal.message.startsWith(words) ? refusal.message : words;
  const body = { error, code: refusal.code, ...(refusal.details !== undefined && { details: refusal.details }) };
  const response = json(JSON.stringify(body), refusal.status);
  if (refusal.retryAfterSeconds !== undefined) {
    response.headers.set("retry-after", String(Math.max(1, Math.ceil(refusal.retryAfterSeconds))));
  }
  return response;
}

export type ErrorMapper = (error: unknown, request: Request) => Response;

export function createErrorMapper({ log, ids }: Pick<System, "log" | "ids">): ErrorMapper {
  return (error, request) => {
    if (error instanceof Refusal) return refused(error);
    const id = ids.unique();
    log.error("a request failed", { id, method: request.method, path: pathOf(request), error: stackOf(error) });
    return refused(internal(id));
  };
}

/** Without what lets somebody in: queries and headers may hold tokens, and links to decide are one. */
function pathOf(request: Request): string {
  const { pathname } = new URL(request.url);
  return pathname.startsWith(`${APPROVALS_PATH}/`) ? `${APPROVALS_PATH}/…` : pathname;
}

function internal(id: string): Refusal {
  const message = `Something went wrong inside the server: try again, and report it with the id ${id} if it stays.`;
  return new Refusal("INTERNAL", 500, message, { id });
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
}
