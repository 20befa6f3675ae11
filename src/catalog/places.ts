import { readFileSync } from "node:fs";
import { MAP_MARK } from "./bundle.ts";
import { createPositions, type Positions } from "./positions.ts";
import { placesOf } from "./stack.ts";

/** Finds where in the user's own files a stack trace begins. The bundle's map is read when the first error asks. */
export function createPlaceFinder(bundleFile: string): (stack: string) => string | undefined {
  let known: { readonly sources: ReadonlySet<string>; readonly positions: Positions } | undefined;

  return (stack) => {
    known ??= readMap(bundleFile);
    for (const place of placesOf(stack)) {
      // The engine applies the map by itself when it made the trace; elsewhere it is done here.
      const original = place.file === bundleFile ? known.positions.atLine(place.line, place.column) : place;
      if (known.sources.has(original.file)) return `${original.file}:${original.line}:${original.column}`;
    }
    return undefined;
  };
}

function readMap(bundleFile: string) {
  const text = readFileSync(bundleFile, "utf8");
  const start = text.lastIndexOf(MAP_MARK);
  const json = Buffer.from(text.slice(start + MAP_MARK.length), "base64").toString("utf8");
  const map = JSON.parse(json) as {
    readonly version: 3;
    readonly sources: string[];
    readonly mappings: string;
    readonly names: string[];
  };
  return { sources: new Set(map.sources), positions: createPositions(text, map, bundleFile) };
}
