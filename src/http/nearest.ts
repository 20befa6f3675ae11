/** The names that somebody may have meant. */

const NAMES_MAX = 5;

export function nearest(wanted: string, names: readonly string[]): readonly string[] {
  return names
    .map((name) => ({ name, distance: distanceOf(wanted, name) }))
    .filter(({ name, distance }) => distance <= Math.max(2, Math.floor(name.length / 2)))
    .toSorted((one, other) => one.distance - other.distance)
    .slice(0, NAMES_MAX)
    .map(({ name }) => name);
}

/** How many letters have to be put in, taken out or changed. */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let left = 1; left <= one.length; left++) {
    const above = row;
    row = [left];
    for (let right = 1; right <= other.length; right++) {
      const changed = (above[right - 1] ?? 0) + (one[left - 1] === other[right - 1] ? 0 : 1);
      row.push(Math.min(changed, (above[right] ?? 0) + 1, (row[right - 1] ?? 0) + 1));
    }
  }
  return row.at(-1) ?? 0;
}
