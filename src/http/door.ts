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

export function networkDoor(access: Access): Door {
  let refusals = 0;
  const refuse = (message: string, code: string): never => {
    refusals += 1;
    throw new Refusal(code, 401, message);
  };
  const client = (request: Request): Caller => {
    const token = clientToken(request.headers);
    if (token === undefined) return refuse("Missing X-Client-Token header", "MISSING_TOKEN");
    return access.client(token) ?? refuse("Unauthorized: Invalid token", "INVALID_TOKEN");
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
      return access.worker(token) ?? refuse("Unauthorized: No valid token found", "INVALID_TOKEN");
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
