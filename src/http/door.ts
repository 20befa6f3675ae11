/** A door: who comes through it, and what that lets them do. There is one for the network and one for this machine. */
import { type Access, type Caller, denied, invalidToken, OPERATOR, type WorkerGrant } from "../access/access.ts";
import type { Attempts } from "../access/quota.ts";
import type { ShortTokens } from "../access/short-tokens.ts";
import { Refusal } from "../system/errors.ts";
import { type DoorLimits, keepStrangerTo, keepTo } from "./limits.ts";

export interface Door {
  /** Takes an attempt of the client's quota, where it has one. */
  client(request: Request): Caller;
  operator(request: Request): Caller;
  /** `claimed`: the worker's id, where the path carries it. */
  worker(request: Request, claimed?: string): WorkerGrant;
  /** Throws it, and counts it as a stranger's: what was presented instead of a token is no good. */
  refuse(request: Request, refusal: Refusal): never;
  /** Puts what the client has left of its quota on the answer. */
  tell(request: Request, response: Response): Response;
  /** For workers that exchange their token. Left out: nobody needs to here. */
  readonly shortTokens?: ShortTokens | undefined;
  /** Requests turned away for their token. */
  readonly refusals: number;
}

const WORKERS_TOKEN = "This is the workers' token: clients send CLIENT_TOKEN or OPERATOR_TOKEN.";
const NOT_WORKERS_TOKEN = "This is no worker's token but one of clients or operators: workers send WORKER_TOKEN.";

export interface NetworkDoorOptions extends DoorLimits {
  /** Where the request comes from. */
  readonly addressOf: (request: Request) => string;
  readonly shortTokens?: ShortTokens;
}

export function networkDoor(access: Access, options: NetworkDoorOptions): Door {
  let refusals = 0;
  const limited = new WeakMap<Request, Attempts>();
  const refuse = (request: Request, refusal: Refusal): never => {
    refusals += 1;
    // Those who have a good token are not held up by what others at their address try.
    keepStrangerTo(options.strangers, options.addressOf(request));
    throw refusal;
  };
  const keepWorkerTo = (request: Request, id: string): void => {
    const { pathname } = new URL(request.url);
    if (/\/tasks\/(?:next|result)$/.test(pathname)) return;
    const rate = request.method === "PATCH" ? options.heartbeats : options.workers;
    keepTo(rate, id, `Worker "${id}"`, "");
  };
  const client = (request: Request): Caller => {
    const token = clientToken(request.headers);
    if (token === undefined) return refuse(request, new Refusal("MISSING_TOKEN", 401, "Missing X-Client-Token header"));
    const caller = access.client(token);
    if (caller === undefined) {
      const isWorkers = typeof access.worker(token) !== "string";
      return refuse(request, invalidToken(isWorkers ? WORKERS_TOKEN : undefined));
    }
    const { id } = caller.client;
    if (options.clients !== undefined && !caller.isOperator) keepTo(options.clients, id, `Client "${id}"`, "");
    if (caller.attempts !== undefined && !limited.has(request) && isCounted(request)) {
      limited.set(request, caller.attempts);
      caller.attempts.request();
    }
    return caller;
  };
  return {
    client,
    refuse,
    shortTokens: options.shortTokens,
    operator(request) {
      const caller = client(request);
      if (caller.isOperator) return caller;
      throw new Refusal("FORBIDDEN", 403, "This is for operators only: send the operator's token.");
    },
    worker(request, claimed = request.headers.get("x-worker-id") || undefined) {
      const token = request.headers.get("x-worker-token");
      if (token === null || token === "") {
        return refuse(request, new Refusal("MISSING_TOKEN", 401, "Missing X-Worker-Token header"));
      }
      const grant = options.shortTokens?.grantOf(token) ?? access.worker(token, claimed);
      if (typeof grant !== "string") {
        if (options.workers ?? options.heartbeats)
          keepWorkerTo(request, claimed ?? grant.workerId ?? options.addressOf(request));
        return grant;
      }
      return refuse(request, denied(grant, claimed, access.client(token) && NOT_WORKERS_TOKEN));
    },
    tell(request, response) {
      const attempts = limited.get(request);
      if (attempts === undefined) return response;
      response.headers.set("x-quota-limit", String(attempts.limit));
      response.headers.set("x-quota-remaining", String(attempts.remaining));
      return response;
    },
    get refusals() {
      return refusals;
    },
  };
}

/** Behind a socket file that only its owner can open: that is the proof, and headers are not looked at. */
export function localDoor(): Door {
  const anyWorker: WorkerGrant = { admits: () => true };
  return {
    client: () => OPERATOR,
    operator: () => OPERATOR,
    worker: () => anyWorker,
    refuse: (_, refusal) => {
      throw refusal;
    },
    tell: (_, response) => response,
    refusals: 0,
  };
}

/** What stands outside of the client prefix takes nothing of a quota: approvals among it. */
function isCounted(request: Request): boolean {
  return !new URL(request.url).pathname.startsWith("/_public/");
}

function clientToken(headers: Headers): string | undefined {
  const own = headers.get("x-client-token") ?? headers.get("x-avtomatika-token");
  if (own !== null && own !== "") return own;
  const bearer = headers.get("authorization");
  return bearer !== null && /^bearer\s+\S/i.test(bearer) ? bearer.slice(7).trim() : undefined;
}
