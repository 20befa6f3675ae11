/** A handler's error for the log: what it says, and where in the user's files it was thrown. */
export interface ErrorFacts {
  readonly error: string;
  /** file:line:column */
  readonly place?: string;
}

export function errorFacts(error: unknown): ErrorFacts {
  if (!(error instanceof Error)) return { error: String(error) };
  const place = placeOf(error.stack ?? "");
  return { error: `${error.name}: ${error.message}`, ...(place !== undefined && { place }) };
}

/** The innermost frame outside of this program; one in a package only where there is no other. */
function placeOf(stack: string): string | undefined {
  const places = stack.split("\n").flatMap((line) => {
    const place = /^\s*at (?:.*\()?(?:file:\/\/)?(\/.+:\d+:\d+)\)?$/.exec(line)?.[1];
    return place === undefined || place.startsWith("/$bunfs/") ? [] : [place];
  });
  return places.find((place) => !place.includes("/node_modules/")) ?? places[0];
}
