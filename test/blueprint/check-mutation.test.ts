/** Every transition of every example is taken out in turn: the check has to notice each. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type AnyNode, parse } from "acorn";
import { full } from "acorn-walk";
import { checkFiles, type Finding, formatFinding, isBlueprintFile } from "../../src/catalog/index.ts";
import { createLog } from "../../src/system/log.ts";
import { createRealSystem } from "../../src/system/real.ts";

const EXAMPLES = join(import.meta.dir, "..", "..", "blueprints");
/** Fields that name something else than a state. */
const OTHER_NAMES = new Set(["taskType", "blueprintName", "integration", "event", "message", "name", "apiEndpoint"]);
/** Copies of one blueprint in one folder get in each other's way: that says nothing about a transition. */
const OF_COPIES = new Set(["duplicate-name", "duplicate-endpoint"]);

interface Deletion {
  /** Line of the example as the program reads it, and what stood there. */
  readonly what: string;
  readonly code: string;
}

const names = (await readdir(EXAMPLES)).filter(isBlueprintFile).toSorted();
const sources = await Promise.all(
  names.map(async (name) => {
    const text = await Bun.file(join(EXAMPLES, name)).text();
    return { name, code: new Bun.Transpiler({ loader: "ts", minifyWhitespace: false }).transformSync(text) };
  }),
);
const deletions = sources.map(({ name, code }) => ({ name, code, deleted: deletionsOf(code) }));

let folder: string;
let found: ReadonlyMap<string, readonly Finding[]>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "check-mutation-"));
  for (const { name, code, deleted } of deletions) {
    await writeFile(fileOf(name), code);
    for (const [index, deletion] of deleted.entries()) await writeFile(fileOf(name, index), deletion.code);
  }
  const { timers } = createRealSystem({ write: () => undefined });
  const { findings } = await checkFiles([folder], { timers, log: createLog(() => undefined), loadMs: 30_000 });
  found = Map.groupBy(
    findings.filter(({ rule }) => !OF_COPIES.has(rule)),
    ({ file }) => basename(file),
  );
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

function fileOf(name: string, index?: number): string {
  return join(folder, `${name.replace(/\.[tj]s$/, "")}${index === undefined ? "" : `-without-${index}`}.js`);
}

describe.each(deletions)("$name", ({ name, deleted }) => {
  test("declares every outcome: the check finds nothing", () => {
    const findings = found.get(basename(fileOf(name))) ?? [];
    expect(findings.map((finding) => formatFinding(finding, folder))).toEqual([]);
  });

  test("has transitions to take out", () => expect(deleted.length).toBeGreaterThan(0));

  test.each(deleted.map(({ what }, index) => [what, index] as const))("is found out without %s", (_what, index) => {
    expect(found.get(basename(fileOf(name, index))) ?? []).not.toEqual([]);
  });
});

/** The code without each of its transitions in turn: calls of transitionTo, and fields that name a state. */
function deletionsOf(code: string): readonly Deletion[] {
  const root = parse(code, { ecmaVersion: "latest", sourceType: "module", locations: true });
  const states = statesIn(root as AnyNode);
  const found: Deletion[] = [];
  const without = (node: AnyNode, instead: string) => {
    const what = code.slice(node.start, node.end).replaceAll(/\s+/g, " ");
    found.push({
      what: `${what} (line ${node.loc?.start.line})`,
      code: code.slice(0, node.start) + instead + code.slice(node.end),
    });
  };
  full(root, (node) => {
    const part = node as AnyNode;
    if (part.type === "CallExpression" && nameOf(part) === "transitionTo") without(part, "undefined");
    if (part.type === "Property" && part.key.type === "Identifier" && leadsTo(part, states)) {
      without(part, `...{}`);
    }
  });
  return found;
}

function leadsTo({ key, value }: Extract<AnyNode, { type: "Property" }>, states: ReadonlySet<string>): boolean {
  const texts = textsIn(value);
  const isOther = key.type === "Identifier" && OTHER_NAMES.has(key.name);
  return !isOther && texts.length > 0 && texts.every((text) => states.has(text));
}

/** A text, or both of a choice. */
function textsIn(node: AnyNode): readonly string[] {
  if (node.type === "Literal" && typeof node.value === "string") return [node.value];
  return node.type === "ConditionalExpression" ? [...textsIn(node.consequent), ...textsIn(node.alternate)] : [];
}

function statesIn(root: AnyNode): ReadonlySet<string> {
  const states = new Set(["finished", "failed"]);
  full(root, (node) => {
    const part = node as AnyNode;
    if (part.type !== "CallExpression" || !["handlerFor", "aggregatorFor"].includes(nameOf(part) ?? "")) return;
    const [state] = part.arguments;
    if (state) for (const text of textsIn(state)) states.add(text);
  });
  return states;
}

function nameOf({ callee }: Extract<AnyNode, { type: "CallExpression" }>): string | undefined {
  if (callee.type === "Identifier") return callee.name;
  return callee.type === "MemberExpression" && callee.property.type === "Identifier" ? callee.property.name : undefined;
}
