import { describe, expect, test } from "bun:test";
import type { Manifest } from "../../src/catalog/port.ts";
import { play, type Stage } from "./stage.ts";

function manifest(name: string): Manifest {
  return {
    name,
    hash: "h",
    file: `${name}.ts`,
    apiVersion: "v1",
    start: "start",
    states: [{ name: "start", isStart: true, isEnd: false, isAggregator: false }],
    edges: [{ from: "start", to: "finished", label: "transition", kind: "transition" }],
  };
}

function checking(...names: readonly string[]) {
  const asked: string[][] = [];
  const check = async (paths: readonly string[]) => {
    asked.push([...paths]);
    return { findings: [], files: 1, manifests: names.map(manifest) };
  };
  return { asked, parts: { check } };
}

/** Files that are there, and what is written. */
function disk(files: readonly string[]) {
  const written = new Map<string, Uint8Array>();
  const stage: Stage = {
    exists: (path) => files.includes(path),
    writeFile: async (path, content) => void written.set(path, content),
    fetch: () => Promise.reject(Object.assign(new Error("nobody"), { code: "ConnectionRefused" })),
  };
  return { written, stage };
}

function answering(body: object, status = 200): Pick<Stage, "fetch"> {
  return { fetch: async () => Response.json(body, { status }) };
}

describe("orchestrator graph", () => {
  test("prints a file's blueprint as SVG", async () => {
    const { parts, asked } = checking("a");
    const { exitCode, out } = await play(["graph", "a.ts"], { ...disk(["a.ts"]).stage, parts });
    expect(exitCode).toBe(0);
    expect(out).toContain("<svg ");
    expect(asked).toEqual([["a.ts"]]);
  });

  test("writes a PNG where its name says so, and says where", async () => {
    const { stage, written } = disk(["a.ts"]);
    const { exitCode, out, err } = await play(["graph", "a.ts", "--out", "a.png"], { ...stage, ...checking("a") });
    expect({ exitCode, out, err }).toEqual({ exitCode: 0, out: "", err: "The graph of a is in a.png\n" });
    expect(
      Buffer.from(written.get("a.png") ?? [])
        .subarray(1, 4)
        .toString(),
    ).toBe("PNG");
  });

  test("tells where it was written, or what it is, as JSON", async () => {
    const { stage } = disk(["a.ts"]);
    const file = await play(["graph", "a.ts", "--out", "a.dot", "--json"], { ...stage, ...checking("a") });
    expect(JSON.parse(file.out)).toEqual({ name: "a", format: "dot", file: "a.dot" });
    const text = await play(["graph", "a.ts", "--format", "mermaid", "--json"], { ...stage, ...checking("a") });
    expect(JSON.parse(text.out)).toMatchObject({
      name: "a",
      format: "mermaid",
      graph: expect.stringContaining("flowchart TD"),
    });
  });

  test.each<[string, Partial<Stage>, readonly string[]]>([
    ["a terminal", { showsOutput: true }, []],
    ["JSON", {}, ["--json"]],
  ])("writes no PNG into %s, and says --out", async (_where, terminal, more) => {
    const stage = { ...disk(["a.ts"]).stage, ...checking("a"), ...terminal };
    const { exitCode, err } = await play(["graph", "a.ts", "--format", "png", ...more], stage);
    expect(exitCode).toBe(2);
    expect(err).toContain("write it with --out FILE");
  });

  test("asks the server for a name", async () => {
    const { states, edges } = manifest("a");
    const server = answering({ name: "a", start: "start", states, edges });
    const { exitCode, out } = await play(["graph", "a", "--format", "dot"], { ...disk([]).stage, ...server });
    expect(exitCode).toBe(0);
    expect(out).toContain('"start" -> "finished" [label="transition"]');
  });

  test("looks into the blueprints folder when no server runs, or the server does not know the name", async () => {
    const { parts, asked } = checking("a");
    const stage = { ...disk(["./blueprints"]).stage, parts };
    expect((await play(["graph", "a", "--format", "dot"], stage)).out).toContain('digraph "a"');
    const unknown = answering({ error: "Blueprint not found", code: "BLUEPRINT_NOT_FOUND" }, 404);
    expect((await play(["graph", "a", "--format", "dot"], { ...stage, ...unknown })).out).toContain('digraph "a"');
    expect(asked).toEqual([["./blueprints"], ["./blueprints"]]);
  });

  test("says what there is when nobody knows the name", async () => {
    const stage = { ...disk(["./blueprints"]).stage, ...checking("billing") };
    const { exitCode, err } = await play(["graph", "biling"], stage);
    expect(exitCode).toBe(5);
    expect(err).toContain("neither a blueprint nor a file biling in ./blueprints; did you mean billing?");
  });

  test("means the server that was named alone", async () => {
    const stage = { ...disk(["./blueprints"]).stage, ...checking("a") };
    const { exitCode, err } = await play(["graph", "a", "--url", "http://127.0.0.1:1"], stage);
    expect(exitCode).toBe(3);
    expect(err).toContain("No server answers");
  });

  test("wants to know which one of a file is meant", async () => {
    const stage = { ...disk(["two.ts"]).stage, ...checking("one", "two") };
    const { exitCode, err } = await play(["graph", "two.ts"], stage);
    expect(exitCode).toBe(2);
    expect(err).toContain("two.ts has one, two. Choose one with --blueprint.");
    const chosen = await play(["graph", "two.ts", "--blueprint", "two", "--format", "dot"], stage);
    expect(chosen.out).toContain('digraph "two"');
  });

  test("shows why a file cannot be drawn", async () => {
    const finding = { severity: "error", file: "/x/a.ts", line: 3, column: 1, rule: "syntax", message: "no" } as const;
    const parts = { check: async () => ({ findings: [finding], files: 1, manifests: [] }) };
    const { exitCode, err } = await play(["graph", "a.ts"], { ...disk(["a.ts"]).stage, parts });
    expect(exitCode).toBe(1);
    expect(err).toContain("a.ts:3:1: syntax: no");
  });

  test.each(["m.pdf", "m.gif", "m.jpeg"])("does not write another format into %s: exit code 2", async (file) => {
    const { stage, written } = disk(["a.ts"]);
    const { exitCode, err } = await play(["graph", "a.ts", "--out", file], { ...stage, ...checking("a") });
    expect(err).toContain("which is no format of graphs: let it end with .svg, .png, .dot, .mermaid");
    expect(written.size).toBe(0);
    expect(exitCode).toBe(2);
  });

  test.each([
    ["m.pdf", ["--format", "dot"], "digraph"],
    ["m.gv", [], "digraph"],
    ["m.SVG", [], "<svg"],
    ["picture", [], "<svg"],
  ])("writes %s where the format is said or known: %j", async (file, flags, start) => {
    const { stage, written } = disk(["a.ts"]);
    const argv = ["graph", "a.ts", "--out", file, ...flags];
    expect((await play(argv, { ...stage, ...checking("a") })).exitCode).toBe(0);
    expect(new TextDecoder().decode(written.get(file))).toContain(start);
  });

  test("names the format that was meant", async () => {
    const { exitCode, err } = await play(["graph", "a.ts", "--format", "mermaind"], disk(["a.ts"]).stage);
    expect(exitCode).toBe(2);
    expect(err).toContain("did you mean mermaid?");
  });

  test("says when the file cannot be written", async () => {
    const stage = {
      ...disk(["a.ts"]).stage,
      ...checking("a"),
      writeFile: () => Promise.reject(new Error("disk full")),
    };
    const { exitCode, err } = await play(["graph", "a.ts", "--out", "x/a.svg"], stage);
    expect(exitCode).toBe(1);
    expect(err).toContain("x/a.svg cannot be written (disk full)");
  });
});
