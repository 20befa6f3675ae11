/** A small HTTP client for the commands: over a URL and a token, or over the local door. */
import { isObject } from "../protocol/json.ts";
import { type JsonMap, messageOf } from "../system/errors.ts";
import { withDetails } from "./details.ts";
import { type Door, noServerText, tokenAdvice } from "./door.ts";
import { CommandFailure, EXIT, exitCodeOfStatus } from "./exit.ts";
import { nextStep } from "./next-step.ts";
import type { Terminal } from "./terminal.ts";

export { isObject };

export interface Client {
  get(path: string): Promise<JsonMap>;
  /** For answers that are an array of objects. */
  list(path: string): Promise<readonly JsonMap[]>;
  post(path: string, body: JsonMap, headers?: Record<string, string>): Promise<JsonMap>;
  /** The answer itself, for a stream; refusals are thrown. */
  open(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
}

export function createClient(door: Door, terminal: Terminal): Client {
  const send = async (path: string, options: BunFetchRequestInit): Promise<Response> => {
    const response = await reach(door, terminal, path, options);
    if (!response.ok) throw await failureOf(response, door, path);
    return response;
  };

  return {
    get: async (path) => readBody(await send(path, {})),
    async list(path) {
      const items: unknown = await (await send(path, {})).json();
      return Array.isArray(items) ? items.filter(isObject) : [];
    },
    post: async (path, body, headers = {}) =>
      readBody(
        await send(path, {
          method: "POST",
          body: JSON.stringify(body),
          headers: { "content-type": "application/json", ...headers },
        }),
      ),
    open: (path, headers, signal) => send(path, { headers, signal }),
  };
}

async function reach(door: Door, terminal: Terminal, path: string, options: BunFetchRequestInit): Promise<Response> {
  const headers = new Headers(options.headers);
  if (door.token !== undefined) headers.set("x-client-token", door.token);
  try {
    return await terminal.fetch(door.url + path, {
      ...options,
      headers,
      ...(door.socket !== undefined && { unix: door.socket }),
    });
  } catch (error) {
    throw new CommandFailure(EXIT.noServer, "NO_SERVER", noServer(door, error));
  }
}

/** What the runtime says of a server that is simply not there helps nobody. */
const NOBODY_LISTENS: readonly unknown[] = ["ConnectionRefused", "FailedToOpenSocket", "ECONNREFUSED", "ENOENT"];

function noServer(door: Door, error: unknown): string {
  const isPlain = error instanceof Error && "code" in error && NOBODY_LISTENS.includes(error.code);
  return noServerText(door, isPlain ? "" : ` (${messageOf(error).replace(/[.\s]+$/, "")})`);
}

async function failureOf(response: Response, door: Door, path: string): Promise<CommandFailure> {
  const body = await readBody(response);
  const code = typeof body["code"] === "string" ? body["code"] : `HTTP_${response.status}`;
  const said = typeof body["error"] === "string" ? body["error"] : `The server answered ${response.status}.`;
  const { details } = body;
  const message = withDetails(said, details) + nextStep(code, path) + tokenAdvice(door, response.status, code);
  const answer = { status: response.status, error: said, ...(details !== undefined && { details }) };
  return new CommandFailure(exitCodeOfStatus(response.status), code, message, answer);
}

/** An answer that is not ours (a proxy's page, say) has no code and no sentence. */
async function readBody(response: Response): Promise<JsonMap> {
  const text = await response.text();
  try {
    const body: unknown = JSON.parse(text);
    return isObject(body) ? body : {};
  } catch (error) {
    return { error: `The server answered ${response.status} with something that is not JSON (${messageOf(error)}).` };
  }
}
