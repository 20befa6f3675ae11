import type { Place } from "../blueprint/index.ts";

const FRAME = /\(?((?:[A-Za-z]:)?[^\s():][^():]*):(\d+):(\d+)\)?\s*$/;

/** The places that a stack trace names, innermost first. */
export function placesOf(stack: string): Place[] {
  const places: Place[] = [];
  for (const line of stack.split("\n")) {
    if (!/^\s*at /.test(line)) continue;
    const found = FRAME.exec(line.replace(/^\s*at /, ""));
    if (found?.[1]) places.push({ file: withoutScheme(found[1]), line: Number(found[2]), column: Number(found[3]) });
  }
  return places;
}

function withoutScheme(path: string): string {
  return path.replace(/^.* \(/, "").replace(/^file:\/\//, "");
}
