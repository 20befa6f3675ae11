/** Paths and methods that no route has: 404 and 405 as every other error, HEAD and OPTIONS by what there is. */
import type { AnyElysia } from "elysia";
import { Refusal } from "../system/errors.ts";
import type { ErrorMapper } from "./errors.ts";

const METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"];

export interface MissingOptions {
  readonly app: () => AnyElysia;
  readonly fail: ErrorMapper;
  /** The catch-all for endpoints takes any path: whether a blueprint has this one. */
  readonly isEndpoint: (path: string) => boolean;
}

export function createMissing({ app, fail, isEndpoint }: MissingOptions) {
  return async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    const allowed = METHODS.filter((method) => has(app(), method, pathname, isEndpoint));
    if (request.method === "HEAD" && allowed.includes("GET") && isPlainRead(pathname)) return head(app(), request);
    if (allowed.length === 0) return fail(notFound(request.method, pathname), request);
    const allow = [...allowed, "OPTIONS"].join(", ");
    if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: { allow } });
    const refused = fail(notAllowed(request.method, pathname, allow), request);
    refused.headers.set("allow", allow);
    return refused;
  };
}

function has(app: AnyElysia, method: string, path: string, isEndpoint: (path: string) => boolean): boolean {
  const found = app.router.http.find(method, path);
  if (found === null) return false;
  const rest = found.params["*"];
  return rest === undefined || isEndpoint(rest);
}

/** Not what waits, or takes something away by being read: a task, a stream of events. */
function isPlainRead(path: string): boolean {
  return !path.startsWith("/_worker/") && !path.endsWith("/events");
}

async function head(app: AnyElysia, request: Request): Promise<Response> {
  const full = await app.handle(new Request(request.url, { headers: request.headers }));
  const length = String((await full.arrayBuffer()).byteLength);
  const answer = new Response(null, { status: full.status, headers: full.headers });
  answer.headers.set("content-length", length);
  return answer;
}

function notFound(method: string, path: string): Refusal {
  return new Refusal(
    "NOT_FOUND",
    404,
    `There is nothing at ${method} ${path}: see /_public/openapi.json for what there is.`,
  );
}

function notAllowed(method: string, path: string, allow: string): Refusal {
  return new Refusal("METHOD_NOT_ALLOWED", 405, `${path} takes ${allow} and not ${method}: use one of them.`, {
    allow,
  });
}
