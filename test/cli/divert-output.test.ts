import { afterEach, beforeEach, expect, test } from "bun:test";
import { divertOutput } from "../../src/cli/divert-output.ts";

const usual = { log: console.log, write: process.stdout.write };
let printed: string[];
let putBack: () => void;
beforeEach(() => {
  printed = [];
  putBack = divertOutput((text) => printed.push(text));
});
afterEach(() => putBack());

test.each<[string, () => void, string | RegExp]>([
  ["console.log", () => console.log("%s is", "Ada", { age: 36 }), "Ada is { age: 36 }\n"],
  ["console.info", () => console.info("a"), "a\n"],
  ["console.debug", () => console.debug("a"), "a\n"],
  ["console.error", () => console.error("a"), "a\n"],
  ["console.dir", () => console.dir({ a: 1 }), "{ a: 1 }\n"],
  ["console.table", () => console.table([{ a: 1 }]), /a.*1/s],
  ["console.group", () => console.group("a"), "a\n"],
  ["console.count", () => console.count("a"), "a: 1\n"],
  ["process.stdout.write", () => process.stdout.write("a"), "a"],
  ["process.stdout.write with bytes", () => process.stdout.write(new TextEncoder().encode("ä")), "ä"],
])("what %s prints goes elsewhere", (_, print, text) => {
  print();

  expect(printed.join("")).toMatch(text);
});

test("a write that waits to be told of its end is told", async () => {
  await new Promise<void>((done) => void process.stdout.write("a", () => done()));

  expect(printed).toEqual(["a"]);
});

test("it comes back", () => {
  putBack();

  expect({ log: console.log, write: process.stdout.write }).toEqual(usual);
});
