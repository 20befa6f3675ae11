/** Calendar months of a time zone. */

export interface Month {
  /** "2026-11" */
  readonly name: string;
  /** The first moment after it. */
  readonly endMs: number;
}

const DAY_MS = 24 * 3600 * 1000;

export function monthAt(ms: number, timeZone: string): Month {
  const format = new Intl.DateTimeFormat("en-US-u-ca-gregory", { timeZone, year: "numeric", month: "2-digit" });
  const nameAt = (at: number) => nameOf(format.formatToParts(at));
  const name = nameAt(ms);
  const [year = 0, month = 0] = name.split("-").map(Number);
  // Zones lie within a day of UTC, so the end does too: halving finds it to the millisecond.
  let inside = Math.max(ms, Date.UTC(year, month, 1) - DAY_MS);
  let after = Date.UTC(year, month, 1) + DAY_MS;
  while (after - inside > 1) {
    const middle = Math.floor((inside + after) / 2);
    if (nameAt(middle) === name) inside = middle;
    else after = middle;
  }
  return { name, endMs: after };
}

function nameOf(parts: readonly Intl.DateTimeFormatPart[]): string {
  const valueOf = (type: string) => parts.find((part) => part.type === type)?.value ?? "";
  return `${valueOf("year")}-${valueOf("month")}`;
}
