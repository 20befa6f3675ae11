/**
 * Short-lived tokens of workers (wire contract, 5.7). They lie in memory alone, as hashes: a worker that is turned away
 * after a restart exchanges its own token again. None of them outlives the token that it was given for.
 */
import type { Clock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import type { WorkerGrant } from "./access.ts";
import { hashOf } from "./tokens.ts";

export const ACCESS_SECONDS = 3_600;
const REFRESH_SECONDS = 86_400;
/** The oldest go first. */
const KEPT_MAX = 100_000;

export interface IssuedTokens {
  readonly access_token: string;
  readonly expires_in: number;
  readonly worker_id: string;
  readonly refresh_token: string;
}

export interface ShortTokens {
  /** For who has come in by another token. */
  issue(grant: WorkerGrant, workerId: string): IssuedTokens;
  /** Both tokens are replaced. Undefined: it is nobody's, or not this worker's. */
  refresh(refreshToken: string, claimed: string | undefined): IssuedTokens | undefined;
  grantOf(accessToken: string): WorkerGrant | undefined;
}

interface Pair {
  readonly workerId: string;
  /** What it was exchanged for. */
  readonly origin: WorkerGrant;
  readonly accessHash: string;
  readonly refreshHash: string;
  readonly issuedMs: number;
}

export function createShortTokens(parts: { readonly clock: Clock; readonly random: Random }): ShortTokens {
  const { clock, random } = parts;
  const byAccess = new Map<string, Pair>();
  // Oldest first.
  const byRefresh = new Map<string, Pair>();

  const isWithin = ({ issuedMs }: Pair, seconds: number) => clock.nowMs() - issuedMs < seconds * 1_000;

  function forget({ accessHash, refreshHash }: Pair): void {
    byAccess.delete(accessHash);
    byRefresh.delete(refreshHash);
  }

  function makeRoom(): void {
    for (const pair of byRefresh.values()) {
      if (byRefresh.size < KEPT_MAX && isWithin(pair, REFRESH_SECONDS)) return;
      forget(pair);
    }
  }

  function issue(origin: WorkerGrant, workerId: string): IssuedTokens {
    makeRoom();
    const [access, refresh] = [secret(random), secret(random)];
    const pair: Pair = {
      workerId,
      origin,
      accessHash: hashOf(access),
      refreshHash: hashOf(refresh),
      issuedMs: clock.nowMs(),
    };
    byAccess.set(pair.accessHash, pair);
    byRefresh.set(pair.refreshHash, pair);
    return { access_token: access, expires_in: ACCESS_SECONDS, worker_id: workerId, refresh_token: refresh };
  }

  return {
    issue,
    refresh(token, claimed) {
      const pair = byRefresh.get(hashOf(token));
      if (!pair || (claimed !== undefined && claimed !== pair.workerId)) return undefined;
      if (!isWithin(pair, REFRESH_SECONDS) || !pair.origin.admits(pair.workerId)) return undefined;
      forget(pair);
      return issue(pair.origin, pair.workerId);
    },
    grantOf(token) {
      const hash = hashOf(token);
      const pair = byAccess.get(hash);
      if (!pair) return undefined;
      const { workerId, origin } = pair;
      const isGood = () => byAccess.has(hash) && isWithin(pair, ACCESS_SECONDS) && origin.admits(workerId);
      if (!isGood()) return undefined;
      return { workerId, admits: (id) => (id === undefined || id === workerId) && isGood() };
    },
  };
}

function secret(random: Random): string {
  return Buffer.from(random.bytes(32)).toString("base64url");
}
