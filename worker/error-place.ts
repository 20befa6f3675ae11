/** A user's error for the log: what it says, and where in the user's files it was thrown. */
import { isRecord } from "./payload.ts";
import { wordsOf } from "./words.ts";

export interface ErrorFacts {
  readonly error: string;
  /** file:line:column */
  readonly place?: string;
}

export function errorFacts(error: unknown): ErrorFacts {
  if (!(error instanceof Error)) return { error: wordsOf(error) };
  try {
    const place = positionOf(error) ?? placeOf(error.stack ?? "");
    return { error: `${error.name}: ${wordsOf(error)}`, ...(place !== undefined && { place }) };
  } catch {
    // What was thrown may hide its own name.
    return { error: wordsOf(error) };
  }
}

/** What is wrong in a file that cannot be parsed: where that is several things, the runtime's own sentence only counts them. */
export function mistakesOf(error: unknown): readonly Error[] {
  if (!(error instanceof AggregateError)) return [];
  const all = (error.errors as readonly unknown[]).filter((one) => one instanceof Error);
  return all.filter((one) => positionOf(one) !== undefined);
}

/** Of a file that cannot be parsed: there is no stack then. */
function positionOf(error: Error): string | undefined {
  const position: unknown = "position" in error ? error.position : undefined;
  if (!isRecord(position) || typeof position["file"] !== "string") return undefined;
  const { file, line, column } = position;
  return `${file}:${String(line)}:${String(column)}`;
}

/** The innermost frame outside of this program; one in a package only where there is no other. */
function placeOf(stack: string): string | undefined {
  const places = stack.split("\n").flatMap((line) => {
    const place = /^\s*at (?:.*\()?(?:file:\/\/)?(\/.+:\d+:\d+)\)?$/.exec(line)?.[1];
    return place === undefined || place.startsWith("/$bunfs/") ? [] : [place];
  });
  return places.find((place) => !place.includes("/node_modules/")) ?? places[0];
}
