/** Which events the jobs of a blueprint wait for, as far as its code tells: for whoever sends one of another name. */
import { nearest } from "../system/nearest.ts";
import type { Manifest } from "./port.ts";

export interface AwaitedEvents {
  readonly names: readonly string[];
  /** Some names are computed, or waited for where the code is not read: there may be others. */
  readonly mayBeOthers: boolean;
}

const SHOWN_MAX = 5;

export function awaitedEventsOf({ states }: Pick<Manifest, "states">): AwaitedEvents {
  const waits = states.flatMap(({ acts = [] }) => acts).filter(({ action }) => action === "waitForEvent");
  const names = new Set(waits.flatMap(({ subject }) => (subject === undefined ? [] : [subject])));
  const isComputed = waits.some(({ subject, isOpen }) => subject === undefined || isOpen === true);
  return { names: [...names], mayBeOthers: isComputed || states.some(({ isOpen }) => isOpen === true) };
}

/** Undefined: it is waited for, or may be for all that is known. `now`: what the job waits for at this moment. */
export function warningOfEvent(
  event: string,
  manifest: Pick<Manifest, "name" | "states">,
  now: string | undefined,
): string | undefined {
  const { names, mayBeOthers } = awaitedEventsOf(manifest);
  const known = [...new Set([...(now === undefined ? [] : [now]), ...names])];
  if (known.includes(event)) return undefined;
  const meant = nearest(event, known);
  // Where names are computed, only one that looks misspelled is worth a word.
  if (mayBeOthers && meant === undefined) return undefined;
  const kept = "it is kept with the job in case that it will be waited for";
  if (meant !== undefined)
    return `Blueprint "${manifest.name}" waits for no event "${event}": did you mean ${meant}? As it is, ${kept}.`;
  if (known.length === 0)
    return `Blueprint "${manifest.name}" waits for no event at all: "${event}" changes nothing; ${kept}.`;
  const shown = known.toSorted().slice(0, SHOWN_MAX).join(", ");
  return `Blueprint "${manifest.name}" waits for no event "${event}", only for ${shown}${known.length > SHOWN_MAX ? " and others" : ""}; ${kept}.`;
}
