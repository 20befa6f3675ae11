import type { Blueprint } from "./blueprint.ts";
import { isBlueprint } from "./definition.ts";

/** Every Blueprint that a module exports, each once, whether by name, by default or both. */
export function collectBlueprints(moduleExports: Readonly<Record<string, unknown>>): Blueprint[] {
  const found = new Set<unknown>();
  for (const value of Object.values(moduleExports)) {
    if (isBlueprint(value)) found.add(value);
  }
  return [...found] as Blueprint[];
}
