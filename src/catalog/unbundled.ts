/** What a bundle would still look for at run time, and so could not be kept with the jobs that began with it. */
import { type ImportDeclaration, type MemberExpression, type Node, parse } from "acorn";
import { simple } from "acorn-walk";

export interface Complaint {
  /** Offset in the bundle's code. */
  readonly offset: number;
  readonly severity: "error" | "warning";
  readonly rule: string;
  readonly message: string;
}

const COMPUTED =
  "this import is computed at run time, so what it loads cannot be kept with the job: write the path as a plain text, one import for each file";
const WORKER_MODULE = "orchestrator/worker";
const WORKER_FILE =
  "this is a worker file: give it to `orchestrator worker` (among blueprints its name, or its folder's, begins with _)";
const OWN_PLACE = new Set(["dir", "dirname", "url", "path", "file", "filename"]);

export function findUnbundled(code: string): Complaint[] {
  const complaints: Complaint[] = [];
  const complain = (node: Node, severity: Complaint["severity"], rule: string, message: string) =>
    complaints.push({ offset: node.start, severity, rule, message });

  simple(parse(code, { ecmaVersion: "latest", sourceType: "module" }), {
    ImportExpression(node) {
      if (!isText(node.source)) complain(node, "error", "computed-import", COMPUTED);
    },
    CallExpression(node) {
      if (isRequire(node.callee) && !isText(node.arguments[0])) complain(node, "error", "computed-import", COMPUTED);
      if (isMember(node.callee, "process", "dlopen")) {
        complain(node, "error", "native-addon", "native code cannot be kept with the job: do this work in a worker");
      }
    },
    ImportDeclaration(node) {
      if (importsCreateRequire(node)) complain(node, "error", "computed-import", COMPUTED);
      if (node.source.value === WORKER_MODULE) complain(node, "error", "worker-file", WORKER_FILE);
    },
    MemberExpression(node) {
      const name = nameOfMetaMember(node);
      if (name === undefined || !OWN_PLACE.has(name)) return;
      const message = `import.meta.${name} names the stored bundle and not this file: import the data instead, for example with { type: "text" }`;
      complain(node, "warning", "own-place", message);
    },
  });
  return complaints;
}

function isText(node: Node | undefined): boolean {
  return node?.type === "Literal" && typeof (node as Node & { value?: unknown }).value === "string";
}

/** The bundler calls it `__require`; `import.meta.require` is the same thing under its own name. */
function isRequire(callee: Node): boolean {
  if (callee.type === "MemberExpression") {
    const member = callee as MemberExpression;
    return nameOfMetaMember(member) === "require" || isMember(callee, "__require", "resolve");
  }
  return callee.type === "Identifier" && ["require", "__require"].includes((callee as Node & { name: string }).name);
}

function isMember(node: Node, object: string, property: string): boolean {
  if (node.type !== "MemberExpression") return false;
  const member = node as MemberExpression;
  return (
    member.object.type === "Identifier" &&
    member.object.name === object &&
    member.property.type === "Identifier" &&
    member.property.name === property
  );
}

function nameOfMetaMember(node: MemberExpression): string | undefined {
  if (node.object.type !== "MetaProperty" || node.property.type !== "Identifier") return undefined;
  return node.property.name;
}

function importsCreateRequire(node: ImportDeclaration): boolean {
  if (node.source.value !== "module" && node.source.value !== "node:module") return false;
  return node.specifiers.some(
    (specifier) =>
      specifier.type === "ImportSpecifier" &&
      specifier.imported.type === "Identifier" &&
      specifier.imported.name === "createRequire",
  );
}
