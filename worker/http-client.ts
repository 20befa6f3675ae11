/** Requests to the worker routes, with a time limit each. */
import type { Clock, Timers } from "../src/system/clock.ts";
import { type Access, accessHeaders } from "./access.ts";
import { httpUrl } from "./endpoint.ts";
import { limitOther } from "./limit.ts";
import { isRecord } from "./payload.ts";

export interface Answer {
  readonly status: number;
  /** Empty where the body is no JSON object. */
  readonly body: Record<string, unknown>;
  /** What a refusal says. */
  readonly sentence: string;
  readonly retryAfterMs?: number;
}

export interface RequestLimits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export class HttpClient {
  constructor(
    private readonly system: { readonly timers: Timers; readonly clock: Clock },
    readonly access: Access,
    /** Sent with each request. */
    private readonly headers: Readonly<Record<string, string>> = {},
  ) {}

  /** Rejects where nothing answered: unreachable, broken off, or over time. */
  async send(method: string, path: string, json: string | undefined, limits: RequestLimits): Promise<Answer> {
    const stopper = new AbortController();
    const stop = () => stopper.abort(new Error("the request was given up"));
    const cancel = limitOther(this.system, limits.timeoutMs, () =>
      stopper.abort(new Error(`no answer in ${limits.timeoutMs} ms`)),
    );
    limits.signal?.addEventListener("abort", stop, { once: true });
    try {
      if (limits.signal?.aborted) stop();
      const response = await fetch(httpUrl(this.access.endpoint, path), this.#request(method, json, stopper.signal));
      return readAnswer(response, await response.text());
    } finally {
      cancel();
      limits.signal?.removeEventListener("abort", stop);
    }
  }

  #request(method: string, json: string | undefined, signal: AbortSignal): BunFetchRequestInit {
    const { endpoint } = this.access;
    const headers: Record<string, string> = { ...accessHeaders(this.access), ...this.headers };
    const request: BunFetchRequestInit = { method, signal, headers };
    if (json !== undefined) {
      request.body = json;
      headers["Content-Type"] = "application/json";
    }
    // Bun ends a fetch that stays silent for five minutes; ours have their own limit.
    request.timeout = false;
    if (endpoint.kind === "socket") request.unix = endpoint.path;
    if (this.access.tls !== undefined) request.tls = this.access.tls;
    return request;
  }
}

function readAnswer(response: Response, text: string): Answer {
  const body = parseObject(text);
  const answer = { status: response.status, body, sentence: typeof body["error"] === "string" ? body["error"] : "" };
  const retryAfterSeconds = Number(response.headers.get("Retry-After") ?? Number.NaN);
  return Number.isFinite(retryAfterSeconds) ? { ...answer, retryAfterMs: retryAfterSeconds * 1000 } : answer;
}

function parseObject(text: string): Record<string, unknown> {
  if (text === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}
