/** A handler's own code as a syntax tree, with offsets that count from the start of its text. */
import { type AnyNode, type Node, parse, type Program } from "acorn";
import { ancestor, simple } from "acorn-walk";

export interface Source {
  readonly root: Node;
  /** The call expressions, each with its ancestors, outermost first, itself last. */
  readonly calls: readonly { readonly node: CallNode; readonly path: readonly AnyNode[] }[];
  /** Names of the handler: all that they are set to. One that is declared twice is left out. */
  readonly constants: ReadonlyMap<string, readonly AnyNode[]>;
  /** Every name that the handler declares: it hides the one beside the handler. */
  readonly locals: ReadonlySet<string>;
  /** Constants of the file around the handler. */
  readonly outer: Constants;
  /** Local names of destructured actions: `const { transitionTo: go } = actions` gives go → transitionTo. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly identifiers: readonly { readonly name: string; readonly node: AnyNode; readonly parent: AnyNode }[];
  readonly throws: boolean;
  /** Add to a node's offset to get the offset in the function's text. */
  readonly shift: number;
}

export type CallNode = Extract<AnyNode, { type: "CallExpression" }>;
type DeclarationNode = Extract<AnyNode, { type: "VariableDeclaration" }>;
type AssignmentNode = Extract<AnyNode, { type: "AssignmentExpression" }>;
type FunctionNode = Extract<AnyNode, { type: "FunctionDeclaration" }> & { readonly id: { readonly name: string } };
type PatternNode = Extract<AnyNode, { type: "ObjectPattern" }>;

/** Constants of a file by name. */
export interface Constants {
  get(name: string): AnyNode | undefined;
}

const NO_CONSTANTS: Constants = new Map<string, AnyNode>();

/** Undefined where the text is no JavaScript that can be read: a bound or built-in function. */
export function readSource(text: string, outer: Constants = NO_CONSTANTS): Source | undefined {
  // A method in short form is no expression of its own, but it is one within an object.
  for (const [before, after] of [
    ["(", ")"],
    ["({", "})"],
  ] as const) {
    const root = tryParse(`${before}${text}${after}`);
    if (root) return sourceOf(root, -before.length, outer);
  }
  return undefined;
}

/** A whole file; undefined where it cannot be read. */
export function readFile(code: string): Node | undefined {
  return tryParse(code);
}

function tryParse(text: string): Node | undefined {
  try {
    return parse(text, { ecmaVersion: "latest", sourceType: "module" });
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** `shift`: from a node's offset to the offset in the handler's text. */
export function sourceOf(root: Node, shift: number, outer: Constants): Source {
  const calls: { node: CallNode; path: AnyNode[] }[] = [];
  const names = new Names();
  const aliases = new Map<string, string>();
  const identifiers: { name: string; node: AnyNode; parent: AnyNode }[] = [];
  let throws = false;

  ancestor(root, {
    CallExpression: (node, _state, path) => void calls.push({ node, path: [...path] as AnyNode[] }),
    VariableDeclaration: (node) => names.declare(node),
    AssignmentExpression: (node) => names.assign(node),
    UpdateExpression: ({ argument }) => names.count(argument as AnyNode),
    Pattern(node) {
      if (node.type === "Identifier") names.locals.add(node.name);
      if (node.type === "ObjectPattern") addAliases(aliases, node);
    },
    Identifier(node, _state, path) {
      const parent = path.at(-2);
      if (parent) identifiers.push({ name: node.name, node, parent: parent as AnyNode });
    },
    ThrowStatement: () => void (throws = true),
  });
  const { locals } = names;
  return { root, calls, constants: names.values(), locals, outer, aliases, identifiers, throws, shift };
}

/** What each name of a text is set to. */
class Names {
  readonly locals = new Set<string>();
  readonly #values = new Map<string, AnyNode[]>();
  readonly #unclear = new Set<string>();

  declare({ kind, declarations }: DeclarationNode): void {
    for (const { id, init } of declarations) {
      if (id.type !== "Identifier") continue;
      if (this.#values.has(id.name)) this.#unclear.add(id.name);
      this.#values.set(id.name, init ? [init] : []);
      if (kind === "const" && !init) this.#unclear.add(id.name);
    }
  }

  declareFunction(node: FunctionNode): void {
    if (this.#values.has(node.id.name)) this.#unclear.add(node.id.name);
    this.#values.set(node.id.name, [node]);
  }

  assign({ left, operator, right }: AssignmentNode): void {
    if (left.type !== "Identifier") return;
    const values = this.#values.get(left.name);
    if (values && operator === "=") values.push(right);
    else this.#unclear.add(left.name);
  }

  /** `index++` */
  count(argument: AnyNode): void {
    if (argument.type === "Identifier") this.#unclear.add(argument.name);
  }

  values(): ReadonlyMap<string, readonly AnyNode[]> {
    return new Map([...this.#values].filter(([name]) => !this.#unclear.has(name)));
  }
}

function addAliases(aliases: Map<string, string>, pattern: PatternNode): void {
  for (const property of pattern.properties) {
    if (property.type !== "Property" || property.computed || property.key.type !== "Identifier") continue;
    const local = property.value.type === "AssignmentPattern" ? property.value.left : property.value;
    if (local.type === "Identifier") aliases.set(local.name, property.key.name);
  }
}

/** The constants of a whole file: what its handlers may name beside their own. It is read once one of them does. */
export function constantsOf(code: string): Constants {
  let known: Constants | undefined;
  return { get: (name) => (known ??= readConstants(code)).get(name) };
}

function readConstants(code: string): Constants {
  const root = tryParse(code);
  if (!root) return NO_CONSTANTS;
  const names = new Names();
  for (const statement of (root as Program).body) {
    const declaration = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
    if (declaration?.type === "VariableDeclaration") names.declare(declaration);
    if (declaration?.type === "FunctionDeclaration") names.declareFunction(declaration);
  }
  simple(root, {
    AssignmentExpression: (node) => names.assign(node),
    UpdateExpression: ({ argument }) => names.count(argument as AnyNode),
  });
  const values = [...names.values()].flatMap(([name, [value, other]]): [string, AnyNode][] =>
    value && !other ? [[name, value]] : [],
  );
  return new Map(values);
}
