import { afterEach, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createScheduleSource } from "../../src/schedules/source.ts";
import { Refusal } from "../../src/system/errors.ts";
import { ManualTime } from "../support/manual-time.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

function stage() {
  const folder = mkdtempSync(join(tmpdir(), "schedules-source-"));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const time = new ManualTime();
  const file = join(folder, "schedules.toml");
  return { folder, file, time, source: createScheduleSource({ path: file, timers: time }) };
}

async function seconds(time: ManualTime, count: number): Promise<void> {
  for (let second = 0; second < count; second++) {
    time.advance(1_000);
    await time.settle();
  }
}

test("a file that has to be there and is not is refused with its path", async () => {
  const { file, source } = stage();
  const refused = await source.read().catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(Refusal);
  expect(String(refused)).toContain(file);
});

test("the default file need not be there", async () => {
  const { time } = stage();
  const source = createScheduleSource({ path: undefined, timers: time });
  // The tests run in the root of the checkout, which has none.
  expect([source.file, await source.read(), source.isThere()]).toEqual(["schedules.toml", undefined, false]);
});

test("a change is told once it has stayed for a second, until it was read", async () => {
  const { file, time, source } = stage();
  writeFileSync(file, "one");
  await source.read();
  const told: boolean[] = [];
  cleanups.push(source.watch(async (isChanged) => void told.push(isChanged)));
  await seconds(time, 2);
  expect(told).toEqual([false, false]);
  for (const part of ["two", "three", "four"]) {
    appendFileSync(file, part);
    await seconds(time, 1);
  }
  expect(told.slice(2)).toEqual([false, false, false]);
  await seconds(time, 2);
  expect(told.slice(5)).toEqual([true, true]);
  expect(await source.read()).toBe("onetwothreefour");
  await seconds(time, 1);
  expect(told.at(-1)).toBe(false);
});

test("a file that is put in the place of another of the same size is a change, and so is one that goes", async () => {
  const { folder, file, time, source } = stage();
  writeFileSync(file, "one");
  await source.read();
  const told: boolean[] = [];
  cleanups.push(source.watch(async (isChanged) => void told.push(isChanged)));
  writeFileSync(join(folder, "new"), "two");
  renameSync(join(folder, "new"), file);
  await seconds(time, 2);
  expect([told.at(-1), await source.read()]).toEqual([true, "two"]);
  rmSync(file);
  await seconds(time, 2);
  expect(told.at(-1)).toBe(true);
});

test("a path that cannot be looked at ends nothing", async () => {
  const { folder, time } = stage();
  mkdirSync(join(folder, "conf"));
  const file = join(folder, "conf", "schedules.toml");
  writeFileSync(file, "one");
  const source = createScheduleSource({ path: file, timers: time });
  await source.read();
  const told: boolean[] = [];
  cleanups.push(source.watch(async (isChanged) => void told.push(isChanged)));
  rmSync(join(folder, "conf"), { recursive: true });
  writeFileSync(join(folder, "conf"), "a file where a folder was");
  await seconds(time, 3);
  expect(told).toEqual([false, true, true]);
  expect(String(await source.read().catch((error: unknown) => error))).toContain("cannot be read");
});

test("nothing is looked at any more once it is taken back", async () => {
  const { time, source } = stage();
  const stop = source.watch(async () => undefined);
  await seconds(time, 2);
  stop();
  await seconds(time, 2);
  expect(time.pendingTimers).toBe(0);
});
