/** A door: who comes through it, and what that lets them do. There is one for the network and one for this machine. */
import { type Access, type Caller, OPERATOR, type WorkerGrant } from "../access/access.ts";
import { Refusal } from "../system/errors.ts";

export interface Door {
  client(request: Request): Caller;
  operator(request: Request): Caller;
  worker(request: Request): WorkerGrant;
  /** Requests turned away for their token. */
  readonly refusals: number;
}

const WORKERS_TOKEN = "This is the workers' token: clients send CLIENT_TOKEN or OPERATOR_TOKEN.";
const NOT_WORKERS_TOKEN = "This is no worker's token but one of clients or operators: workers send WORKER_TOKEN.";

export function networkDoor(access: Access): Door {
  let refusals = 0;
  const refuse = (message: string, code: string, hint?: string): never => {
    refusals += 1;
    throw new Refusal(code, 401, message, hint === undefined ? undefined : { hint });
  };
  const client = (request: Request): Caller => {
    const token = clientToken(request.headers);
    if (token === undefined) return refuse("Missing X-Client-Token header", "MISSING_TOKEN");
    // The words stay those that published clients know; what else helps goes beside them.
    const hint = () => (access.worker(token) ? WORKERS_TOKEN : undefined);
    return access.client(token) ?? refuse("Unauthorized: Invalid token", "INVALID_TOKEN", hint());
  };
  return {
    client,
    operator(request) {
      const caller = client(request);
      if (caller.isOperator) return caller;
      throw new Refusal("FORBIDDEN", 403, "This is for operators only: send the operator's token.");
    },
    worker(request) {
      const token = request.headers.get("x-worker-token");
      if (token === null || token === "") return refuse("Missing X-Worker-Token header", "MISSING_TOKEN");
      const hint = () => (access.client(token) ? NOT_WORKERS_TOKEN : undefined);
      return access.worker(token) ?? refuse("Unauthorized: No valid token found", "INVALID_TOKEN", hint());
    },
    get refusals() {
      return refusals;
    },
  };
}

/** Behind a socket file that only its owner can open: that is the proof, and headers are not looked at. */
export function localDoor(): Door {
  const anyWorker: WorkerGrant = {};
  return { client: () => OPERATOR, operator: () => OPERATOR, worker: () => anyWorker, refusals: 0 };
}

function clientToken(headers: Headers): string | undefined {
  const own = headers.get("x-client-token") ?? headers.get("x-avtomatika-token");
  if (own !== null && own !== "") return own;
  const bearer = headers.get("authorization");
  return bearer !== null && /^bearer\s+\S/i.test(bearer) ? bearer.slice(7).trim() : undefined;
}
