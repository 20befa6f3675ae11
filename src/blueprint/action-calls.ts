/** The calls of actions in a handler's code, and in functions of its file that it hands its actions to. */
import type { AnyNode } from "acorn";
import { type FunctionNode, isFunction, undecidedEnds } from "./decision-paths.ts";
import { type CallNode, type Source, sourceOf } from "./handler-source.ts";
import { movedTo, nameOfMember } from "./literals.ts";
import { type ActionName, type RequestFacts, requestFactsOf } from "./request-facts.ts";

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

export interface ActionCalls {
  /** In the order of the text. */
  readonly calls: readonly ActionCall[];
  /** Where the actions are handed to code that cannot be read. */
  readonly escapes: readonly AnyNode[];
  /** What decides when it is evaluated. */
  readonly deciding: ReadonlySet<AnyNode>;
}

/** A function can hand the actions on: so many are followed. */
const DEPTH_MAX = 4;

/** `actions`: the name of the parameter, where it is one and not taken apart. `chain`: the functions that led here. */
export function actionCallsOf(
  source: Source,
  actions: string | undefined,
  chain: readonly FunctionNode[] = [],
): ActionCalls {
  const calls: ActionCall[] = [];
  for (const { node, path } of source.calls) {
    const action = actionOf(node, source);
    if (!action) continue;
    calls.push({ action, offset: node.start + source.shift, path, ...requestFactsOf(action, node, source) });
  }
  const deciding = new Set(calls.flatMap(({ path }) => path.slice(-1)));
  const escapes: AnyNode[] = [];
  for (const handedOn of handedOnIn(source, actions)) {
    const { node } = handedOn;
    const followed = follow(handedOn, source, chain);
    if (!followed) escapes.push(node);
    calls.push(...(followed?.calls ?? []));
    escapes.push(...(followed?.escapes ?? []));
    if (!followed || followed.decides) deciding.add(node);
  }
  calls.sort((left, right) => left.offset - right.offset);
  return { calls, escapes, deciding };
}

function actionOf({ callee }: CallNode, source: Source): ActionName | undefined {
  const alias = callee.type === "Identifier" ? source.aliases.get(callee.name) : undefined;
  const name = callee.type === "MemberExpression" ? nameOfMember(callee) : alias;
  return name !== undefined && isAction(name) ? name : undefined;
}

function isAction(name: string): name is ActionName {
  return ACTIONS.has(name);
}

type Identifier = Source["identifiers"][number];

/** Where `actions`, or one of them, is given to other code. */
function handedOnIn(source: Source, actions: string | undefined): readonly Identifier[] {
  return source.identifiers.filter(({ name, node, parent }) => {
    if (name === actions) {
      return !(parent.type === "MemberExpression" && parent.object === node) && !isTakenApart(parent);
    }
    const action = source.aliases.get(name);
    return action !== undefined && isAction(action) && !(parent.type === "CallExpression" && parent.callee === node);
  });
}

/** `const { transitionTo } = actions`. */
function isTakenApart(parent: AnyNode): boolean {
  return parent.type === "VariableDeclarator" && parent.id.type === "ObjectPattern";
}

interface Followed extends Omit<ActionCalls, "deciding"> {
  /** On every way through it. */
  readonly decides: boolean;
}

/** What happens in the function that gets the actions, as if it stood at the place of the call. */
function follow(
  { name, node, parent }: Identifier,
  source: Source,
  chain: readonly FunctionNode[],
): Followed | undefined {
  if (parent.type !== "CallExpression" || source.aliases.has(name)) return undefined;
  const called = functionOf(parent.callee, source);
  if (!called || chain.includes(called) || chain.length >= DEPTH_MAX) return undefined;
  const moved = movedTo(called, node.start, node.end);
  const parameter = isFunction(moved)
    ? moved.params[parent.arguments.findIndex((argument) => argument === node)]
    : undefined;
  if (parameter?.type !== "Identifier" && parameter?.type !== "ObjectPattern") return undefined;
  const inner = sourceOf(moved, source.shift, source.outer);
  const found = actionCallsOf(inner, parameter.type === "Identifier" ? parameter.name : undefined, [...chain, called]);
  const above = source.calls.find((call) => call.node === parent)?.path ?? [];
  return {
    calls: found.calls.map((call) => ({ ...call, path: [...above, ...call.path] })),
    escapes: found.escapes,
    decides: undecidedEnds(moved, found.deciding).length === 0,
  };
}

function functionOf(callee: AnyNode, source: Source): FunctionNode | undefined {
  if (callee.type !== "Identifier" || source.locals.has(callee.name)) return undefined;
  const value = source.outer.get(callee.name);
  return value && isFunction(value) ? value : undefined;
}
