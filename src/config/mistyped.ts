/**
 * Variables that look like a setting and are none. Unlike those that begin with ORCHESTRATOR_ they may be another
 * program's, so that they are told and stop nothing.
 */
import { editDistance } from "../system/nearest.ts";
import { TABLES } from "./tables.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const KNOWN = new Set(TABLES.flatMap((table) => Object.values(table).flatMap(({ environment }) => environment ?? [])));
/** In short names a letter makes another word. */
const LENGTH_MIN = 8;
const LENGTH_OF_TWO_SLIPS = 12;

export function mistypedIn(environment: Environment): readonly string[] {
  return Object.entries(environment).flatMap(([variable, value]) => {
    const meant = value === undefined || value === "" ? undefined : meantBy(variable);
    // Somebody who has set what is meant too may well have a use for the other.
    if (meant === undefined || environment[meant] !== undefined) return [];
    return [`${variable} is no setting and has no effect; did you mean ${meant}?`];
  });
}

function meantBy(variable: string): string | undefined {
  if (variable.length < LENGTH_MIN || KNOWN.has(variable)) return undefined;
  const slips = variable.length < LENGTH_OF_TWO_SLIPS ? 1 : 2;
  return KNOWN.values().find((name) => editDistance(variable, name) <= slips);
}
