/** Who presents a token, and what that lets them do. */
import { timingSafeEqual } from "node:crypto";
import type { ClientFacts } from "../job/model.ts";
import { Refusal } from "../system/errors.ts";
import { digestOf, type Tokens } from "./tokens.ts";

/** Somebody who starts and reads jobs. */
export interface Caller {
  readonly client: ClientFacts;
  /** Whose jobs are seen; undefined: everybody's. */
  readonly viewer: string | undefined;
  readonly isOperator: boolean;
}

/** A worker's token. The shared one stands for any worker: `workerId` is then left out. */
export interface WorkerGrant {
  readonly workerId?: string;
}

export interface Access {
  client(token: string): Caller | undefined;
  worker(token: string): WorkerGrant | undefined;
}

export const OPERATOR: Caller = {
  client: { id: "operator", config: {} },
  viewer: undefined,
  isOperator: true,
};

const SHARED_CLIENT: Caller = {
  client: { id: "default", plan: "unknown", config: {} },
  viewer: "default",
  isOperator: false,
};

const SHARED_WORKER: WorkerGrant = {};

/** Tokens that were good, in memory alone: wrong ones are hashed each time. */
const KNOWN_MAX = 100;

export function createAccess(hashes: Tokens["hashes"]): Access {
  const operator = Buffer.from(hashes.operator, "hex");
  const client = Buffer.from(hashes.client, "hex");
  const worker = Buffer.from(hashes.worker, "hex");
  const known = new Map<string, Caller>();
  return {
    client(token) {
      const before = known.get(token);
      if (before) return before;
      const caller = find(token);
      // Hashing for each request of the same few clients would be a good part of what a request costs.
      if (caller && known.size < KNOWN_MAX) known.set(token, caller);
      return caller;
    },
    worker(token) {
      return timingSafeEqual(digestOf(token), worker) ? SHARED_WORKER : undefined;
    },
  };

  function find(token: string): Caller | undefined {
    const presented = digestOf(token);
    // Both are compared whatever the first says, so that the time tells nothing.
    const isOperator = timingSafeEqual(presented, operator);
    const isClient = timingSafeEqual(presented, client);
    if (isOperator) return OPERATOR;
    return isClient ? SHARED_CLIENT : undefined;
  }
}

/** The id that a worker acts under: its token's own, else the one that it claims. */
export function identityOf(grant: WorkerGrant, claimed: string | undefined): string | undefined {
  if (grant.workerId === undefined || claimed === undefined || claimed === grant.workerId) {
    return grant.workerId ?? claimed;
  }
  const message = `This token belongs to worker "${grant.workerId}" and not to "${claimed}": use that worker's own token.`;
  throw new Refusal("WORKER_MISMATCH", 403, message);
}
