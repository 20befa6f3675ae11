/** The clients of the file, as an operator sees them: no token, no hash. */
import type { ClientEntry } from "../access/clients-file.ts";
import type { Quota } from "../access/quota.ts";
import { isoTime } from "../system/iso.ts";

export function clientListText(
  clients: readonly ClientEntry[],
  quota: Pick<Quota, "month" | "used" | "counts">,
): string {
  const { name: month, endMs } = quota.month();
  const shown = clients.map(({ id, plan, monthlyAttempts: limit, config }) => ({
    id,
    plan: plan ?? null,
    monthly_attempts: limit ?? null,
    // Nobody counts for a client without a limit.
    used: limit === undefined ? null : quota.used(id),
    remaining: limit === undefined ? null : Math.max(0, limit - quota.used(id)),
    config,
  }));
  return JSON.stringify({ month, resets_at: isoTime(endMs), quota_counts: quota.counts, clients: shown });
}
