import { describe, expect, test } from "bun:test";
import { ParkedTasks } from "../../../actors/dispatcher/parked.ts";
import { RowHeap } from "../../../actors/dispatcher/row-heap.ts";
import { compareRanks, type QueuedTask, taskKey, type TaskPlace } from "../../../actors/dispatcher/task.ts";
import { Chance } from "../../simulation/chance.ts";
import { idOf } from "../../storage/sample.ts";

const RETRY = { maxAttempts: 4, backoffMs: 1, factor: 2, maxBackoffMs: 1 };

function taskOf(job: number, slot = 0, more: Partial<QueuedTask> & { priority?: number } = {}): QueuedTask {
  const { priority = 0, ...rest } = more;
  const jobId = idOf(job);
  return {
    jobId,
    visit: 1,
    slot,
    attempt: 1,
    order: { type: "t", params: "{}", transitions: {}, strategy: "default", priority, retry: RETRY },
    begun: false,
    queuedAtMs: 5,
    again: false,
    ...rest,
  };
}

function keyOf({ jobId, visit, slot }: TaskPlace): string {
  return taskKey(jobId, visit, slot);
}

describe("parked tasks", () => {
  test("are found by what they are of, and read back as they were", () => {
    const parked = new ParkedTasks();
    const task = taskOf(7, 3, { visit: 4, attempt: 2, begun: true, again: true });
    const row = parked.add(task, 9, 12) ?? -1;

    const { order, ...waiting } = task;
    expect(parked.read(row)).toEqual(waiting);
    expect(parked.rankOf(row)).toEqual({ priority: order.priority, begun: true, queuedAtMs: 5, arrival: 9 });
    expect([parked.lineOf(row), parked.find(idOf(7), 4, 3), parked.hasJob(idOf(7))]).toEqual([12, row, true]);
    expect([parked.find(idOf(7), 4, 2), parked.find(idOf(7), 5, 3), parked.hasJob(idOf(8))]).toEqual([
      undefined,
      undefined,
      false,
    ]);
  });

  for (const id of [
    "job",
    "01900000-0000-7000-8000-00000000000G",
    "01900000-0000-7000-8000-00000000000A",
    "01900000x0000-7000-8000-000000000001",
  ]) {
    test(`do not take the id ${id}, which would be read back as another`, () => {
      expect(new ParkedTasks().add({ ...taskOf(1), jobId: id }, 1, 1)).toBeUndefined();
    });
  }

  test("are all found, whatever came and went before", () => {
    const chance = new Chance(1);
    const parked = new ParkedTasks();
    const known = new Map<string, { readonly row: number; readonly task: QueuedTask }>();
    for (let step = 0; step < 20_000; step++) {
      const task = taskOf(chance.between(1, 400), chance.between(0, 8));
      const there = known.get(keyOf(task));
      if (there && chance.is(step < 12_000 ? 0.4 : 0.9)) {
        parked.remove(there.row);
        known.delete(keyOf(task));
      } else if (!there && step < 12_000) known.set(keyOf(task), { row: parked.add(task, step, 1) ?? -1, task });
      if (step % 500 !== 0) continue;
      expect(parked.size).toBe(known.size);
      const jobs = new Set([...known.values()].map(({ task: { jobId } }) => jobId));
      for (let job = 1; job <= 400; job++) {
        expect(parked.hasJob(idOf(job))).toBe(jobs.has(idOf(job)));
        for (let slot = 0; slot <= 8; slot++) {
          expect(parked.find(idOf(job), 1, slot)).toBe(known.get(taskKey(idOf(job), 1, slot))?.row);
        }
      }
    }
  });

  test("of one job with very many branches are taken out one by one without looking through all of them", () => {
    const parked = new ParkedTasks();
    const rows = Array.from({ length: 50_000 }, (_, slot) => parked.add(taskOf(1, slot), slot, 1) ?? -1);
    const startedMs = performance.now();
    for (const row of rows) parked.remove(row);

    expect([parked.size, parked.hasJob(idOf(1))]).toEqual([0, false]);
    // Looking through them would be a billion steps: many times this.
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });

  test("leave their heap in their order, also when some are taken out of its middle", () => {
    const chance = new Chance(2);
    const parked = new ParkedTasks();
    const heap = new RowHeap(parked);
    const rows: number[] = [];
    for (let job = 1; job <= 2_000; job++) {
      const more = { priority: chance.between(0, 3), begun: chance.is(0.3), queuedAtMs: chance.between(0, 50) };
      const row = parked.add(taskOf(job, 0, more), job, 1) ?? -1;
      heap.push(row);
      rows.push(row);
    }
    const out = new Set(rows.filter(() => chance.is(0.4)));
    for (const row of out) heap.remove(row);
    const expected = rows
      .filter((row) => !out.has(row))
      .toSorted((a, b) => compareRanks(parked.rankOf(a), parked.rankOf(b)));

    expect(heap.first(300)).toEqual(expected.slice(0, 300));
    const left: number[] = [];
    for (let row = heap.peek(); row !== undefined; row = heap.peek()) {
      heap.remove(row);
      left.push(row);
    }
    expect(left).toEqual(expected);
    expect(heap.first(5)).toEqual([]);
  });
});
