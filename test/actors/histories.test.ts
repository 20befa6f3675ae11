import { describe, expect, test } from "bun:test";
import { Histories } from "../../actors/histories.ts";
import type { Job } from "../../src/job/model.ts";
import { rebuildHistory, type UnitEvents } from "../../src/job/history.ts";
import { idOf, sampleJob } from "../storage/sample.ts";

const job = sampleJob(idOf(1));

/** Units of a job that wrote a number into its history, three events in each. */
function units(count: number): UnitEvents[] {
  return Array.from({ length: count }, (_, index) => ({
    version: index + 1,
    events: [
      { type: "state_started", atMs: index, state: "s" },
      { type: "state_updated", atMs: index, patch: JSON.stringify({ set: { count: index } }) },
      { type: "state_finished", atMs: index, state: "s", next: "s" },
    ],
  }));
}

function readerOf(stored: UnitEvents[]) {
  let read = 0;
  return {
    get unitsRead() {
      return read;
    },
    async events(_id: string, afterVersion: number, limit: number) {
      const page = stored.filter((unit) => unit.version > afterVersion).slice(0, limit);
      read += page.length;
      return page;
    },
  };
}

describe("a history read page by page", () => {
  test("is the same as the whole, with its snapshots, whatever the pages", async () => {
    const stored = units(250);
    const histories = new Histories(readerOf(stored));
    const events = [];
    for (let page = await histories.read(job, 0, 7); page.length > 0;) {
      events.push(...page);
      page = await histories.read(job, events.at(-1)?.sequence ?? 0, 7);
    }

    expect(events).toEqual(rebuildHistory(job, stored));
  });

  test("reads each unit once when a reader goes on where it was", async () => {
    const reader = readerOf(units(500));
    const histories = new Histories(reader);
    let last = 0;
    for (let pages = 0; pages < 15; pages++) last = (await histories.read(job, last, 100)).at(-1)?.sequence ?? last;

    expect(reader.unitsRead).toBe(500);
  });

  test("finds its place again when it was forgotten, and sees units that came meanwhile", async () => {
    const stored = units(10);
    const first = await new Histories(readerOf(stored)).read(job, 0, 30);
    const histories = new Histories(readerOf(stored));
    expect(await histories.read(job, first.at(-1)?.sequence ?? 0, 10)).toEqual([]);

    stored.push(...units(11).slice(10));

    const page = await histories.read(job, first.at(-1)?.sequence ?? 0, 10);
    expect(page).toEqual(rebuildHistory(job, stored).slice(30));
  });

  test("places of jobs with large inputs are forgotten sooner, the oldest first, and found again", async () => {
    const large = (number: number) =>
      sampleJob(idOf(number), { initialData: JSON.stringify({ text: "x".repeat(5 * 1024 * 1024) }) });
    const jobs = [1, 2, 3, 4].map(large);
    const reader = readerOf(units(10));
    const histories = new Histories(reader);
    const last: number[] = [];
    for (const one of jobs) last.push((await histories.read(one, 0, 30)).at(-1)?.sequence ?? 0);
    expect(reader.unitsRead).toBe(40);

    for (const index of [1, 2, 3]) expect(await histories.read(jobs[index] as Job, last[index] ?? 0, 30)).toEqual([]);
    expect(reader.unitsRead).toBe(40);
    expect(await histories.read(jobs[0] as Job, last[0] ?? 0, 30)).toEqual([]);
    expect(reader.unitsRead).toBe(50);
  });

  test("a job whose input is larger than all that is kept is read all the same", async () => {
    const huge = sampleJob(idOf(1), { initialData: JSON.stringify({ text: "x".repeat(17 * 1024 * 1024) }) });
    const histories = new Histories(readerOf(units(2)));

    const first = await histories.read(huge, 0, 4);
    expect(first).toHaveLength(4);
    expect(await histories.read(huge, first.at(-1)?.sequence ?? 0, 4)).toHaveLength(2);
  });
});
