/** A moment as people say it: "in 5 min", "3 h ago". */
const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

export function relativeTime(iso: unknown, nowMs: number): string {
  const ms = typeof iso === "string" ? Date.parse(iso) : Number.NaN;
  if (Number.isNaN(ms)) return "-";
  const distanceMs = Math.abs(ms - nowMs);
  const [unit, lengthMs] = UNITS.find(([, unitMs]) => distanceMs >= unitMs) ?? ["s", 1_000];
  const count = Math.floor(distanceMs / lengthMs);
  if (count === 0) return "now";
  return ms > nowMs ? `in ${count} ${unit}` : `${count} ${unit} ago`;
}
