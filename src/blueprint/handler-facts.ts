/** What a handler's own code tells of where it leads, without running it. */
import type { AnyNode } from "acorn";
import { full } from "acorn-walk";
import { type ActionCall, actionCallsOf, type StrangeCall } from "./action-calls.ts";
import { undecidedEnds } from "./decision-paths.ts";
import { codeOf, type DeclaredHandler } from "./definition.ts";
import { type Constants, readSource, type Source } from "./handler-source.ts";
import type { Code } from "./problem.ts";
import { type NamedStore, storesIn } from "./store-facts.ts";

export type { ActionCall, StrangeCall } from "./action-calls.ts";

export interface HandlerFacts {
  /** What offsets count in. */
  readonly code: Code;
  readonly calls: readonly ActionCall[];
  /** Calls of actions that do not exist. */
  readonly strange: readonly StrangeCall[];
  /** Places where the actions are handed to other code, or 0 where the code cannot be read at all. */
  readonly escapes: readonly number[];
  /** Places where a run can end without having decided: a `return`, or the end of the code. */
  readonly undecided: readonly number[];
  readonly throws: boolean;
  /** Data stores that it names. */
  readonly stores: readonly NamedStore[];
}

/** `outer`: the constants of the file that the handler lies in, where they are at hand. */
export function factsOf(declared: DeclaredHandler, outer?: Constants): HandlerFacts {
  const code = codeOf(declared);
  const source = readSource(code.text, outer);
  if (!source) return { code, calls: [], strange: [], escapes: [0], undecided: [], throws: false, stores: [] };
  const { calls, strange, escapes, deciding } = actionCallsOf(source, actionsOf(source));
  return {
    code,
    calls,
    strange,
    escapes: escapes.map((node) => node.start + source.shift),
    undecided: undecidedEnds(source.root, deciding).map((offset) => offset + source.shift),
    throws: source.throws,
    stores: storesIn(source),
  };
}

/** The handler's second parameter. */
function actionsOf(source: Source): AnyNode | undefined {
  let parameter: AnyNode | undefined;
  full(source.root, (node) => {
    const part = node as AnyNode;
    if (part.type !== "ArrowFunctionExpression" && part.type !== "FunctionExpression") return;
    // Inner functions come first in this walk, the handler itself last.
    parameter = part.params[1];
  });
  return parameter;
}
