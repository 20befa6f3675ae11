/** A handler's own code as a syntax tree, with offsets that count from the start of its text. */
import { type AnyNode, type Node, parse } from "acorn";
import { ancestor } from "acorn-walk";

export interface Source {
  readonly root: Node;
  /** The call expressions, each with its ancestors, outermost first, itself last. */
  readonly calls: readonly { readonly node: CallNode; readonly path: readonly AnyNode[] }[];
  /** Constants of the handler by name: what they were set to. A name that is declared twice is left out. */
  readonly constants: ReadonlyMap<string, AnyNode>;
  /** Local names of destructured actions: `const { transitionTo: go } = actions` gives go → transitionTo. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly identifiers: readonly { readonly name: string; readonly node: AnyNode; readonly parent: AnyNode }[];
  readonly throws: boolean;
  /** Add to a node's offset to get the offset in the function's text. */
  readonly shift: number;
}

export type CallNode = Extract<AnyNode, { type: "CallExpression" }>;
type PatternNode = Extract<AnyNode, { type: "ObjectPattern" }>;

/** Undefined where the text is no JavaScript that can be read: a bound or built-in function. */
export function readSource(text: string): Source | undefined {
  // A method in short form is no expression of its own, but it is one within an object.
  for (const [before, after] of [
    ["(", ")"],
    ["({", "})"],
  ] as const) {
    const root = tryParse(`${before}${text}${after}`);
    if (root) return collect(root, -before.length);
  }
  return undefined;
}

function tryParse(text: string): Node | undefined {
  try {
    return parse(text, { ecmaVersion: "latest", sourceType: "module" });
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function collect(root: Node, shift: number): Source {
  const calls: { node: CallNode; path: AnyNode[] }[] = [];
  const constants = new Map<string, AnyNode>();
  const declared = new Set<string>();
  const aliases = new Map<string, string>();
  const identifiers: { name: string; node: AnyNode; parent: AnyNode }[] = [];
  let throws = false;

  ancestor(root, {
    CallExpression: (node, _state, path) => void calls.push({ node, path: [...path] as AnyNode[] }),
    VariableDeclaration(node) {
      for (const { id, init } of node.declarations) {
        if (id.type !== "Identifier") continue;
        if (declared.has(id.name)) constants.delete(id.name);
        else if (node.kind === "const" && init) constants.set(id.name, init);
        declared.add(id.name);
      }
    },
    Pattern(node) {
      if (node.type === "ObjectPattern") addAliases(aliases, node);
    },
    Identifier(node, _state, path) {
      const parent = path.at(-2);
      if (parent) identifiers.push({ name: node.name, node, parent: parent as AnyNode });
    },
    ThrowStatement: () => void (throws = true),
  });
  return { root, calls, constants, aliases, identifiers, throws, shift };
}

function addAliases(aliases: Map<string, string>, pattern: PatternNode): void {
  for (const property of pattern.properties) {
    if (property.type !== "Property" || property.computed || property.key.type !== "Identifier") continue;
    const local = property.value.type === "AssignmentPattern" ? property.value.left : property.value;
    if (local.type === "Identifier") aliases.set(local.name, property.key.name);
  }
}
