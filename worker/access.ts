/** What a worker shows at the door, and what the server's refusals mean to it. */
import { Refusal } from "../src/system/errors.ts";
import type { TlsFiles } from "./tls.ts";
import { describeEndpoint, type Endpoint } from "./endpoint.ts";

export interface Access {
  readonly endpoint: Endpoint;
  readonly workerId: string;
  readonly token?: string;
  /** The variable or flag that the token was set with. */
  readonly tokenFrom?: string;
  readonly tls?: TlsFiles | undefined;
  /** Nothing says where the server is: its socket file is taken as soon as it is there. */
  readonly door?: LocalDoor;
  /** Nothing says where the server is, and the token keeps the worker from its socket file. */
  readonly isUsual?: true;
}

/** The socket file of a server that may start later than its worker. */
export interface LocalDoor {
  readonly path: string;
  readonly exists: (path: string) => boolean;
}

/** How a connection that is made now gets in: it looks at the local door anew. */
export function accessNow(access: Access): Access {
  const { door } = access;
  return door?.exists(door.path) ? { ...access, endpoint: { kind: "socket", path: door.path } } : access;
}

/** Where the worker goes, for people: a local door that is waited for is the first choice. */
export function placeNow(access: Access): string {
  const place = describeEndpoint(accessNow(access).endpoint);
  const { door } = access;
  return door === undefined || door.exists(door.path) ? place : `${door.path} once it is there, until then ${place}`;
}

export function accessHeaders(access: Access): Record<string, string> {
  const headers = { "X-Worker-ID": access.workerId };
  return access.token === undefined ? headers : { ...headers, "X-Worker-Token": access.token };
}

/** How a socket of this access is opened. */
export function socketOptions(access: Access): Bun.WebSocketOptions {
  const headers = accessHeaders(access);
  return access.tls === undefined ? { headers } : { headers, tls: access.tls };
}

export function isWorthAnotherTry(status: number): boolean {
  return status >= 500 || status === 429 || status === 408 || status === 425;
}

/**
 * Trying again would end the same way: the worker stops with this. While a local door is waited
 * for, whoever refuses at the usual address may be another server.
 */
export function refusalOf(access: Access, status: number, sentence: string): Refusal | string {
  if (access.door === undefined || access.endpoint.kind === "socket") return finalRefusal(access, status, sentence);
  const place = describeEndpoint(access.endpoint);
  return `${access.door.path} is not there yet, and ${place} does not let this worker in without a token`;
}

function finalRefusal(access: Access, status: number, sentence: string): Refusal {
  const place = describeEndpoint(access.endpoint);
  if (status === 401 || status === 403) {
    const shown =
      access.token === undefined
        ? "No token was set"
        : `The token of ${access.tokenFrom ?? "this worker"} was not accepted`;
    const advice = `set ${variableOf(access)} to a worker's token that the orchestrator knows; the tokens of clients and operators open other doors`;
    return new Refusal(
      "UNAUTHORIZED",
      status,
      `${place} refused the worker "${access.workerId}". ${shown}: ${advice}. ${sentence}`.trim(),
    );
  }
  if (status === 404) {
    return new Refusal(
      "NOT_AN_ORCHESTRATOR",
      404,
      `No orchestrator answers at ${place}: check ORCHESTRATOR_URL or --url.`,
    );
  }
  return new Refusal("REFUSED", status, `${place} refused the worker with status ${status}. ${sentence}`.trim());
}

function variableOf({ tokenFrom }: Access): string {
  return tokenFrom ?? "WORKER_TOKEN (or WORKER_INDIVIDUAL_TOKEN for this WORKER_ID alone)";
}

export function asError(reason: Refusal | string): Error {
  return typeof reason === "string" ? new Error(reason) : reason;
}
