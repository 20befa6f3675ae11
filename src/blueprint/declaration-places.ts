/** Where a file declares what has no code of its own: a blueprint's options, and those of a state. */
import type { AnyNode } from "acorn";
import { full } from "acorn-walk";
import { readFile } from "./handler-source.ts";
import { keyOf, nameOfMember } from "./literals.ts";

export interface DeclarationPlaces {
  /** Of `new Blueprint({ name: … })`, or of one of its options. */
  ofBlueprint(name: string, option?: string): number | undefined;
  /** Of an option of `handlerFor(state, { … }, handler)`. */
  ofState(state: string, option: string, handler: string): number | undefined;
}

export const NO_PLACES: DeclarationPlaces = { ofBlueprint: () => undefined, ofState: () => undefined };

type ObjectNode = Extract<AnyNode, { type: "ObjectExpression" }>;
type CallNode = Extract<AnyNode, { type: "CallExpression" }>;

interface Declared {
  readonly blueprints: readonly { readonly offset: number; readonly options: ObjectNode }[];
  readonly states: readonly CallNode[];
}

/** Offsets in the file's text. It is read once somebody asks. */
export function declarationPlacesOf(code: string): DeclarationPlaces {
  let known: Declared | undefined;
  const declared = () => (known ??= readDeclared(code));
  return {
    ofBlueprint(name, option) {
      const found = declared().blueprints.find(({ options }) => textOf(valueOf(options, "name")) === name);
      return (found && option !== undefined && offsetOf(found.options, option)) || found?.offset;
    },
    ofState(state, option, handler) {
      const found = declared().states.filter((call) => textOf(call.arguments[0]) === state);
      // Two blueprints of a file may have a state of one name: the handler tells them apart.
      const own = found.find((call) => call.arguments.some((part) => code.slice(part.start, part.end) === handler));
      for (const call of own ? [own] : found) {
        const options = call.arguments.find((argument) => argument.type === "ObjectExpression");
        const offset = options && offsetOf(options, option);
        if (offset !== undefined) return offset;
      }
      return undefined;
    },
  };
}

function readDeclared(code: string): Declared {
  const blueprints: { offset: number; options: ObjectNode }[] = [];
  const states: CallNode[] = [];
  const root = readFile(code);
  if (root) {
    full(root, (part) => {
      const node = part as AnyNode;
      if (node.type === "NewExpression" && node.arguments[0]?.type === "ObjectExpression") {
        blueprints.push({ offset: node.start, options: node.arguments[0] });
      }
      if (node.type === "CallExpression" && isDeclaration(node.callee)) states.push(node);
    });
  }
  return { blueprints, states };
}

function isDeclaration(callee: AnyNode): boolean {
  return callee.type === "MemberExpression" && nameOfMember(callee) === "handlerFor";
}

function offsetOf(options: ObjectNode, name: string): number | undefined {
  return propertyOf(options, name)?.start;
}

function valueOf(options: ObjectNode, name: string): AnyNode | undefined {
  return propertyOf(options, name)?.value;
}

function propertyOf(options: ObjectNode, name: string) {
  for (const property of options.properties) {
    if (property.type === "Property" && !property.computed && keyOf(property.key) === name) return property;
  }
  return undefined;
}

function textOf(node: AnyNode | undefined): string | undefined {
  return node?.type === "Literal" && typeof node.value === "string" ? node.value : undefined;
}
