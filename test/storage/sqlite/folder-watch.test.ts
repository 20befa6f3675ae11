import { afterEach, beforeEach, expect, test } from "bun:test";
import { renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createFolderWatch } from "../../../src/storage/sqlite/folder-watch.ts";
import { temporaryFolder } from "./open.ts";

let folder: string;
let told: string[];
let waiting: (() => void)[];

beforeEach(() => {
  folder = temporaryFolder();
  told = [];
  waiting = [];
  writeFileSync(file(), "");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const file = () => join(folder, "store.db");
const timers = {
  after(_delayMs: number, run: () => void) {
    waiting.push(run);
    return () => void waiting.splice(waiting.indexOf(run), 1);
  },
};
const watch = () => createFolderWatch({ folder, timers, gone: (name) => void told.push(name) });
const pass = () => waiting.shift()?.();

test("a file that stays is looked at again and again, until the watch ends", async () => {
  const watched = watch();
  await watched.start();
  for (let look = 0; look < 3; look++) {
    writeFileSync(file(), String(look));
    pass();
  }
  expect([told, waiting.length]).toEqual([[], 1]);
  await watched.stop();
  expect(waiting).toEqual([]);
});

test.each([
  ["removed", () => rmSync(folder, { recursive: true })],
  ["moved away", () => renameSync(file(), `${file()}.old`)],
  [
    "replaced",
    () => {
      writeFileSync(`${file()}.new`, "");
      renameSync(`${file()}.new`, file());
    },
  ],
])("a file that is %s is told of, once", async (_how, change) => {
  await watch().start();
  change();
  pass();
  expect([told, waiting]).toEqual([[file()], []]);
});

test("a folder that cannot be looked into says nothing of the file", async () => {
  const aside = `${folder}.aside`;
  await watch().start();
  renameSync(folder, aside);
  symlinkSync(folder, folder);
  pass();
  rmSync(folder);
  renameSync(aside, folder);
  pass();
  expect([told, waiting.length]).toEqual([[], 1]);
});
