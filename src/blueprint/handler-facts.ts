/** What a handler's own code tells of where it leads, without running it. */
import type { AnyNode } from "acorn";
import { full } from "acorn-walk";
import { undecidedEnds } from "./decision-paths.ts";
import { codeOf, type DeclaredHandler } from "./definition.ts";
import { type CallNode, type Constants, readSource, type Source } from "./handler-source.ts";
import { nameOfMember } from "./literals.ts";
import type { Code } from "./problem.ts";
import { type ActionName, type RequestFacts, requestFactsOf } from "./request-facts.ts";

export type { ActionName } from "./request-facts.ts";

const ACTIONS: ReadonlySet<string> = new Set<ActionName>([
  "transitionTo",
  "dispatchTask",
  "dispatchParallel",
  "awaitHumanApproval",
  "runBlueprint",
  "waitFor",
  "waitForEvent",
]);

export interface ActionCall extends RequestFacts {
  readonly action: ActionName;
  readonly offset: number;
  /** From the program down to the call: what tells whether two calls can both happen. */
  readonly path: readonly AnyNode[];
}

export interface HandlerFacts {
  /** What offsets count in. */
  readonly code: Code;
  readonly calls: readonly ActionCall[];
  /** Places where the actions are handed to other code, or 0 where the code cannot be read at all. */
  readonly escapes: readonly number[];
  /** Places where a run can end without having decided: a `return`, or the end of the code. */
  readonly undecided: readonly number[];
  readonly throws: boolean;
}

/** `outer`: the constants of the file that the handler lies in, where they are at hand. */
export function factsOf(declared: DeclaredHandler, outer?: Constants): HandlerFacts {
  const code = codeOf(declared);
  const source = readSource(code.text, outer);
  if (!source) return { code, calls: [], escapes: [0], undecided: [], throws: false };
  const calls: ActionCall[] = [];
  for (const { node, path } of source.calls) {
    const action = actionOf(node, source);
    if (!action) continue;
    calls.push({ action, offset: node.start + source.shift, path, ...requestFactsOf(action, node, source) });
  }
  calls.sort((left, right) => left.offset - right.offset);
  const escapes = escapesOf(source);
  const deciding = new Set([...calls.flatMap(({ path }) => path.slice(-1)), ...escapes]);
  return {
    code,
    calls,
    escapes: escapes.map((node) => node.start + source.shift),
    undecided: undecidedEnds(source.root, deciding).map((offset) => offset + source.shift),
    throws: source.throws,
  };
}

function actionOf(call: CallNode, source: Source): ActionName | undefined {
  const name =
    call.callee.type === "MemberExpression"
      ? nameOfMember(call.callee)
      : call.callee.type === "Identifier"
        ? source.aliases.get(call.callee.name)
        : undefined;
  return name !== undefined && isAction(name) ? name : undefined;
}

function isAction(name: string): name is ActionName {
  return ACTIONS.has(name);
}

/** Where `actions`, or one of them, is given to code that is not the handler's own. */
function escapesOf(source: Source): readonly AnyNode[] {
  const actions = nameOfActions(source);
  return source.identifiers
    .filter(({ name, node, parent }) => {
      if (name === actions)
        return !(parent.type === "MemberExpression" && parent.object === node) && !isTakenApart(parent);
      const action = source.aliases.get(name);
      return action !== undefined && isAction(action) && !(parent.type === "CallExpression" && parent.callee === node);
    })
    .map(({ node }) => node);
}

/** `const { transitionTo } = actions`. */
function isTakenApart(parent: AnyNode): boolean {
  return parent.type === "VariableDeclarator" && parent.id.type === "ObjectPattern";
}

function nameOfActions(source: Source): string | undefined {
  let name: string | undefined;
  let isFound = false;
  full(source.root, (node) => {
    const part = node as AnyNode;
    if (part.type !== "ArrowFunctionExpression" && part.type !== "FunctionExpression") return;
    // Inner functions come first in this walk, the handler itself last.
    const second = part.params[1];
    name = second?.type === "Identifier" ? second.name : undefined;
    isFound = true;
  });
  return isFound ? name : undefined;
}
