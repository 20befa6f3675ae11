import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { checkFiles, formatFinding, type FolderCatalog, type CatalogOptions } from "../../src/catalog/index.ts";
import { createLog, type LogLine } from "../../src/system/log.ts";
import { createRealSystem } from "../../src/system/real.ts";
import { catalogOf, flow, makeFolder, type TestFolder } from "./folders.ts";

let folder: TestFolder;
let running: FolderCatalog[] = [];
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(async () => {
  for (const catalog of running) await catalog.stop();
  running = [];
  await folder.drop();
});

async function started(changes: Partial<CatalogOptions> = {}) {
  const made = catalogOf(folder, changes);
  running.push(made.catalog);
  await made.catalog.start();
  return made;
}

function rules(catalog: FolderCatalog) {
  return catalog.findings().map(({ rule }) => rule);
}

describe("the log of the folder", () => {
  const texts = (lines: readonly LogLine[]) => lines.map(({ level, message }) => `${level} ${message}`);

  test("tells what serves, at the start and after a change", async () => {
    await folder.write("a.ts", flow("a"));
    const { catalog, lines } = await started();
    await folder.write("b.ts", flow("b"));
    await catalog.reload();
    await catalog.reload();
    await folder.write("a.ts", flow("a", "export const more = 1;"));
    await folder.remove("b.ts");
    await catalog.reload();

    expect(lines.map(({ message, fields }) => [message, fields])).toEqual([
      ["blueprints loaded", { count: 1, names: ["a"] }],
      ["blueprints changed", { added: ["b"], count: 2 }],
      ["blueprints changed", { changed: ["a"], removed: ["b"], count: 1 }],
    ]);
  });

  test("names one among many that comes, and tells nothing of a refused one but that", async () => {
    for (let number = 10; number < 33; number++) await folder.write(`b${number}.ts`, flow(`b${number}`));
    const { catalog, lines } = await started();
    await folder.write("zz.ts", flow("zz_mine"));
    await catalog.reload();
    await folder.write("broken.ts", flow("broken", "throw new Error();"));
    await catalog.reload();

    expect(lines[0]).toMatchObject({ fields: { names: expect.arrayContaining(["and 3 more"]) } });
    expect(lines[1]).toMatchObject({ message: "blueprints changed", fields: { added: ["zz_mine"], count: 24 } });
    expect(texts(lines.slice(2))).toEqual([expect.stringContaining("error blueprint file refused: ")]);
  });

  test("warns of a folder without blueprints, and names it", async () => {
    const { lines } = await started({ folder: `${folder.path}/nope` });

    expect(texts(lines)).toEqual([expect.stringContaining(`warn There is no blueprint file in ${folder.path}/nope`)]);
  });

  test("tells a finding once for each version of its file, and that the version before serves on", async () => {
    await folder.write("bad.ts", flow("bad"));
    const { catalog, lines } = await started();
    const refusals = () => texts(lines).filter((text) => text.includes("refused"));
    await folder.write("bad.ts", flow("bad", "throw new Error();"));
    await catalog.reload();
    for (const name of ["one.ts", "two.ts"]) {
      await folder.write(name, flow(name));
      await catalog.reload();
    }
    expect(refusals()).toEqual([expect.stringMatching(/^error .*bad\.ts:2.*\(the version before serves on\)$/)]);

    await folder.write("bad.ts", flow("bad", "throw new Error( );"));
    await catalog.reload();
    expect(refusals()).toHaveLength(2);
  });

  test("claims no version before of a file whose names another file has", async () => {
    await folder.write("a.ts", flow("a"));
    const { catalog, lines } = await started();
    await folder.write("b.ts", flow("a"));
    await catalog.reload();
    await folder.write("b.ts", flow("a", "throw new Error();"));
    await catalog.reload();

    const refusals = texts(lines).filter((text) => text.includes("refused"));
    expect(refusals).toHaveLength(2);
    expect(refusals[1]).toMatch(/b\.ts:2.*throws when it is loaded/);
    expect(refusals[1]).not.toContain("the version before serves on");
    expect(catalog.refused().flatMap(({ serving }) => serving)).toEqual([]);
  });

  test("tells a warning as one", async () => {
    await folder.write("a.ts", flow("a", "export const here = import.meta.dir;"));
    const { lines } = await started();

    expect(texts(lines)[0]).toMatch(/^warn blueprint file: .*own-place/);
  });
});

describe("a bad file", () => {
  test("that throws when it is loaded is refused with its line, and others serve", async () => {
    await folder.write("bad.ts", flow("bad", '\nif (Date.now() > 0) throw new TypeError("no");'));
    await folder.write("good.ts", flow("good"));

    const { catalog } = await started();

    expect(catalog.list().map(({ name }) => name)).toEqual(["good"]);
    const [finding, ...others] = catalog.findings();
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ rule: "load", file: `${folder.path}/bad.ts`, line: 3 });
    expect(finding?.message).toContain("no");
    expect(catalog.refused()).toMatchObject([{ file: `${folder.path}/bad.ts`, serving: [] }]);
  });

  test("that loops for ever when it is loaded is refused by name, and others serve", async () => {
    await folder.write("a.ts", flow("a"));
    await folder.write("b-loop.ts", flow("loop", "while (true) {}"));
    await folder.write("c.ts", flow("c"));

    const { catalog } = await started({ loadMs: 300 });

    expect(
      catalog
        .list()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(["a", "c"]);
    expect(catalog.findings()).toMatchObject([{ rule: "load-time", file: `${folder.path}/b-loop.ts` }]);
  });

  test("that never ends to load, without blocking, is refused too", async () => {
    await folder.write("wait.ts", flow("wait", "await new Promise(() => undefined);"));
    await folder.write("z.ts", flow("z"));

    const { catalog } = await started({ loadMs: 300 });

    expect(catalog.findings()).toMatchObject([{ rule: "load-time", file: `${folder.path}/wait.ts` }]);
    expect(catalog.current("z")).toBeDefined();
  });

  test("that ends its thread is refused, and others serve", async () => {
    await folder.write("exit.ts", flow("exit", "process.exit(0);"));
    await folder.write("z.ts", flow("z"));

    const { catalog } = await started();

    expect(catalog.findings()).toMatchObject([{ rule: "load", file: `${folder.path}/exit.ts` }]);
    expect(catalog.current("z")).toBeDefined();
  });

  test("that exports no blueprint is refused with what to do", async () => {
    await folder.write("none.ts", "export const one = 1;\n");

    const { catalog } = await started();

    expect(catalog.findings()).toMatchObject([{ rule: "no-blueprint", file: `${folder.path}/none.ts` }]);
  });

  test("that fails a check is refused with the line of the handler", async () => {
    await folder.write(
      "bad.ts",
      `import { Blueprint } from "orchestrator";
interface Gone { x: 1 }
export default new Blueprint({ name: "bad" })
  .handlerFor("start", (context, actions) => {
    actions.transitionTo("nowhere");
  });
`,
    );

    const { catalog } = await started();

    expect(catalog.list()).toEqual([]);
    const errors = catalog.findings().filter(({ severity }) => severity === "error");
    expect(errors).toMatchObject([{ file: `${folder.path}/bad.ts`, line: 5 }]);
    expect(errors[0]?.message).toContain("nowhere");
  });

  test("leaves its last good version in service, and serves again once it is repaired", async () => {
    await folder.write("a.ts", flow("a"));
    const { catalog } = await started();
    const first = catalog.current("a");

    await folder.write("a.ts", "export default = ;\n");
    await catalog.reload();
    expect(catalog.current("a")).toEqual(first);
    expect(rules(catalog)).toEqual(["syntax"]);
    expect(catalog.refused()).toMatchObject([{ rule: "syntax", serving: ["a"] }]);

    await folder.write("a.ts", flow("a", "export const two = 2;"));
    await catalog.reload();
    expect(catalog.current("a")?.hash).not.toBe(first?.hash);
    expect(rules(catalog)).toEqual([]);
  });

  test("leaves its last good version in service over a restart", async () => {
    await folder.write("a.ts", flow("a"));
    const first = await started();
    const { hash } = first.catalog.current("a") ?? {};
    await first.catalog.stop();
    await folder.write("a.ts", "export default = ;\n");

    const { catalog } = await started({ registers: first.registers });

    expect(catalog.current("a")?.hash).toBe(hash);
    expect(rules(catalog)).toEqual(["syntax"]);
  });

  test("is tried again when a file that it imports is repaired", async () => {
    await folder.write("a.ts", flow("a", 'import { x } from "./_part.ts";\nexport const y = x;'));
    const { catalog } = await started();
    expect(rules(catalog)).toEqual(["import"]);

    await folder.write("_part.ts", "export const x = 1;\n");
    await catalog.reload();

    expect(catalog.current("a")).toBeDefined();
    expect(rules(catalog)).toEqual([]);
  });

  test("that the store refuses does not serve, and is tried again", async () => {
    await folder.write("a.ts", flow("a"));
    let isFull = true;
    const saveBundle = async () => {
      if (isFull) throw new Error("no space left");
    };
    const { catalog } = await started({ registers: { saveBundle, bundle: async () => undefined } });
    expect(catalog.current("a")).toBeUndefined();
    expect(rules(catalog)).toEqual(["store"]);

    isFull = false;
    await catalog.reload();
    expect(catalog.current("a")).toBeDefined();
  });
});

describe("two blueprints", () => {
  test("of one name: the first by path serves, the other is refused by name of both files", async () => {
    await folder.write("a.ts", flow("same"));
    await folder.write("sub/b.ts", flow("same", "export const other = 1;"));

    const { catalog } = await started();

    expect(catalog.current("same")?.file).toBe("a.ts");
    const [finding] = catalog.findings();
    expect(finding).toMatchObject({ rule: "duplicate-name", file: `${folder.path}/sub/b.ts` });
    expect(finding?.message).toContain(`${folder.path}/a.ts`);
    expect(finding?.message).toContain(`${folder.path}/sub/b.ts`);
  });

  test("of one name: the one that serves keeps the name, and the other gets it when that file goes", async () => {
    await folder.write("z.ts", flow("same"));
    const { catalog } = await started();
    await folder.write("a.ts", flow("same", "export const other = 1;"));
    await catalog.reload();
    expect(catalog.current("same")?.file).toBe("z.ts");
    expect(rules(catalog)).toEqual(["duplicate-name"]);

    await folder.remove("z.ts");
    await catalog.reload();
    expect(catalog.current("same")?.file).toBe("a.ts");
    expect(rules(catalog)).toEqual([]);
  });

  test("of one endpoint: the second is refused", async () => {
    await folder.write("a.ts", flow("a", "", ', apiEndpoint: "/jobs/run/"'));
    await folder.write("b.ts", flow("b", "", ', apiEndpoint: "jobs/run"'));
    await folder.write("c.ts", flow("c", "", ', apiEndpoint: "jobs/run", apiVersion: "v2"'));

    const { catalog } = await started();

    expect(catalog.byPath("v1/jobs/run")?.name).toBe("a");
    expect(catalog.byPath("v2/jobs/run")?.name).toBe("c");
    expect(catalog.current("b")).toBeUndefined();
    expect(catalog.findings()).toMatchObject([{ rule: "duplicate-endpoint", file: `${folder.path}/b.ts` }]);
  });
});

describe("a blueprint that runs another one", () => {
  const parent = (name: string, child: string) => `import { Blueprint } from "orchestrator";
export default new Blueprint({ name: "${name}" }).handlerFor("start", (_context, actions) => {
  actions.runBlueprint({ blueprintName: "${child}", transitions: { success: "finished", failure: "failed" } });
});
`;

  test("is refused while that one is not there, and serves once it comes", async () => {
    await folder.write("parent.ts", parent("parent", "child"));
    const { catalog } = await started();
    expect(catalog.current("parent")).toBeUndefined();
    expect(catalog.findings()).toMatchObject([
      { rule: "missing-child", severity: "error", file: `${folder.path}/parent.ts`, line: 3, column: 41 },
    ]);

    await folder.write("child.ts", flow("child"));
    await catalog.reload();
    expect(catalog.current("parent")?.file).toBe("parent.ts");
    expect(rules(catalog)).toEqual([]);
  });

  test("serves on when that one is taken away, with a warning", async () => {
    await folder.write("parent.ts", parent("parent", "child"));
    await folder.write("child.ts", flow("child"));
    const { catalog } = await started();
    await folder.remove("child.ts");
    await catalog.reload();
    expect(catalog.current("parent")?.name).toBe("parent");
    expect(catalog.findings()).toMatchObject([{ rule: "missing-child", severity: "warning" }]);
  });

  test("is refused when it runs itself, and its last good version serves on", async () => {
    await folder.write("a.ts", flow("a"));
    await folder.write("b.ts", parent("b", "a"));
    const { catalog } = await started();
    const before = catalog.current("a");
    await folder.write("a.ts", parent("a", "b"));
    await catalog.reload();
    expect(catalog.current("a")).toEqual(before);
    expect(catalog.current("b")?.name).toBe("b");
    const [finding] = catalog.findings();
    expect(finding).toMatchObject({ rule: "child-circle", file: `${folder.path}/a.ts` });
    expect(finding?.message).toBe('Blueprint "a" runs itself, through "b", so it would never end: break the circle.');
  });

  test("is refused with those that depend on it", async () => {
    await folder.write("a.ts", parent("a", "b"));
    await folder.write("b.ts", parent("b", "nowhere"));
    const { catalog } = await started();
    expect(catalog.list()).toEqual([]);
    expect(rules(catalog)).toEqual(["missing-child", "missing-child"]);
  });
});

describe("the folder", () => {
  test("leaves out names with an underscore, tests, declarations and packages", async () => {
    for (const name of ["_part.ts", "a.test.ts", "a.d.ts", "node_modules/p/index.ts", "notes.md"]) {
      await folder.write(name, "throw new Error('loaded');\n");
    }
    await folder.write("deep/er/b.js", flow("b"));

    const { catalog } = await started();

    expect(catalog.list().map(({ name, file }) => [name, file])).toEqual([["b", "deep/er/b.js"]]);
    expect(catalog.findings()).toEqual([]);
  });

  test("counts every exported blueprint of a file once", async () => {
    const text = `${flow("one")}
export const two = new Blueprint({ name: "two" })
  .handlerFor("start", (context, actions) => actions.transitionTo("finished"));
export { two as again };
`;
    await folder.write("a.ts", text);

    const { catalog } = await started();

    expect(
      catalog
        .list()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(["one", "two"]);
    expect(catalog.findings()).toEqual([]);
  });

  test("that does not exist is an empty one until it is made", async () => {
    await rm(folder.path, { recursive: true });
    const { catalog } = await started();
    expect(catalog.list()).toEqual([]);

    await folder.write("a.ts", flow("a"));
    await catalog.reload();
    expect(catalog.current("a")).toBeDefined();
  });

  test("is watched: a saved file serves by itself", async () => {
    await folder.write("a.ts", flow("a"));
    const { catalog } = await started({ debounceMs: 10 });
    const { promise, resolve } = Promise.withResolvers<void>();
    catalog.onChange(() => catalog.current("b") && resolve());

    await folder.write("sub/b.ts", flow("b"));

    await promise;
    expect(catalog.current("a")).toBeDefined();
  }, 5_000);

  test("is looked at again after a while even if nothing tells of a change", async () => {
    const waiting: { delayMs: number; run: () => void }[] = [];
    const timers = {
      after(delayMs: number, run: () => void) {
        waiting.push({ delayMs, run });
        return () => undefined;
      },
    };
    const { catalog } = await started({ timers, rescanMs: 12_345 });
    const { promise, resolve } = Promise.withResolvers<void>();
    catalog.onChange(resolve);
    await folder.write("a.ts", flow("a"));

    waiting.find(({ delayMs }) => delayMs === 12_345)?.run();

    await promise;
    expect(catalog.current("a")).toBeDefined();
  }, 5_000);
});

describe("a change", () => {
  test("of an imported file makes a new version, and the old one stays pinned", async () => {
    await folder.write("_part.ts", "export const number = 1;\n");
    await folder.write("a.ts", flow("a", 'export { number } from "./_part.ts";'));
    const { catalog, registers } = await started();
    const old = catalog.current("a")?.hash ?? "";

    await folder.write("_part.ts", "export const number = 2;\n");
    await catalog.reload();

    const now = catalog.current("a")?.hash ?? "";
    expect(now).not.toBe(old);
    expect(await catalog.pinned(old, "a")).toMatchObject({ name: "a", hash: old });
    expect([...registers.stored.keys()].toSorted()).toEqual([old, now].toSorted());
  });

  test("that removes a file stops new jobs only", async () => {
    await folder.write("a.ts", flow("a", "", ', apiEndpoint: "jobs/a"'));
    const { catalog } = await started();
    const { hash = "" } = catalog.current("a") ?? {};

    await folder.remove("a.ts");
    await catalog.reload();

    expect(catalog.current("a")).toBeUndefined();
    expect(catalog.byPath("v1/jobs/a")).toBeUndefined();
    expect(await catalog.pinned(hash, "a")).toMatchObject({ name: "a" });
  });

  test("is not told when nothing changed", async () => {
    await folder.write("a.ts", flow("a"));
    const { catalog } = await started();
    let told = 0;
    catalog.onChange(() => told++);

    await catalog.reload();

    expect(told).toBe(0);
  });
});

describe("a pinned bundle", () => {
  test("comes back from the store after the file, the bundle file and the process are gone", async () => {
    await folder.write("a.ts", flow("a"));
    const first = await started();
    const { hash = "" } = first.catalog.current("a") ?? {};
    await first.catalog.stop();
    await folder.remove("a.ts");
    await rm(folder.bundles, { recursive: true });

    const { catalog } = await started({ registers: first.registers });

    expect(await catalog.pinned(hash, "a")).toMatchObject({ name: "a", hash });
    expect(await Bun.file(`${folder.bundles}/${hash}.js`).text()).toBe(first.registers.stored.get(hash)?.code ?? "");
    expect(await catalog.pinned(hash, "b")).toBeUndefined();
    expect(await catalog.pinned("unknown", "a")).toBeUndefined();
  });
});

describe("checking files", () => {
  const system = createRealSystem({ write: () => undefined });
  const options = { timers: system.timers, log: createLog(() => undefined) };

  test("names what is wrong in files and folders, with a place that editors understand", async () => {
    await folder.write("sub/bad.ts", "\n\nexport default = ;\n");
    await folder.write("good.ts", flow("good"));

    const { findings, manifests } = await checkFiles([folder.path, `${folder.path}/missing.ts`], options);

    expect(manifests.map(({ name }) => name)).toEqual(["good"]);
    const lines = findings.map((finding) => formatFinding(finding, folder.path));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toStartWith("missing.ts:1:1: missing: ");
    expect(lines[1]).toMatch(/^sub\/bad\.ts:3:\d+: syntax: /);
  });

  const check = async (text: string) => {
    await folder.write("a.ts", text);
    return (await checkFiles([folder.path], options)).findings;
  };

  test("shows where an option is that nobody knows, and the blueprint that has no start", async () => {
    const findings = await check(`import { Blueprint, type Handler } from "orchestrator";

const named: Handler = (_c, actions) => actions.transitionTo("finished");
export const one = new Blueprint({ name: "one" }).handlerFor("begin", { isEnd: false, timeoutSeconds: 3 }, named);
export const two = new Blueprint({
  name: "two",
  apiEndpont: "jobs/two",
} as any);
two
  .handlerFor("begin", {
    timeoutSeconds: 3,
    isstart: true,
  } as any, (_c, actions) => actions.transitionTo("end"))
  .handlerFor("end", { timeoutSeconds: 2, end: true } as any, named);
`);
    expect(findings.filter(({ severity }) => severity === "error").map(({ rule, line }) => `${line} ${rule}`)).toEqual([
      "4 no-start",
      "5 no-start",
      "7 unknown-option",
      "12 unknown-option",
      "14 unknown-option",
    ]);
  });

  test("shows where in a condition its mistake is", async () => {
    const [finding] = await check(`import { Blueprint } from "orchestrator";
const flow = new Blueprint({ name: "a" });
flow.handlerFor("start", (_c, actions) => actions.transitionTo("finished"));
flow
  .handlerFor("other")
  .when("initial_data.kind = 'x'", (_c, actions) => actions.transitionTo("finished"));
export default flow;
`);
    expect(finding).toMatchObject({ rule: "condition-syntax", line: 6, column: 28 });
    expect(finding?.message).toEndWith(`\n  initial_data.kind = 'x'\n  ${" ".repeat(18)}^`);
  });

  test("shows where a condition of several lines has its mistake, or where it begins", async () => {
    const lines = (condition: string) => `import { Blueprint } from "orchestrator";
const flow = new Blueprint({ name: "a" });
flow.handlerFor("start", (_c, actions) => actions.transitionTo("finished"));
flow.handlerFor("other", (_c, actions) => actions.transitionTo("failed"));
flow.handlerFor("other").when(
  \`${condition}\`, (_c, actions) => actions.transitionTo("finished"));
export default flow;
`;
    const first = await check(lines("initial_data.a && initial_data.b\n   and initial_data.c"));
    expect(first).toMatchObject([{ rule: "condition-syntax", line: 6, column: 19 }, { rule: "unreachable-state" }]);
    const second = await check(lines("initial_data.a\n   && initial_data.b"));
    expect(second).toMatchObject([{ rule: "condition-syntax", line: 6, column: 3 }, { rule: "unreachable-state" }]);
  });

  test("tells handlers of the same text apart", async () => {
    const [finding] = await check(`import { Blueprint } from "orchestrator";
export default new Blueprint({ name: "a" })
  .handlerFor("start", (_c, actions) => actions.transitionTo("next"))
  .handlerFor("next", (_c, actions) => actions.transitionTo("finished"))
  .handlerFor("next", (_c, actions) => actions.transitionTo("finished"));
`);
    expect(finding).toMatchObject({ rule: "duplicate-state", line: 5, column: 23 });
  });

  test("follows constants of the file and of those that it imports", async () => {
    await folder.write("_names.ts", 'export const names = { done: "finished" };');
    const text = `import { Blueprint } from "orchestrator";
import { names } from "./_names.ts";
const common = { failure: "failed", cancelled: names.done };
let counted = 0;
counted++;
export default new Blueprint({ name: "a" }).handlerFor("start", (_context, actions) => {
  actions.dispatchTask({ taskType: "t" + counted, transitions: { success: names.done, ...common } });
});
`;
    expect(await check(text)).toEqual([]);
    expect(await check(text.replace('"failed"', '"faild"'))).toMatchObject([
      { rule: "missing-target", severity: "error", line: 7 },
    ]);
    expect(await check(text.replace("success: names.done", "success: counted"))).toMatchObject([
      { rule: "unknown-target", severity: "warning", line: 7 },
    ]);
  });

  test("follows the actions into functions of the file and of those that it imports", async () => {
    await folder.write(
      "_steps.ts",
      `import type { Actions } from "orchestrator";
export function go(actions: Actions, ok: boolean) {
  if (ok) return finish(actions);
  actions.transitionTo("failed");
}
const finish = ({ transitionTo }: Actions) => transitionTo("finished");
export const maybe = (actions: Actions, ok: boolean) => { if (ok) finish(actions); };
export function again(actions: Actions) { again(actions); }
`,
    );
    const text = (body: string) => `import { Blueprint } from "orchestrator";
import * as steps from "./_steps.ts";
import { go, maybe, again } from "./_steps.ts";
const typo = (actions) => actions.transitionTo("finsihed");
export default new Blueprint({ name: "a" }).handlerFor("start", async (context, actions) => {
  ${body}
});
`;
    const places = async (body: string) => (await check(text(body))).map(({ rule, line }) => `${rule} ${line}`);
    expect(await places("await go(actions, true);")).toEqual([]);
    expect(await places("steps.go(actions, true);")).toEqual([]);
    expect(await places("typo(actions);")).toEqual(["missing-target 6"]);
    expect(await places("maybe(actions, true);")).toEqual(["no-outcome 5"]);
    expect(await places("go(actions, true); go(actions, false);")).toEqual([]);
    expect(await places("again(actions);")).toEqual(["unknown-target 6"]);
    expect(await places("context.other(actions);")).toEqual(["unknown-target 6"]);
  });

  test("knows the children of a folder, and asks for their files where it was given files alone", async () => {
    const text = `import { Blueprint } from "orchestrator";
export default new Blueprint({ name: "a" }).handlerFor("start", (_context, actions) =>
  actions.runBlueprint({ blueprintName: "b", transitions: { success: "finished", failure: "failed" } }));
`;
    expect(await check(text)).toMatchObject([{ rule: "missing-child", severity: "error", line: 3 }]);
    const { findings } = await checkFiles([`${folder.path}/a.ts`], options);
    expect(findings).toMatchObject([{ rule: "missing-child", severity: "warning", line: 3 }]);
    await folder.write("b.ts", flow("b"));
    expect(await check(text)).toEqual([]);
    expect(await check(text.replace('"b"', '"a"'))).toMatchObject([{ rule: "child-circle", severity: "error" }]);
  });

  test("knows a child by the blueprint that it is, and not by what another object is called", async () => {
    const text = (name: string) => `import { Blueprint } from "orchestrator";
const child = new Blueprint({ name: "child" }).handlerFor("start", (_c, a) => a.transitionTo("finished"));
const other = { name: "stranger" };
export { child };
export default new Blueprint({ name: "a" }).handlerFor("start", (_context, actions) =>
  actions.runBlueprint({ blueprintName: ${name}.name, transitions: { success: "finished", failure: "failed" } }));
`;
    expect(await check(text("child"))).toEqual([]);
    expect(await check(text("other"))).toMatchObject([{ rule: "missing-child", line: 6 }]);
  });

  test("says why a path cannot be looked at, rather than that nothing is there", async () => {
    const { findings } = await checkFiles([`${folder.path}/${"x".repeat(300)}.ts`], options);

    expect(findings.map(({ message }) => message)).toEqual([
      expect.stringMatching(/cannot be looked at \(.*NAMETOOLONG/),
    ]);
  });

  test("leaves nothing behind and serves nothing", async () => {
    await folder.write("a.ts", flow("a"));

    await checkFiles([`${folder.path}/a.ts`], options);

    expect(await Array.fromAsync(new Bun.Glob("*").scan(folder.bundles))).toEqual([]);
  });
});

test("several files are loaded together", async () => {
  for (const name of ["a", "b", "c", "d", "e", "f"]) await folder.write(`${name}.ts`, flow(name));

  const { catalog } = await started();

  expect(
    catalog
      .list()
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(["a", "b", "c", "d", "e", "f"]);
});
