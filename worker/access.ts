/** What a worker shows at the door, and what the server's refusals mean to it. */
import { Refusal } from "../src/system/errors.ts";
import { describeEndpoint, type Endpoint } from "./endpoint.ts";

export interface Access {
  readonly endpoint: Endpoint;
  readonly workerId: string;
  readonly token?: string;
}

export function accessHeaders(access: Access): Record<string, string> {
  const headers = { "X-Worker-ID": access.workerId };
  return access.token === undefined ? headers : { ...headers, "X-Worker-Token": access.token };
}

export function isWorthAnotherTry(status: number): boolean {
  return status >= 500 || status === 429 || status === 408 || status === 425;
}

/** Trying again would end the same way: the worker stops with this. */
export function refusalOf(access: Access, status: number, sentence: string): Refusal {
  const place = describeEndpoint(access.endpoint);
  if (status === 401 || status === 403) {
    const shown = access.token === undefined ? "No token was set" : "The token was not accepted";
    const advice =
      "set WORKER_TOKEN (or WORKER_INDIVIDUAL_TOKEN for this WORKER_ID alone) to a token that the orchestrator knows";
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
