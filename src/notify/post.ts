/** One POST: limited in time, in what is read, and in where it may lead. Redirects are not followed. */
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";
import type { Timers } from "../system/clock.ts";
import { Refusal } from "../system/errors.ts";

export interface Post {
  readonly url: URL;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly timers: Timers;
  readonly timeoutMs?: number;
  /** So many bytes of the answer are read. */
  readonly readMax?: number;
  /** How the host's name becomes an address; left out: as the system does it. */
  readonly lookup?: LookupFunction | undefined;
}

export interface Answer {
  readonly status: number;
  /** As much of it as is worth reading. */
  readonly text: string;
  readonly location: string | undefined;
  readonly retryAfterMs: number | undefined;
}

const TIMEOUT_MS = 10_000;
const READ_MAX = 64 * 1024;

/** Rejects with what went wrong, as a clause: "did not answer within 10 s". */
export function post({
  url,
  body,
  headers,
  signal,
  timers,
  timeoutMs = TIMEOUT_MS,
  readMax = READ_MAX,
  lookup,
}: Post): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const bytes = Buffer.from(body);
  const request = (url.protocol === "https:" ? requestHttps : requestHttp)(url, {
    method: "POST",
    // A connection of its own: who was checked is who is spoken to.
    agent: false,
    headers: { "content-type": "application/json", ...headers, "content-length": String(bytes.length) },
    ...(lookup && { lookup }),
  });
  const fail = (reason: string) => {
    reject(new Error(reason));
    request.destroy();
  };
  const stop = () => fail("was given up, since the server stops");
  const cancel = timers.after(timeoutMs, () => fail(`did not answer within ${timeoutMs / 1000} s`));
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();

  // A refusal is the lookup's own, and stays one.
  request.on("error", (error) => reject(error instanceof Refusal ? error : new Error(reasonOf(error))));
  request.on("response", (response) => {
    const chunks: Buffer[] = [];
    let read = 0;
    const answer = () => {
      const retryAfter = Number(response.headers["retry-after"]);
      resolve({
        status: response.statusCode ?? 0,
        text: Buffer.concat(chunks).toString(),
        location: response.headers.location,
        retryAfterMs: Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter * 1000 : undefined,
      });
    };
    response.on("data", (chunk: Buffer) => {
      chunks.push(chunk.subarray(0, readMax - read));
      read += chunk.length;
      if (read < readMax) return;
      answer();
      request.destroy();
    });
    response.on("end", answer);
    response.on("error", (error) => reject(new Error(reasonOf(error))));
    response.on("aborted", () => reject(new Error("broke off its answer")));
  });
  request.end(bytes);
  return promise.finally(() => {
    cancel();
    signal.removeEventListener("abort", stop);
  });
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refused the connection",
  ConnectionRefused: "refused the connection",
  ECONNRESET: "broke off the connection",
  EPIPE: "broke off the connection",
  ENOTFOUND: "has a name that nobody knows",
  EAI_AGAIN: "has a name that could not be looked up just now",
  EHOSTUNREACH: "cannot be reached from here",
  ENETUNREACH: "cannot be reached from here",
  ETIMEDOUT: "did not take the connection in time",
};

/** Without the path of the request: tokens may stand in it. */
function reasonOf(error: Error & { readonly code?: string }): string {
  const known = error.code === undefined ? undefined : REASONS[error.code];
  return known ?? `could not be spoken to (${error.message})`;
}
