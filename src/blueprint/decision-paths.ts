/**
 * Ways through a handler that end without a decision. What only data tells is read kindly: a loop
 * runs at least once, and a function that is handed on is called.
 */
import type { AnyNode, Node } from "acorn";
import { full } from "acorn-walk";

export type FunctionNode = Extract<
  AnyNode,
  { type: "ArrowFunctionExpression" | "FunctionExpression" | "FunctionDeclaration" }
>;

/** Offsets, in the tree's own counting. `deciding`: the calls that decide, and places that hand them on. */
export function undecidedEnds(root: Node, deciding: ReadonlySet<AnyNode>): number[] {
  const handler = outermostFunction(root);
  return handler ? new Walk(handler, deciding).ends() : [];
}

/** The handler itself comes last in this walk, after what lies in it. */
function outermostFunction(root: Node): FunctionNode | undefined {
  let found: FunctionNode | undefined;
  full(root, (node) => {
    const part = node as AnyNode;
    if (isFunction(part)) found = part;
  });
  return found;
}

/** What `break` and `continue` leave: whether anybody leaves undecided. */
interface Exit {
  undecided: boolean;
}

class Walk {
  readonly #handler: FunctionNode;
  readonly #deciding: ReadonlySet<AnyNode>;
  /** Local functions that decide when they are called. */
  readonly #helpers = new Set<string>();
  readonly #ends: number[] = [];
  readonly #breaks: Exit[] = [];
  readonly #loops: Exit[] = [];

  constructor(handler: FunctionNode, deciding: ReadonlySet<AnyNode>) {
    this.#handler = handler;
    this.#deciding = deciding;
    this.#findHelpers();
  }

  ends(): number[] {
    const { body } = this.#handler;
    if (body.type !== "BlockStatement") return this.#decides(body) ? [] : [body.start];
    if (this.#after(body, true)) this.#ends.push(this.#handler.start);
    return this.#ends;
  }

  #findHelpers(): void {
    full(this.#handler.body, (node) => {
      const part = node as AnyNode;
      if (part.type === "FunctionDeclaration" && part.id && this.#holds(part)) this.#helpers.add(part.id.name);
      if (part.type !== "VariableDeclarator" || part.id.type !== "Identifier" || !part.init) return;
      if (isFunction(part.init) && this.#holds(part.init)) this.#helpers.add(part.id.name);
    });
  }

  /** Whether something after the statement is reached undecided, where the statement itself is. */
  #after(node: AnyNode | null | undefined, undecided: boolean): boolean {
    if (!node || !undecided) return undecided;
    switch (node.type) {
      case "BlockStatement":
        return this.#afterAll(node.body);
      case "ExpressionStatement":
        return !this.#decides(node.expression);
      case "VariableDeclaration":
        return !node.declarations.some(({ init }) => init && !isFunction(init) && this.#decides(init));
      case "ReturnStatement":
        if (!node.argument || !this.#decides(node.argument)) this.#ends.push(node.start);
        return false;
      case "ThrowStatement":
        return false;
      case "IfStatement":
        if (this.#decides(node.test)) return false;
        return [this.#after(node.consequent, true), this.#after(node.alternate, true)].includes(true);
      case "LabeledStatement":
        return after(this.#breaks, () => this.#after(node.body, true));
      case "SwitchStatement":
        return after(this.#breaks, () => this.#afterSwitch(node));
      case "TryStatement":
        return this.#afterTry(node);
      case "BreakStatement":
        return leave(this.#breaks);
      case "ContinueStatement":
        return leave(this.#loops);
      case "ForStatement":
      case "ForInStatement":
      case "ForOfStatement":
      case "WhileStatement":
      case "DoWhileStatement":
        return this.#afterLoop(node.body);
      default:
        return undecided;
    }
  }

  #afterAll(statements: readonly AnyNode[]): boolean {
    return statements.reduce<boolean>((live, statement) => this.#after(statement, live), true);
  }

  #afterLoop(body: AnyNode): boolean {
    return after(this.#breaks, () => after(this.#loops, () => this.#after(body, true)));
  }

  #afterSwitch({ discriminant, cases }: Extract<AnyNode, { type: "SwitchStatement" }>): boolean {
    if (this.#decides(discriminant)) return false;
    let live = false;
    for (const { consequent } of cases) {
      live = this.#afterAll(consequent);
    }
    return live || !cases.some(({ test }) => !test);
  }

  #afterTry({ block, handler, finalizer }: Extract<AnyNode, { type: "TryStatement" }>): boolean {
    const live = [this.#after(block, true), handler ? this.#after(handler.body, true) : false].includes(true);
    return this.#after(finalizer, live);
  }

  /** Sure to decide once it is evaluated. */
  #decides(node: AnyNode): boolean {
    switch (node.type) {
      case "ConditionalExpression":
        return this.#decides(node.test) || (this.#decides(node.consequent) && this.#decides(node.alternate));
      case "LogicalExpression":
        return this.#decides(node.left);
      case "ArrowFunctionExpression":
      case "FunctionExpression":
        return this.#holds(node);
      default:
        return (
          this.#deciding.has(node) || this.#namesHelper(node) || childrenOf(node).some((part) => this.#decides(part))
        );
    }
  }

  #namesHelper(node: AnyNode): boolean {
    return node.type === "Identifier" && this.#helpers.has(node.name);
  }

  #holds(node: AnyNode): boolean {
    return this.#deciding.has(node) || childrenOf(node).some((part) => this.#holds(part));
  }
}

/** What is reached undecided behind something that can be left by `break` or `continue`. */
function after(exits: Exit[], run: () => boolean): boolean {
  const exit = { undecided: false };
  exits.push(exit);
  const live = run();
  exits.pop();
  return live || exit.undecided;
}

function leave(exits: readonly Exit[]): false {
  const exit = exits.at(-1);
  if (exit) exit.undecided = true;
  return false;
}

export function isFunction(node: AnyNode): node is FunctionNode {
  return (
    node.type === "ArrowFunctionExpression" || node.type === "FunctionExpression" || node.type === "FunctionDeclaration"
  );
}

function childrenOf(node: AnyNode): readonly AnyNode[] {
  return Object.values(node)
    .flat()
    .filter((part): part is AnyNode => typeof part === "object" && part !== null && "type" in part && "start" in part);
}
