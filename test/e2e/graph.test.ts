/** Pictures, drawn by the compiled program with nothing else on the machine: no Graphviz, no fonts. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { collectBlueprints } from "../../src/blueprint/index.ts";
import { examples, isBuilt, run, Server, temporaryFolder, TOKENS } from "./binary.ts";

const LIMIT_MS = 60_000;
const FILES = readdirSync(examples).filter((name) => name.endsWith(".ts"));
const RECIPES = await Promise.all(FILES.map(async (file) => [file, await namesIn(file)] as const));

async function namesIn(file: string): Promise<readonly string[]> {
  const module: Record<string, unknown> = await import(join(examples, file));
  return collectBlueprints(module).map(({ name }) => name);
}

function sizeOf(file: string): { readonly width: number; readonly height: number } {
  const bytes = readFileSync(file);
  expect(bytes.subarray(1, 4).toString()).toBe("PNG");
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}

describe.skipIf(!isBuilt)("the compiled program", () => {
  const folder = temporaryFolder();
  const server = new Server();
  beforeAll(async () => void (await server.start()), LIMIT_MS);
  afterAll(async () => {
    await server.remove();
    folder.remove();
  });

  test.each(RECIPES.flatMap(([file, names]) => names.map((name) => [file, name] as const)))(
    "draws %s: %s",
    async (file, name) => {
      const out = join(folder.path, `${name}.png`);
      const argv = ["graph", join(examples, file), "--blueprint", name, "--out", out];
      const { exitCode, err } = await run(argv, { cwd: folder.path });
      expect({ exitCode, err }).toEqual({ exitCode: 0, err: expect.stringMatching(/^The graph of \w+ is in /) });
      expect(sizeOf(out).width).toBeGreaterThan(300);
    },
    LIMIT_MS,
  );

  test(
    "draws a blueprint of a running server, for a client with a token",
    async () => {
      const environment = { CLIENT_TOKEN: TOKENS.client };
      const argv = ["graph", "conditional_flow", "--url", server.url];
      const svg = await run(argv, { cwd: "/", environment });
      expect(svg.exitCode).toBe(0);
      expect(svg.out).toContain("if initial_data.type ==");
      const mermaid = await run([...argv, "--format", "mermaid"], { cwd: "/", environment });
      expect(mermaid.out).toContain("|\"on success<br/>if initial_data.type == 'A'\"|");
      expect((await run(argv, { cwd: "/" })).exitCode).toBe(4);
    },
    LIMIT_MS,
  );

  test(
    "draws in a thread of its server, as SVG and as PNG",
    async () => {
      const graph = (format: string) =>
        fetch(`${server.url}/api/v1/blueprints/conditional_flow/graph?format=${format}`, {
          headers: { "x-client-token": TOKENS.client },
        });
      expect(await (await graph("svg")).text()).toContain(">process_data</text>");
      const png = await graph("png");
      expect(png.headers.get("content-type")).toBe("image/png");
      expect(
        Buffer.from(await png.arrayBuffer())
          .subarray(1, 4)
          .toString(),
      ).toBe("PNG");
    },
    LIMIT_MS,
  );

  test(
    "draws for a blueprint file that asks for its picture itself",
    async () => {
      const file = join(folder.path, "own.ts");
      const text = readFileSync(join(examples, "15-graph.ts"), "utf8");
      writeFileSync(file, `${text}\nawait conditional.renderGraph(${JSON.stringify(join(folder.path, "own"))});\n`);
      expect((await run(["check", file, "--strict"], { cwd: folder.path })).exitCode).toBe(0);
      expect(sizeOf(join(folder.path, "own.png")).width).toBeGreaterThan(300);
    },
    LIMIT_MS,
  );
});
