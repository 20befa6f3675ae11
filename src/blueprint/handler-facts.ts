/** What a handler's own code tells of where it leads, without running it. */
import type { AnyNode } from "acorn";
import { full } from "acorn-walk";
import type { DeclaredHandler } from "./definition.ts";
import { type CallNode, readSource, type Source } from "./handler-source.ts";
import { nameOfMember, objectsOf, textsOf } from "./literals.ts";
import type { Actions } from "./sdk.ts";

export type ActionName = keyof Actions;

const ACTIONS: ReadonlySet<string> = new Set<ActionName>([
  "transitionTo",
  "dispatchTask",
  "dispatchParallel",
  "awaitHumanApproval",
  "runBlueprint",
  "waitFor",
  "waitForEvent",
]);

export interface Arrow {
  /** "transition", or the outcome. */
  readonly label: string;
  readonly to: string;
  readonly offset: number;
}

export interface ActionCall {
  readonly action: ActionName;
  readonly offset: number;
  /** From the program down to the call: what tells whether two calls can both happen. */
  readonly path: readonly AnyNode[];
  readonly arrows: readonly Arrow[];
  /** Offsets of targets that only running the code would tell. */
  readonly unknown: readonly number[];
  /** The outcomes that have a transition, once for each form that the request can have. None: it cannot be known. */
  readonly outcomes: readonly ReadonlySet<string>[];
  /** Fields of the request that are there, whatever their value. */
  readonly fields: ReadonlySet<string>;
}

export interface HandlerFacts {
  /** `String(handler)`: what offsets count in. */
  readonly text: string;
  readonly calls: readonly ActionCall[];
  /** Places where the actions are handed to other code, or 0 where the code cannot be read at all. */
  readonly escapes: readonly number[];
  readonly throws: boolean;
}

interface Mutable {
  readonly arrows: Arrow[];
  readonly unknown: number[];
  readonly outcomes: ReadonlySet<string>[];
}

export function factsOf(declared: DeclaredHandler): HandlerFacts {
  const text = String(declared.handler);
  const source = readSource(text);
  if (!source) return { text, calls: [], escapes: [0], throws: false };
  const calls: ActionCall[] = [];
  for (const { node, path } of source.calls) {
    const action = actionOf(node, source);
    if (action) calls.push(factsOfCall(action, node, path, source));
  }
  calls.sort((left, right) => left.offset - right.offset);
  return { text, calls, escapes: escapesOf(source), throws: source.throws };
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

function factsOfCall(action: ActionName, node: CallNode, path: readonly AnyNode[], source: Source): ActionCall {
  const found: Mutable = { arrows: [], unknown: [], outcomes: [] };
  const [argument] = node.arguments;
  const fields = new Set<string>();
  if (action === "transitionTo") addTexts(found, "transition", argument, node, source);
  else addRequest(action, argument, node, source, found, fields);
  const { arrows, unknown, outcomes } = found;
  const offset = node.start + source.shift;
  return { action, offset, path, arrows, unknown, outcomes: unknown.length > 0 ? [] : outcomes, fields };
}

function addRequest(
  action: ActionName,
  argument: AnyNode | undefined,
  call: CallNode,
  source: Source,
  found: Mutable,
  names: Set<string>,
): void {
  const requests = objectsOf(argument, source);
  if (requests.length === 0) found.unknown.push(call.start + source.shift);
  for (const { fields, unknown } of requests) {
    for (const name of fields.keys()) names.add(name);
    if (action === "waitFor") addTexts(found, "timer", fields.get("then"), call, source);
    else if (action === "dispatchParallel") addParallel(fields, call, source, found);
    else if (unknown.length > 0 && !fields.has("transitions")) found.unknown.push(call.start + source.shift);
    else addTransitions(found, fields.get("transitions"), source);
    const events = fields.get("eventTransitions");
    if (events) addTransitions({ ...found, outcomes: [] }, events, source);
  }
}

function addParallel(fields: ReadonlyMap<string, AnyNode>, call: CallNode, source: Source, found: Mutable): void {
  addTexts(found, "success", fields.get("aggregateInto"), call, source);
  const tasks = fields.get("tasks");
  const listed = tasks?.type === "Identifier" ? source.constants.get(tasks.name) : tasks;
  if (!listed) return;
  // Tasks are usually mapped from data: the transitions lie somewhere within that expression.
  full(listed, (node) => {
    const part = node as AnyNode;
    if (part.type !== "ObjectExpression") return;
    for (const { fields } of objectsOf(part, source)) {
      if (fields.has("taskType") && fields.has("transitions")) {
        addTransitions({ ...found, outcomes: [] }, fields.get("transitions"), source);
      }
    }
  });
}

function addTransitions(found: Mutable, node: AnyNode | undefined, source: Source): void {
  if (!node) {
    found.outcomes.push(new Set());
    return;
  }
  const objects = objectsOf(node, source);
  if (objects.length === 0) found.unknown.push(node.start + source.shift);
  for (const { fields, unknown } of objects) {
    for (const part of unknown) found.unknown.push(part.start + source.shift);
    found.outcomes.push(new Set(fields.keys()));
    for (const [status, target] of fields) addTexts(found, status, target, target, source);
  }
}

function addTexts(found: Mutable, label: string, node: AnyNode | undefined, fallback: AnyNode, source: Source): void {
  if (!node) {
    found.unknown.push(fallback.start + source.shift);
    return;
  }
  const texts = textsOf(node, source);
  for (const { text, node: at } of texts.known) {
    found.arrows.push({ label, to: text, offset: at.start + source.shift });
  }
  for (const part of texts.unknown) found.unknown.push(part.start + source.shift);
}

/** Where `actions`, or one of them, is given to code that is not the handler's own. */
function escapesOf(source: Source): readonly number[] {
  const actions = nameOfActions(source);
  return source.identifiers
    .filter(({ name, node, parent }) => {
      if (name === actions)
        return !(parent.type === "MemberExpression" && parent.object === node) && !isTakenApart(parent);
      const action = source.aliases.get(name);
      return action !== undefined && isAction(action) && !(parent.type === "CallExpression" && parent.callee === node);
    })
    .map(({ node }) => node.start + source.shift);
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
