/** Whether two calls of one handler can, or always do, happen in the same run. */
import type { AnyNode } from "acorn";

export type Path = readonly AnyNode[];

/** Sure only where the text says so: one of them happens whenever the other does. */
export function alwaysTogether(left: Path, right: Path): boolean {
  const fork = forkOf(left, right);
  if (fork === undefined || areArms(left, right, fork)) return false;
  if (returnsAfter(left, fork) || returnsAfter(right, fork)) return false;
  return !isConditional(left, fork) || !isConditional(right, fork);
}

/** Index of the innermost node that holds both. */
function forkOf(left: Path, right: Path): number | undefined {
  let fork: number | undefined;
  for (let index = 0; index < left.length && left[index] === right[index]; index++) fork = index;
  return fork;
}

function areArms(left: Path, right: Path, fork: number): boolean {
  const node = left[fork];
  if (!node) return false;
  switch (node.type) {
    case "IfStatement":
    case "ConditionalExpression":
    case "SwitchStatement":
    case "TryStatement":
      return left[fork + 1] !== right[fork + 1];
    default:
      return false;
  }
}

/** The call lies in a block that leaves the handler (or the switch) after it. */
function returnsAfter(path: Path, fork: number): boolean {
  for (let index = fork + 1; index < path.length; index++) {
    const node = path[index];
    if (node?.type === "ReturnStatement" || node?.type === "ThrowStatement") return true;
    const statements = statementsOf(node);
    const at = statements.findIndex((statement) => statement === path[index + 1]);
    if (at >= 0 && statements.slice(at + 1).some(leaves)) return true;
  }
  return false;
}

function statementsOf(node: AnyNode | undefined): readonly AnyNode[] {
  if (node?.type === "BlockStatement") return node.body;
  return node?.type === "SwitchCase" ? node.consequent : [];
}

function leaves(statement: AnyNode): boolean {
  return ["ReturnStatement", "ThrowStatement", "BreakStatement", "ContinueStatement"].includes(statement.type);
}

/** Something below the fork decides whether the call happens at all. */
function isConditional(path: Path, fork: number): boolean {
  return path.slice(fork + 1).some((node, offset) => {
    switch (node.type) {
      case "IfStatement":
      case "ConditionalExpression":
        return path[fork + offset + 2] !== node.test;
      case "LogicalExpression":
        return path[fork + offset + 2] === node.right;
      case "SwitchCase":
      case "CatchClause":
      case "ForStatement":
      case "ForInStatement":
      case "ForOfStatement":
      case "WhileStatement":
      case "ArrowFunctionExpression":
      case "FunctionExpression":
      case "FunctionDeclaration":
        return true;
      default:
        return false;
    }
  });
}
