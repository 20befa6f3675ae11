/** How often somebody may come to the network's door. */
import { createRateLimit, neighbourhoodOf, type RateLimit } from "../access/rate-limit.ts";
import { Refusal } from "../system/errors.ts";
import type { Clock } from "../system/clock.ts";

/** Each may be left out: then there is no such limit. */
export interface DoorLimits {
  /** Requests without a good token, by address. */
  readonly strangers?: RateLimit;
  readonly clients?: RateLimit;
  /** Polls and results never count, heartbeats by their own. */
  readonly workers?: RateLimit;
  readonly heartbeats?: RateLimit;
}

export interface LimitSettings {
  readonly rateLimitingEnabled: boolean;
  readonly rateLimitLimit: number | undefined;
  readonly rateLimitHeartbeatLimit: number | undefined;
  readonly rateLimitPeriod: number;
}

const STRANGERS_LIMIT = 100;

export function limitsFrom(settings: LimitSettings, clock: Clock): DoorLimits {
  if (!settings.rateLimitingEnabled) return {};
  const { rateLimitLimit: limit, rateLimitHeartbeatLimit: heartbeats, rateLimitPeriod: periodSeconds } = settings;
  const of = (count: number) => createRateLimit({ clock, limit: count, periodSeconds });
  return {
    strangers: of(limit ?? STRANGERS_LIMIT),
    ...(limit !== undefined && { clients: of(limit), workers: of(limit) }),
    ...(heartbeats !== undefined && { heartbeats: of(heartbeats) }),
  };
}

/** Throws once there were too many. `who` as the beginning of a sentence. */
export function keepTo(rate: RateLimit | undefined, key: string, who: string, advice: string): void {
  const waitSeconds = rate?.hit(key);
  if (rate === undefined || waitSeconds === undefined) return;
  const { limit, periodSeconds } = rate;
  const seconds = Math.max(1, Math.ceil(waitSeconds));
  const message = `${who} may come ${limit} times in ${periodSeconds} s: try again in ${seconds} s${advice}.`;
  throw new Refusal("RATE_LIMITED", 429, message, { limit, period_seconds: periodSeconds }, seconds);
}

export function keepStrangerTo(rate: RateLimit | undefined, address: string): void {
  keepTo(rate, neighbourhoodOf(address), "Requests of one address without a good token", ", and check the token");
}
