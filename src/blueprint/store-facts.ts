/** Which data stores a handler's code names: `dataStores.counter`, `context.dataStores["counter"]`, or taken apart. */
import type { AnyNode } from "acorn";
import { full } from "acorn-walk";
import type { Source } from "./handler-source.ts";
import { nameOfMember } from "./literals.ts";

type PropertyNode = Extract<AnyNode, { type: "Property" | "AssignmentProperty" }>;

export interface NamedStore {
  readonly name: string;
  readonly offset: number;
}

export function storesIn(source: Source): readonly NamedStore[] {
  const found: NamedStore[] = [];
  const add = (name: string | undefined, node: AnyNode) => {
    if (name !== undefined) found.push({ name, offset: node.start + source.shift });
  };
  full(source.root, (part) => {
    const node = part as AnyNode;
    if (node.type === "MemberExpression" && isDataStores(node.object, source)) add(nameOfMember(node), node);
    for (const property of takenApart(node, source)) add(keyOf(property), property);
  });
  return found.toSorted((one, other) => one.offset - other.offset);
}

function isDataStores(node: AnyNode, source: Source): boolean {
  if (node.type === "MemberExpression") return nameOfMember(node) === "dataStores";
  return node.type === "Identifier" && source.aliases.get(node.name) === "dataStores";
}

/** What the stores are taken apart into: `const { counter } = dataStores`, `({ dataStores: { counter } }) => …`. */
function takenApart(node: AnyNode, source: Source): readonly PropertyNode[] {
  if (node.type === "VariableDeclarator") {
    return node.init && isDataStores(node.init, source) ? propertiesOf(node.id) : [];
  }
  return propertiesOf(node).flatMap((property) =>
    keyOf(property) === "dataStores" ? propertiesOf(property.value) : [],
  );
}

function propertiesOf(pattern: AnyNode): readonly PropertyNode[] {
  if (pattern.type !== "ObjectPattern") return [];
  return pattern.properties.flatMap((property) => (property.type === "Property" ? property : []));
}

function keyOf({ computed, key }: PropertyNode): string | undefined {
  if (key.type === "Literal") return typeof key.value === "string" ? key.value : undefined;
  return key.type === "Identifier" && !computed ? key.name : undefined;
}
