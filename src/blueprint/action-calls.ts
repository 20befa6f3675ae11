/** The calls of actions in a handler's code, and in functions of its file that it hands its actions to. */
import type { AnyNode } from "acorn";
import { type FunctionNode, isFunction, undecidedEnds } from "./decision-paths.ts";
import { type CallNode, type Source, sourceOf } from "./handler-source.ts";
import { keyOf, movedTo, nameOfMember } from "./literals.ts";
import { ACTION_NAMES, type ActionName, type RequestFacts, requestFactsOf } from "./request-facts.ts";

const ACTIONS: ReadonlySet<string> = new Set<ActionName>(ACTION_NAMES);

export interface ActionCall extends RequestFacts {
  readonly action: ActionName;
  readonly offset: number;
  /** From the program down to the call: what tells whether two calls can both happen. */
  readonly path: readonly AnyNode[];
}

/** A call of an action that does not exist. */
export interface StrangeCall {
  readonly name: string;
  readonly offset: number;
}

export interface ActionCalls {
  /** In the order of the text. */
  readonly calls: readonly ActionCall[];
  readonly strange: readonly StrangeCall[];
  /** Where the actions are handed to code that cannot be read. */
  readonly escapes: readonly AnyNode[];
  /** What decides when it is evaluated. */
  readonly deciding: ReadonlySet<AnyNode>;
}

/** A function can hand the actions on: so many are followed. */
const DEPTH_MAX = 4;

/** `parameter`: where the actions come in. `chain`: the functions that led here. */
export function actionCallsOf(
  source: Source,
  parameter: AnyNode | undefined,
  chain: readonly FunctionNode[] = [],
): ActionCalls {
  const actions = parameter?.type === "Identifier" ? parameter.name : undefined;
  const calls: ActionCall[] = [];
  for (const { node, path } of source.calls) {
    const action = actionOf(node, source);
    if (!action) continue;
    calls.push({ action, offset: node.start + source.shift, path, ...requestFactsOf(action, node, source) });
  }
  const strangeCalls = strangeCallsIn(source, parameter);
  const strange = strangeCalls.map(({ name, node }) => ({ name, offset: node.start + source.shift }));
  // Whoever wrote one meant to decide: it is named for its name alone.
  const deciding = new Set([...calls.flatMap(({ path }) => path.slice(-1)), ...strangeCalls.map(({ node }) => node)]);
  const escapes: AnyNode[] = [];
  for (const handedOn of handedOnIn(source, actions)) {
    const { node } = handedOn;
    const followed = follow(handedOn, source, chain);
    if (!followed) escapes.push(node);
    calls.push(...(followed?.calls ?? []));
    strange.push(...(followed?.strange ?? []));
    escapes.push(...(followed?.escapes ?? []));
    if (!followed || followed.decides) deciding.add(node);
  }
  calls.sort((left, right) => left.offset - right.offset);
  return { calls, strange, escapes, deciding };
}

function actionOf({ callee }: CallNode, source: Source): ActionName | undefined {
  const alias = callee.type === "Identifier" ? source.aliases.get(callee.name) : undefined;
  const name = callee.type === "MemberExpression" ? nameOfMember(callee) : alias;
  return name !== undefined && isAction(name) ? name : undefined;
}

function isAction(name: string): name is ActionName {
  return ACTIONS.has(name);
}

function strangeCallsIn(source: Source, parameter: AnyNode | undefined): readonly { name: string; node: AnyNode }[] {
  const actions = parameter?.type === "Identifier" ? parameter.name : undefined;
  const taken = takenApart(source, parameter);
  return source.calls.flatMap(({ node, path }) => {
    const { callee } = node;
    // One that is asked for first (`actions.later?.()`) is meant to be missing.
    if (node.optional) return [];
    if (callee.type === "Identifier") {
      return strangeCall(isHidden(callee.name, source, path) ? undefined : taken.get(callee.name), node);
    }
    if (callee.type !== "MemberExpression" || callee.object.type !== "Identifier" || callee.optional) return [];
    const isOfActions = callee.object.name === actions && !isHidden(actions, source, path);
    return strangeCall(isOfActions ? nameOfMember(callee) : undefined, node);
  });
}

function strangeCall(name: string | undefined, node: AnyNode) {
  return name === undefined || isAction(name) ? [] : [{ name, node }];
}

/** An inner function, or the handler itself, has something else of the name. */
function isHidden(name: string, source: Source, path: readonly AnyNode[]): boolean {
  const inner = path.filter(isFunction).slice(1);
  const isParameter = inner.some(({ params }) =>
    params.some((part) => part.type === "Identifier" && part.name === name),
  );
  return isParameter || source.constants.has(name);
}

/** Local names of what the actions are taken apart into, as a parameter or later: `({}, { dispatchTask: send }) => …`. */
function takenApart(source: Source, parameter: AnyNode | undefined): ReadonlyMap<string, string> {
  const patterns = parameter?.type === "Identifier" ? patternsOf(source, parameter.name) : [parameter];
  const names = patterns.flatMap((pattern) => (pattern?.type === "ObjectPattern" ? pattern.properties : []));
  return new Map(
    names.flatMap((property): [string, string][] => {
      // One with a value of its own for where it is missing is no mistake.
      if (property.type !== "Property" || property.computed || property.value.type !== "Identifier") return [];
      const name = keyOf(property.key);
      return name === undefined ? [] : [[property.value.name, name]];
    }),
  );
}

/** `const { dispatchTask } = actions`. */
function patternsOf(source: Source, actions: string): readonly AnyNode[] {
  return source.identifiers.flatMap(({ name, parent }) =>
    name === actions && parent.type === "VariableDeclarator" ? [parent.id] : [],
  );
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
  const found = actionCallsOf(inner, parameter, [...chain, called]);
  const above = source.calls.find((call) => call.node === parent)?.path ?? [];
  return {
    calls: found.calls.map((call) => ({ ...call, path: [...above, ...call.path] })),
    strange: found.strange,
    escapes: found.escapes,
    decides: undecidedEnds(moved, found.deciding).length === 0,
  };
}

function functionOf(callee: AnyNode, source: Source): FunctionNode | undefined {
  if (callee.type !== "Identifier" || source.locals.has(callee.name)) return undefined;
  const value = source.outer.get(callee.name);
  return value && isFunction(value) ? value : undefined;
}
