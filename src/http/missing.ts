/** Paths and methods that no route has: 404 and 405 in the form of every other error, and OPTIONS by what there is. */
import type { AnyElysia } from "elysia";
import { Refusal } from "../system/errors.ts";
import type { ErrorMapper } from "./errors.ts";
import { matcherOf } from "./route-paths.ts";

export interface MissingOptions {
  readonly app: () => AnyElysia;
  readonly fail: ErrorMapper;
  /** The catch-all for endpoints takes any path: whether a blueprint has this one. */
  readonly isEndpoint: (path: string) => boolean;
  readonly clientPrefix: string;
}

interface Pattern {
  readonly method: string;
  readonly matches: (path: string) => boolean;
}

export function createMissing({ app, fail, isEndpoint, clientPrefix }: MissingOptions) {
  let patterns: readonly Pattern[] | undefined;
  return (request: Request): Response => {
    patterns ??= app().routes.flatMap(({ method, path }) =>
      path.endsWith("*") ? [] : [{ method, matches: matcherOf(path) }],
    );
    const { pathname } = new URL(request.url);
    const methods = new Set(patterns.filter(({ matches }) => matches(pathname)).map(({ method }) => method));
    if (pathname.startsWith(`${clientPrefix}/`) && isEndpoint(pathname.slice(clientPrefix.length + 1)))
      methods.add("POST");
    if (methods.size === 0) return fail(notFound(request.method, pathname), request);
    const allow = [...methods, "OPTIONS"].join(", ");
    if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: { allow } });
    return withAllow(fail(notAllowed(request.method, pathname, allow), request), allow);
  };
}

/** HEAD would run the GET of a route; where a GET takes something away, or waits, that is wrong. */
export function refuseHead(request: Request): void {
  if (request.method === "HEAD") throw notAllowed("HEAD", new URL(request.url).pathname, "GET");
}

function withAllow(response: Response, allow: string): Response {
  response.headers.set("allow", allow);
  return response;
}

function notFound(method: string, path: string): Refusal {
  const message = `There is nothing at ${method} ${path}: see /_public/openapi.json for what there is.`;
  return new Refusal("NOT_FOUND", 404, message);
}

function notAllowed(method: string, path: string, allow: string): Refusal {
  return new Refusal("METHOD_NOT_ALLOWED", 405, `${path} takes ${allow} and not ${method}: use that.`, { allow });
}
