import { createIds } from "../../src/system/ids.ts";
import { describe, expect, test } from "bun:test";
import { describeStorage } from "../conformance/storage.ts";
import { eventLoop, idOf, next, outcomeOf, sampleJob, unitOf } from "../storage/sample.ts";
import { Chance } from "./chance.ts";
import { Disk, type Fate, SOUND } from "./disk.ts";

function parts(fate: Fate = "stored") {
  const clock = { nowMs: () => 0, monotonicMs: () => 0 };
  const faults = { ...SOUND, fate: () => fate };
  return { clock, scheduler: eventLoop, random: new Chance(1), onFatal: () => undefined, faults };
}

describeStorage("the simulator's disk", () => {
  const disk = new Disk();
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, monotonicMs: () => 0 };
  const open = () => Promise.resolve(disk.open({ ...parts(), clock }));
  return {
    open,
    async reopen(storage) {
      await storage.close();
      return open();
    },
    setNowMs(ms) {
      nowMs = ms;
    },
    cleanUp: () => Promise.resolve(),
  };
});

describe("the simulator's disk: deaths", () => {
  const job = sampleJob(idOf(1));

  for (const [fate, power, kept] of [
    ["died-before", "on", false],
    ["died-unsynced", "on", true],
    ["died-unsynced", "lost", false],
    ["unknown", "on", true],
    ["unknown", "lost", false],
    ["died-after", "lost", true],
  ] as const) {
    test(`a group that was "${fate}" is ${kept ? "there" : "gone"} with its power ${power}`, async () => {
      const disk = new Disk();
      const told: number[] = [];
      disk.onDurable = (unit) => void told.push(unit.jobs.length);
      await outcomeOf(disk.open(parts(fate)).journal.commit(unitOf(job)));
      if (power === "lost") disk.losePower();

      const reader = disk.open(parts()).jobs;

      expect((await reader.load(job.id)) !== undefined).toBe(kept);
      expect((await reader.events(job.id, 0, 10)).length).toBe(kept ? 1 : 0);
      expect(told).toEqual(kept ? [1] : []);
    });
  }

  test("a full disk keeps what was there, to the letter", async () => {
    const disk = new Disk();
    await disk.open(parts()).journal.commit(unitOf(job));
    expect(await outcomeOf(disk.open(parts("full")).journal.commit(unitOf(next(job))))).toBe("STORE_FULL");
    expect(disk.job(job.id)).toEqual(job);
  });
});

test("the same seed makes the same ids", () => {
  const ids = () => createIds({ nowMs: () => 5, monotonicMs: () => 0 }, new Chance(7)).job();
  expect(ids()).toBe(ids());
});
