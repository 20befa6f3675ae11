import { describe, expect, test } from "bun:test";
import { lastSequenceOf, rebuildHistory } from "../../src/job/history.ts";
import type { Job, JobEvent } from "../../src/job/model.ts";
import { isUuid } from "../../src/system/ids.ts";

const job: Job = {
  id: "job-1",
  version: 3,
  client: { id: "c", config: {} },
  blueprint: "b",
  hash: "h",
  status: "finished",
  state: "done",
  visit: 2,
  enteredAtMs: 0,
  createdAtMs: 0,
  updatedAtMs: 0,
  initialData: '{"in":1}',
  stateHistory: "{}",
  steps: 0,
};

const rebuilt = (...units: JobEvent[][]) =>
  rebuildHistory(
    job,
    units.map((events, index) => ({ version: index + 1, events })),
  );

const states = (events: ReturnType<typeof rebuilt>) => events.map((event) => event.context_snapshot["state_history"]);

describe("the history of a job", () => {
  test("shows the job as it was right after each event", () => {
    const events = rebuilt(
      [
        { type: "job_created", atMs: 1, state: "start" },
        { type: "state_finished", atMs: 2, state: "start", next: "mid", durationMs: 1.6, patch: '{"set":{"a":1}}' },
      ],
      [{ type: "state_updated", atMs: 3, state: "mid", patch: '{"set":{"b":2},"unset":["a"]}' }],
      [{ type: "job_completed", atMs: 4, state: "done", status: "finished" }],
    );

    expect(states(events)).toEqual([{}, { a: 1 }, { b: 2 }, { b: 2 }]);
    expect(events.map((event) => event.context_snapshot["status"])).toEqual([
      "pending",
      "running",
      "running",
      "finished",
    ]);
    expect(events.map((event) => event.context_snapshot["current_state"])).toEqual(["start", "start", "mid", "done"]);
    expect(events[1]).toMatchObject({ duration_ms: 2, next_state: "mid", previous_state: null, worker_id: null });
    expect(events[0]?.context_snapshot["initial_data"]).toEqual({ in: 1 });
  });

  test("appends to lists, and keeps the newest hundred", () => {
    const items = Array.from({ length: 70 }, (_, index) => index);
    const patch = JSON.stringify({ append: { progress_updates: items } });
    const events = rebuilt([
      { type: "progress", atMs: 1, state: "s", patch },
      { type: "progress", atMs: 2, state: "s", patch },
    ]);

    expect(states(events)[0]).toEqual({ progress_updates: items });
    expect(states(events)[1]).toEqual({ progress_updates: [...items.slice(40), ...items] });
  });

  test("appends to what was no list as to an empty one", () => {
    const events = rebuilt([
      { type: "state_updated", atMs: 1, patch: '{"set":{"list":"text"}}' },
      { type: "progress", atMs: 2, patch: '{"append":{"list":[1]}}' },
    ]);

    expect(states(events)[1]).toEqual({ list: [1] });
  });

  test("numbers events so that they grow over units, and names each the same in every reading", () => {
    const read = () =>
      rebuilt(
        [
          { type: "job_created", atMs: 1 },
          { type: "state_started", atMs: 1 },
        ],
        [{ type: "state_updated", atMs: 2 }],
      );
    const sequences = read().map((event) => event.sequence);

    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
    expect(new Set(sequences).size).toBe(3);
    expect(lastSequenceOf(1)).toBeGreaterThanOrEqual(sequences[1] ?? Number.POSITIVE_INFINITY);
    expect(lastSequenceOf(1)).toBeLessThan(sequences[2] ?? 0);
    expect(read()).toEqual(read());
    expect(read().every((event) => isUuid(event.event_id))).toBe(true);
  });

  test("shares nothing between its snapshots", () => {
    const [first, second] = rebuilt([
      { type: "state_updated", atMs: 1, patch: '{"set":{"a":1}}' },
      { type: "state_updated", atMs: 2, patch: '{"set":{"a":2}}' },
    ]);

    expect(first?.context_snapshot["state_history"]).toEqual({ a: 1 });
    expect(second?.context_snapshot["state_history"]).toEqual({ a: 2 });
  });
});
