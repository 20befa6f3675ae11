/** Texts in JSON, at any depth. */

/** `path` tells where it stands: "outputs.0.file". */
export type Visit = (text: string, path: string) => void;

export function eachString(value: unknown, visit: Visit, path = ""): void {
  if (typeof value === "string") visit(value, path);
  else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) eachString(inner, visit, path === "" ? key : `${path}.${key}`);
  }
}

/** A copy with other texts in the places of those that are named. */
export function withStrings(value: unknown, replacements: ReadonlyMap<string, string>): unknown {
  if (typeof value === "string") return replacements.get(value) ?? value;
  if (Array.isArray(value)) return value.map((inner) => withStrings(inner, replacements));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withStrings(inner, replacements)]));
}
