/** So many in a while for each key. A window begins with its first and really ends: what was refused does not prolong it. */
import type { Clock } from "../system/clock.ts";

export interface RateLimit {
  readonly limit: number;
  readonly periodSeconds: number;
  /** Undefined: there was room, and one is taken. Otherwise the seconds until there is room again. */
  hit(key: string): number | undefined;
}

export interface RateLimitOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly limit: number;
  readonly periodSeconds: number;
  /** Keys that are remembered at once: of more the oldest is forgotten, whoever they are must not fill the memory. */
  readonly keysMax?: number;
}

interface Window {
  readonly endMs: number;
  count: number;
}

export function createRateLimit({ clock, limit, periodSeconds, keysMax = 10_000 }: RateLimitOptions): RateLimit {
  /** By their ends, since all are equally long. */
  const windows = new Map<string, Window>();
  return {
    limit,
    periodSeconds,
    hit(key) {
      const nowMs = clock.monotonicMs();
      const known = windows.get(key);
      if (known !== undefined && known.endMs > nowMs) {
        if (known.count >= limit) return (known.endMs - nowMs) / 1000;
        known.count += 1;
        return undefined;
      }
      windows.delete(key);
      makeRoom(nowMs);
      windows.set(key, { endMs: nowMs + periodSeconds * 1000, count: 1 });
      return undefined;
    },
  };

  function makeRoom(nowMs: number): void {
    for (const [key, { endMs }] of windows) {
      if (endMs > nowMs && windows.size < keysMax) return;
      windows.delete(key);
    }
  }
}

/** Whoever has one IPv6 address has the 2^64 beside it: they count as one. */
export function neighbourhoodOf(address: string): string {
  if (!address.includes(":") || address.includes(".")) return address;
  const [before = "", after] = address.split("::");
  const [head, tail] = [before, after ?? ""].map((part) => (part === "" ? [] : part.split(":")));
  const zeros = after === undefined ? 0 : 8 - (head?.length ?? 0) - (tail?.length ?? 0);
  const groups = [...(head ?? []), ...Array.from({ length: zeros }, () => "0"), ...(tail ?? [])];
  return `${groups.slice(0, 4).join(":")}::/64`;
}
