import { describe, expect, test } from "bun:test";
import type { TaskRun } from "../../../actors/dispatcher/task.ts";
import { type OfTask, RunTable, TaskTable } from "../../../actors/dispatcher/task-table.ts";
import { SLOT_LIMIT } from "../../../src/job/task-id.ts";
import { Chance } from "../../simulation/chance.ts";

type Entry = OfTask<TaskRun>;

function runName({ jobId, visit, slot, attempt }: TaskRun): string {
  return JSON.stringify([jobId, visit, slot, attempt]);
}

function taskName({ jobId, visit, slot }: TaskRun): string {
  return JSON.stringify([jobId, visit, slot]);
}

function someRun(chance: Chance): TaskRun {
  return {
    jobId: chance.one("a", "b", "a/1"),
    visit: chance.between(1, 2),
    slot: chance.one(0, 1, SLOT_LIMIT - 1),
    attempt: chance.one(1, 2, 1_024, 5_000),
  };
}

describe("a table of tasks", () => {
  for (const [name, create, nameOf] of [
    ["by task", () => new TaskTable<Entry>(), taskName],
    ["by attempt", () => new RunTable<Entry>(), runName],
  ] as const) {
    test(`${name} holds what a map by name holds, however many of them one job has`, () => {
      const chance = new Chance(7);
      const table = create();
      const map = new Map<string, Entry>();
      for (let step = 0; step < 20_000; step++) {
        const entry = { task: someRun(chance) };
        const known = map.get(nameOf(entry.task));
        expect(table.get(entry.task)).toBe(known);
        if (chance.is(0.5)) {
          expect(table.set(entry)).toBe(known);
          map.set(nameOf(entry.task), entry);
        } else if (known) {
          // Only the very one that is there.
          expect([table.remove(entry), table.remove(known), table.remove(known)]).toEqual([false, true, false]);
          map.delete(nameOf(entry.task));
        }
        const jobs = new Set([...map.values()].map(({ task }) => task.jobId));
        expect(table.hasJob(entry.task.jobId)).toBe(jobs.has(entry.task.jobId));
        expect(table.size).toBe(map.size);
      }
      expect(new Set(table.values())).toEqual(new Set(map.values()));
    });
  }
});
