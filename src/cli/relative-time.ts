/** A moment as people say it, close enough to plan by: "in 1 h 59 min", "3 d 2 h ago". */
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
  const first = UNITS.findIndex(([, unitMs]) => distanceMs >= unitMs);
  if (first === -1) return "now";
  // Days and hours are told with what is left of them; a minute is short enough.
  const parts = UNITS.slice(first, first + (first < 2 ? 2 : 1));
  let restMs = distanceMs;
  const texts = parts.flatMap(([unit, unitMs]) => {
    const count = Math.floor(restMs / unitMs);
    restMs -= count * unitMs;
    return count === 0 ? [] : `${count} ${unit}`;
  });
  return ms > nowMs ? `in ${texts.join(" ")}` : `${texts.join(" ")} ago`;
}
