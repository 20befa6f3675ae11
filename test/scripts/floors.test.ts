import { describe, expect, test } from "bun:test";
import { violationsIn } from "../../scripts/floors/rules.ts";

const messages = (file: string, source: string) =>
  violationsIn(file, source).map(({ line, message }) => `${line}: ${message}`);

describe("floors", () => {
  test("an import of a higher floor is found, with its line, also when it is only a type", () => {
    const source = `// a comment\nimport type { Job } from "../job/model.ts";\n`;
    expect(messages("src/system/clock.ts", source)).toEqual([
      "2: src/system (floor 0) imports src/job (floor 1): import from lower floors only; put what both need on a lower floor, or pass it in",
    ]);
  });

  test.each([
    ["a re-export", `export * from "../http/server.ts";`],
    ["a bare import", `import "../http/server.ts";`],
    ["an import at run time", `const load = () => import("../http/server.ts");`],
    ["an import over several lines", `import {\n  one,\n  two,\n} from "../http/server.ts";`],
    ["a type in place", `type Server = import("../http/server.ts").Server;`],
  ])("%s counts as an import", (_, source) => {
    expect(messages("src/catalog/loader.ts", source)).toHaveLength(1);
  });

  test.each([
    ["a lower floor", "actors/job/actor.ts", `import { assert } from "../../src/system/errors.ts";`],
    ["its own room", "actors/job/actor.ts", `import { x } from "../dispatcher/messages.ts";`],
    [
      "a port beside it that the map opens",
      "src/catalog/catalog.ts",
      `import type { Registers } from "../storage/port.ts";`,
    ],
    [
      "a port of types on a higher floor's folder",
      "src/blueprint/run.ts",
      `import type { Turn } from "../handlers/port.ts";`,
    ],
    ["a package", "src/http/server.ts", `import { Elysia } from "elysia";`],
    ["the public SDK where the map says why", "src/catalog/bundle-module.ts", `import * as sdk from "../index.ts";`],
    ["an adapter in main", "src/main.ts", `import { open } from "./storage/sqlite/open.ts";`],
  ])("%s may be imported", (_, file, source) => {
    expect(messages(file, source)).toEqual([]);
  });

  test.each([
    ["what lies beside such a port", "src/blueprint/run.ts", `import { run } from "../handlers/pool.ts";`],
    ["an adapter outside of main", "actors/tree.ts", `import { open } from "../src/storage/sqlite/open.ts";`],
    ["an adapter in its own port", "src/storage/port.ts", `import { open } from "./sqlite/open.ts";`],
    ["another adapter", "src/storage/redis/open.ts", `import { open } from "../sqlite/open.ts";`],
    ["the public SDK in any other file", "src/handlers/pool.ts", `import * as sdk from "../index.ts";`],
    ["the server's rules in a worker", "worker/session.ts", `import { isTerminal } from "../src/job/model.ts";`],
    ["a source file in an example", "blueprints/01-simple.ts", `import { Blueprint } from "../src/index.ts";`],
    ["a package in an example", "blueprints/01-simple.ts", `import { z } from "zod";`],
    ["a folder that is in no room", "src/job/model.ts", `import { x } from "../misc/x.ts";`],
  ])("%s may not be imported", (_, file, source) => {
    expect(messages(file, source)).toHaveLength(1);
  });

  test("what only looks like an import is none", () => {
    const source = [
      `// import "../http/server.ts"`,
      `const text = 'import "../http/server.ts"';`,
      `/* from "../cli/x.ts" */`,
    ];
    expect(messages("src/job/model.ts", source.join("\n"))).toEqual([]);
  });
});

describe("time and chance", () => {
  test.each([
    ["const now = Date.now();", "Date.now"],
    ["const now = new Date();", "new Date()"],
    ["setTimeout(run, 10);", "setTimeout"],
    ["globalThis.setInterval(run, 10);", "setInterval"],
    ["const x = Math.random();", "Math.random"],
    ["const id = crypto.randomUUID();", "crypto.randomUUID"],
    ["const at = performance.now();", "performance.now"],
    ["await Bun.sleep(10);", "Bun.sleep"],
    ["const text = `at ${Date.now()}`;", "Date.now"],
    ["const quote = /[\"'`]/; const now = Date.now();", "Date.now"],
    ["const half = total / 2; const now = Date.now(); // ' \" `", "Date.now"],
  ])("%s is found in an actor", (source, name) => {
    const found = violationsIn("actors/job/actor.ts", source);
    expect(found).toHaveLength(1);
    expect(found[0]?.message).toStartWith(`uses ${name}: `);
  });

  test.each([
    ["formatting a given time", "const text = new Date(nowMs).toISOString();"],
    ["a comment", "// unlike Date.now() this never jumps"],
    ["a string", `const text = "Math.random()";`],
    ["a template's text", "const text = `Date.now() is banned ${name} setTimeout(x)`;"],
    ["a method of that name", "timers.setTimeout(run, 10);"],
    ["a longer name", "const isUpToDate = x.Date; mySetTimeout(run);"],
  ])("%s is no use of the clock", (_, source) => {
    expect(messages("actors/job/actor.ts", source)).toEqual([]);
  });

  test("the real system may touch the outside world, a door of the command line too", () => {
    expect(messages("src/system/real.ts", "const now = Date.now();")).toEqual([]);
    expect(messages("src/cli/watch.ts", "const now = Date.now();")).toEqual([]);
    expect(messages("src/system/ids.ts", "const now = Date.now();")).toHaveLength(1);
  });
});
