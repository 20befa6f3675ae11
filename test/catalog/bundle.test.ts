import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { bundleFile } from "../../src/catalog/bundle.ts";
import { flow, makeFolder, type TestFolder } from "./folders.ts";

let folder: TestFolder;
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => folder.drop());

async function refusalOf(name: string, text: string) {
  const bundled = await bundleFile(await folder.write(name, text));
  if ("bundle" in bundled) throw new Error("it was bundled");
  return bundled.refused;
}

async function bundleOf(name: string, text: string) {
  const bundled = await bundleFile(await folder.write(name, text));
  if ("refused" in bundled) throw new Error(JSON.stringify(bundled.refused));
  return bundled.bundle;
}

describe("a bundle is refused", () => {
  test("for an import that is computed at run time, with its line in the file", async () => {
    const text = flow("a", "export const load = (name: string) =>\n  import(`./parts/${name}.ts`);");

    expect(await refusalOf("a.ts", text)).toMatchObject([
      { severity: "error", rule: "computed-import", line: 3, file: `${folder.path}/a.ts` },
    ]);
  });

  test("for a computed require inside a package, with the package's file and line", async () => {
    await folder.write("node_modules/dyn/package.json", '{"name":"dyn","version":"1.0.0","main":"index.js"}');
    await folder.write("node_modules/dyn/index.js", "// one\nexports.load = (name) => require(name);\n");

    const findings = await refusalOf("a.ts", flow("a", 'import dyn from "dyn";\nexport const load = dyn.load;'));

    expect(findings).toMatchObject([
      { rule: "computed-import", line: 2, file: `${folder.path}/node_modules/dyn/index.js` },
    ]);
  });

  test("for being a worker file, with what to do with it", async () => {
    const text = 'import { Worker } from "orchestrator/worker";\nexport default new Worker();';

    const [finding] = await refusalOf("a.ts", text);

    expect(finding).toMatchObject({ rule: "worker-file", line: 1 });
    expect(finding?.message).toContain("orchestrator worker");
  });

  test("for createRequire, which hides what it loads", async () => {
    const extra = 'import { createRequire } from "node:module";\nexport const load = createRequire(import.meta.url);';

    expect((await refusalOf("a.ts", flow("a", extra))).map(({ rule, line }) => [rule, line])).toContainEqual([
      "computed-import",
      2,
    ]);
  });

  test("for a native addon, with the line that imports it", async () => {
    await folder.write("fast.node", "binary");

    const findings = await refusalOf("a.ts", flow("a", '\nimport fast from "./fast.node";\nexport const f = fast;'));

    expect(findings).toMatchObject([{ rule: "native-addon", line: 3, file: `${folder.path}/a.ts` }]);
  });

  test("for an import that does not exist, with its line", async () => {
    const findings = await refusalOf("a.ts", flow("a", 'import { x } from "./missing.ts";\nexport const y = x;'));

    expect(findings).toMatchObject([{ rule: "import", line: 2 }]);
    expect(findings[0]?.message).toContain("missing.ts");
  });

  test("for a syntax error in a file that it imports, with that file's name and line", async () => {
    await folder.write("_part.ts", "export const one = 1;\nexport const two = = 2;\n");

    const findings = await refusalOf("a.ts", flow("a", 'export { two } from "./_part.ts";'));

    expect(findings).toMatchObject([{ rule: "syntax", line: 2, file: `${folder.path}/_part.ts` }]);
  });
});

describe("a bundle", () => {
  test("holds what the file imports, data and packages of the folder included", async () => {
    await folder.write("node_modules/tiny/package.json", '{"name":"tiny","version":"1.0.0","main":"index.js"}');
    await folder.write("node_modules/tiny/index.js", 'exports.word = "from-the-package";\n');
    await folder.write("data.json", '{"word":"from-the-data"}');
    await folder.write("sub/_part.ts", 'export const word: string = "from-the-part";\n');
    const extra = `import { word } from "tiny";
import data from "./data.json";
import { word as part } from "./sub/_part.ts";
export const words = [word, data.word, part];`;

    const { code, inputs } = await bundleOf("a.ts", flow("a", extra));

    for (const word of ["from-the-package", "from-the-data", "from-the-part"]) expect(code).toContain(word);
    expect(inputs).toContain(`${folder.path}/node_modules/tiny/index.js`);
    expect(code).toContain('from "orchestrator"');
  });

  test("has the same hash for the same code, and another one when an import changes", async () => {
    await folder.write("_part.ts", "export const number = 1;\n");
    const text = flow("a", 'export { number } from "./_part.ts";');
    const { hash } = await bundleOf("a.ts", text);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect((await bundleOf("a.ts", `// a comment\n${text}`)).hash).toBe(hash);

    await folder.write("_part.ts", "export const number = 2;\n");
    expect((await bundleOf("a.ts", text)).hash).not.toBe(hash);
  });

  test("has the same hash wherever its folder lies", async () => {
    const other = await makeFolder();
    try {
      const { hash } = await bundleOf("a.ts", flow("a"));
      const bundled = await bundleFile(await other.write("a.ts", flow("a")));
      expect("bundle" in bundled && bundled.bundle.hash).toBe(hash);
    } finally {
      await other.drop();
    }
  });

  test("finds a function's place in the file that a person wrote", async () => {
    const { locate } = await bundleOf(
      "a.ts",
      "interface Lost { gone: true }\n\n\nexport const f = (lost?: Lost) => {\n  return lost;\n};\n",
    );

    expect(locate("(lost) => {\n  return lost;\n}", 14)).toMatchObject({ file: `${folder.path}/a.ts`, line: 5 });
  });

  test("warns of import.meta paths, which name the stored bundle", async () => {
    const { warnings } = await bundleOf("a.ts", flow("a", "export const here = import.meta.dir;"));

    expect(warnings).toMatchObject([{ severity: "warning", rule: "own-place", line: 2 }]);
  });
});
