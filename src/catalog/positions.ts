/** From a place in a bundle to the place in the file that a person wrote. */
import { originalPositionFor, type SourceMapInput, TraceMap } from "@jridgewell/trace-mapping";
import type { Locate, Place } from "../blueprint/index.ts";

export interface Positions {
  /** The place of an offset in the bundle's code. */
  at(offset: number): Place;
  /** The place of a line and column of the bundle, both from 1. */
  atLine(line: number, column: number): Place;
  readonly locate: Locate;
}

/** `sources` of the map are absolute paths; `file` is named where the map knows nothing. */
export function createPositions(code: string, map: SourceMapInput, file: string): Positions {
  const trace = new TraceMap(map);
  const lineStarts = startsOfLines(code);

  const atLine = (line: number, column: number): Place => {
    const found = originalPositionFor(trace, { line, column: column - 1 });
    if (found.source === null) return { file, line: 1, column: 1 };
    return { file: found.source, line: found.line, column: found.column + 1 };
  };
  const at = (offset: number): Place => {
    const line = lineOf(lineStarts, offset);
    return atLine(line + 1, offset - (lineStarts[line] ?? 0) + 1);
  };
  const locate: Locate = (functionText, offsetInFunction) => {
    const start = functionText === "" ? -1 : code.indexOf(functionText);
    return start < 0 ? { file, line: 1, column: 1 } : at(start + offsetInFunction);
  };
  return { at, atLine, locate };
}

function startsOfLines(code: string): number[] {
  const starts = [0];
  for (let at = code.indexOf("\n"); at >= 0; at = code.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** The last line that starts at or before the offset. */
function lineOf(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
