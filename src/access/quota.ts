/**
 * How often each client may still ask in this month. Counted in memory and written once a second at
 * most and at the stop: a sync for each request would cost more than the request. After a crash it may
 * have forgotten what was counted in the last second.
 */
import type { Registers } from "../storage/port.ts";
import { messageOf, Refusal } from "../system/errors.ts";
import type { System } from "../system/index.ts";
import { isoTime } from "../system/iso.ts";
import type { Service } from "../system/lifecycle.ts";
import { type Month, monthAt } from "./month.ts";

export const QUOTA_COUNTS = ["requests", "creations"] as const;
/** What takes an attempt: each request, or the creation of a job alone. */
export type QuotaCounts = (typeof QUOTA_COUNTS)[number];

/** What one client has left. `request` and `create` throw when it is not enough, and take nothing then. */
export interface Attempts {
  readonly limit: number;
  readonly remaining: number;
  /** For a request, whatever it asks for. */
  request(): void;
  /** For so many jobs, beside the request that brought them. Returns how to give back what it took. */
  create(jobs: number): () => void;
}

export interface QuotaOptions {
  readonly system: Pick<System, "clock" | "timers" | "log">;
  readonly registers: Pick<Registers, "attempts" | "saveAttempts">;
  readonly counts: QuotaCounts;
  readonly timeZone: string;
}

export interface Quota extends Service {
  readonly counts: QuotaCounts;
  /** The running month. */
  month(): Month;
  used(client: string): number;
  of(client: string, limit: number): Attempts;
}

const WRITE_AFTER_MS = 1000;

export function createQuota({ system, registers, counts, timeZone }: QuotaOptions): Quota {
  const { clock, timers, log } = system;
  const used = new Map<string, { readonly month: string; readonly count: number }>();
  const unwritten = new Set<string>();
  let isArmed = false;
  let isStopped = false;
  let current: Month | undefined;

  const month = (): Month => {
    const nowMs = clock.nowMs();
    // A clock that is set back into the month before changes nothing: that month's attempts are spent.
    if (current === undefined || nowMs >= current.endMs) current = monthAt(nowMs, timeZone);
    return current;
  };
  const usedBy = (client: string): number => {
    const known = used.get(client);
    return known?.month === month().name ? known.count : 0;
  };
  const add = (client: string, count: number): void => {
    used.set(client, { month: month().name, count: Math.max(0, usedBy(client) + count) });
    unwritten.add(client);
    arm();
  };
  const arm = (): void => {
    if (isArmed || isStopped) return;
    isArmed = true;
    timers.after(WRITE_AFTER_MS, () => void write());
  };
  const write = async (): Promise<void> => {
    isArmed = false;
    const clients = [...unwritten];
    if (clients.length === 0) return;
    unwritten.clear();
    try {
      await registers.saveAttempts(new Map(clients.flatMap((client) => withCount(client, used.get(client)))));
    } catch (error) {
      log.warn("used attempts of clients were not written: it is tried again", { reason: messageOf(error) });
      for (const client of clients) unwritten.add(client);
      arm();
    }
  };
  const take = (client: string, limit: number, count: number): void => {
    if (usedBy(client) + count > limit) throw exceeded(limit - usedBy(client), count, limit);
    add(client, count);
  };
  const exceeded = (left: number, count: number, limit: number): Refusal => {
    const { endMs } = month();
    const what = count > 1 ? `This needs ${count} attempts, ${Math.max(0, left)} are left` : "No attempt is left";
    const message = `Quota exceeded: ${what} of this client's ${limit} a month. Wait for the next month, or ask the operator for more.`;
    const details = { limit, remaining: Math.max(0, left), needed: count, resets_at: isoTime(endMs) };
    return new Refusal("QUOTA_EXCEEDED", 429, message, details, (endMs - clock.nowMs()) / 1000);
  };

  return {
    counts,
    month,
    used: usedBy,
    of: (client, limit) => ({
      limit,
      get remaining() {
        return Math.max(0, limit - usedBy(client));
      },
      request() {
        if (counts === "requests") take(client, limit, 1);
      },
      create(jobs) {
        // The request has paid for the first.
        const count = counts === "requests" ? jobs - 1 : jobs;
        if (count === 0) return () => undefined;
        take(client, limit, count);
        const { name } = month();
        return () => month().name === name && add(client, -count);
      },
    }),
    async start() {
      refuseUnknownZone(timeZone);
      for (const [client, count] of await registers.attempts()) used.set(client, count);
    },
    async stop() {
      isStopped = true;
      await write();
    },
  };
}

function refuseUnknownZone(timeZone: string): void {
  try {
    monthAt(0, timeZone);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const message = `TZ is ${JSON.stringify(timeZone)}: it has to be the name of a time zone, such as UTC or Europe/Berlin.`;
    throw new Refusal("WRONG_SETTING", 400, message);
  }
}

type Count = { readonly month: string; readonly count: number };

function withCount(client: string, count: Count | undefined): [string, Count][] {
  return count === undefined ? [] : [[client, count]];
}
