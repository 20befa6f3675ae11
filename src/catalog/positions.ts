/** From a place in a bundle to the place in the file that a person wrote. */
import { originalPositionFor, type SourceMapInput, TraceMap } from "@jridgewell/trace-mapping";
import type { ConditionSpot, Locate, Place } from "../blueprint/index.ts";

const WHEN = ".when(";

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
  const locate: Locate = (functionText, offsetInFunction, { nth = 0, condition, inFile } = {}) => {
    if (inFile !== undefined) return at(inFile);
    const start = functionText === "" ? -1 : nthIndexOf(code, functionText, nth);
    if (start < 0) return { file, line: 1, column: 1 };
    return (condition && inCondition(start, condition)) ?? at(start + offsetInFunction);
  };
  /** The text of a condition stands before its handler. The map knows where it begins, and no place within it. */
  const inCondition = (handlerStart: number, { text, offset }: ConditionSpot): Place | undefined => {
    const call = code.lastIndexOf(WHEN, handlerStart);
    const literal = call < 0 ? "" : code.slice(call + WHEN.length, handlerStart);
    const quote = /^\s*["'`]/.exec(literal)?.[0];
    if (quote === undefined) return undefined;
    const begin = at(call + WHEN.length + quote.length - 1);
    const before = text.slice(0, offset);
    // Escapes and line ends may be written in several ways: from there on nobody can count.
    const isPlain = literal.startsWith(before, quote.length) && !before.includes("\n");
    return isPlain ? { ...begin, column: begin.column + 1 + offset } : begin;
  };
  return { at, atLine, locate };
}

/** The last one where there are fewer. */
function nthIndexOf(code: string, text: string, nth: number): number {
  let found = code.indexOf(text);
  for (let index = 0; index < nth; index++) {
    const next = code.indexOf(text, found + 1);
    if (next < 0) break;
    found = next;
  }
  return found;
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
