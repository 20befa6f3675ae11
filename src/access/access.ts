/** Who presents a token, and what that lets them do. Of a token nothing but its hash is kept. */
import type { ClientFacts } from "../job/model.ts";
import { Refusal } from "../system/errors.ts";
import type { ClientEntry } from "./clients-file.ts";
import type { Attempts, Quota } from "./quota.ts";
import { hashOf, type Tokens } from "./tokens.ts";
import type { TakenTokens } from "./token-tables.ts";
import { createRoster, type WorkerRoster } from "./worker-roster.ts";
import type { WorkerEntry } from "./workers-file.ts";

/** Somebody who starts and reads jobs. */
export interface Caller {
  readonly client: ClientFacts;
  /** Whose jobs are seen; undefined: everybody's. */
  readonly viewer: string | undefined;
  readonly isOperator: boolean;
  /** Left out: without a limit. */
  readonly attempts?: Attempts;
  /** Whether the token still counts: it can be taken away while a stream is open. Left out: it cannot. */
  readonly isAdmitted?: () => boolean;
}

/** What a worker's token lets it do. */
export interface WorkerGrant {
  /** Whom the token alone proves. Left out: it may be of several workers, which say who they are. */
  readonly workerId?: string;
  /** Whether it still counts for this id; without one: for any. */
  admits(workerId: string | undefined): boolean;
}

/** Why a worker's token was not taken. */
export type WorkerDenial = "individual" | "unknown";

export interface Access {
  client(token: string): Caller | undefined;
  /** `claimed`: the worker's id, where the path or a header carries it. */
  worker(token: string, claimed?: string): WorkerGrant | WorkerDenial;
  /** Undefined: there is no such file. */
  readonly clients: readonly ClientEntry[] | undefined;
  readonly workers: readonly WorkerEntry[] | undefined;
  /** From now on these are the clients beside the one of CLIENT_TOKEN. */
  useClients(entries: readonly ClientEntry[]): void;
  useWorkers(entries: readonly WorkerEntry[]): void;
  /** Tokens that no file may give away again. */
  readonly taken: TakenTokens;
  /** Called when tokens may have lost what they opened. */
  onChange(listener: () => void): void;
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

export interface AccessOptions {
  /** The shared token of workers was set by the user. One that was made does not count beside a file of workers. */
  readonly isWorkerTokenSet?: boolean;
  /** Left out: nobody's requests are counted. */
  readonly quota?: Pick<Quota, "of">;
}

export function createAccess(hashes: Tokens["hashes"], options: AccessOptions = {}): Access {
  const listeners: (() => void)[] = [];
  let clients: readonly ClientEntry[] | undefined;
  let workers: readonly WorkerEntry[] | undefined;
  let callers = new Map<string, Caller>();
  let roster = rosterOf(undefined);

  return {
    // A map by hashes tells nothing by its time: nobody can aim at the hash of a token.
    client(token) {
      const hash = hashOf(token);
      return callers.get(hash) ?? sharedCaller(hash);
    },
    worker(token, claimed) {
      const hash = hashOf(token);
      if (claimed === undefined) return roster.knows(hash) ? grantOf(hash) : "unknown";
      if (roster.admits(hash, claimed)) return grantOf(hash);
      return roster.isListed(claimed) ? "individual" : "unknown";
    },
    get clients() {
      return clients;
    },
    get workers() {
      return workers;
    },
    useClients(entries) {
      clients = entries;
      callers = new Map(entries.map((entry) => [entry.hash, callerOf(entry)]));
      changed();
    },
    useWorkers(entries) {
      workers = entries;
      roster = rosterOf(entries);
      changed();
    },
    taken: takenBy(hashes),
    onChange: (listener) => void listeners.push(listener),
  };

  function changed(): void {
    for (const listener of listeners) listener();
  }

  function sharedCaller(hash: string): Caller | undefined {
    if (hash === hashes.operator) return OPERATOR;
    return hash === hashes.client ? SHARED_CLIENT : undefined;
  }

  function callerOf({ id, hash, plan, config, monthlyAttempts }: ClientEntry): Caller {
    const attempts = monthlyAttempts === undefined ? undefined : options.quota?.of(id, monthlyAttempts);
    return {
      client: { id, ...(plan !== undefined && { plan }), config },
      viewer: id,
      isOperator: false,
      ...(attempts && { attempts }),
      isAdmitted: () => callers.get(hash)?.viewer === id,
    };
  }

  function rosterOf(entries: readonly WorkerEntry[] | undefined): WorkerRoster {
    const isShared = entries === undefined || options.isWorkerTokenSet === true;
    return createRoster({ entries, sharedHash: isShared ? hashes.worker : undefined });
  }

  function grantOf(hash: string): WorkerGrant {
    const workerId = roster.ownerOf(hash);
    return {
      ...(workerId !== undefined && { workerId }),
      admits: (id) => (id === undefined ? roster.knows(hash) : roster.admits(hash, id)),
    };
  }
}

function takenBy({ client, worker, operator }: Tokens["hashes"]): TakenTokens {
  const taken = new Map([
    [client, "CLIENT_TOKEN"],
    [operator, "OPERATOR_TOKEN"],
  ]);
  return worker === undefined ? taken : taken.set(worker, "WORKER_TOKEN");
}

/** The id that a worker acts under: its token's own, else the one that it claims. */
export function identityOf(grant: WorkerGrant, claimed: string | undefined): string | undefined {
  const { workerId } = grant;
  const identity = workerId ?? claimed;
  // Asked again and again: the token may have been taken away while a body was coming.
  if (!grant.admits(identity)) throw denied("individual", identity);
  if (claimed === undefined || claimed === identity) return identity;
  const message = `This token belongs to worker "${workerId}" and not to "${claimed}": use that worker's own token.`;
  throw new Refusal("WORKER_MISMATCH", 403, message);
}

/** The words stay those that published clients know; what else helps goes beside them. */
export function invalidToken(hint?: string): Refusal {
  return new Refusal("INVALID_TOKEN", 401, "Unauthorized: Invalid token", hint === undefined ? undefined : { hint });
}

/** The words are those that published workers know; what else helps goes beside them. */
export function denied(denial: WorkerDenial, claimed: string | undefined, hint?: string): Refusal {
  const isOwn = denial === "individual";
  const message = isOwn ? "Unauthorized: Invalid individual worker token" : "Unauthorized: No valid token found";
  const own = `The token lets nobody act as "${claimed ?? ""}": send the one that the file of workers' tokens has for it.`;
  const more = hint ?? (isOwn ? own : undefined);
  return new Refusal("INVALID_TOKEN", 401, message, more === undefined ? undefined : { hint: more });
}
