/** How much a schema costs to compile: some words have what stands under them said many times over. */
import type { JsonValue } from "../system/errors.ts";
import { isObject } from "./json.ts";

/** In parts, as they are once nothing is said only once. `schema`: with its references in place. */
export function weightOf(schema: JsonValue | undefined): number {
  if (Array.isArray(schema)) return sumOf(schema);
  if (!isObject(schema)) return 1;
  const inner = Object.entries(schema).map(([name, value]) => weightOf(value) * timesOf(name, value));
  const weight = inner.reduce((sum, one) => sum + one, 1);
  // Said for each of its types.
  const { type } = schema;
  return Array.isArray(type) ? weight * Math.max(1, type.length) : weight;
}

function sumOf(list: readonly JsonValue[]): number {
  return list.reduce<number>((sum, item) => sum + weightOf(item), 1);
}

function timesOf(name: string, value: JsonValue | undefined): number {
  // Exactly one of them: no two, for each two.
  return name === "oneOf" && Array.isArray(value) ? Math.max(1, value.length) : 1;
}
