import { expect, test } from "bun:test";
import type { JobEvent } from "../../../src/job/model.ts";
import { eventsIn, eventsText } from "../../../src/storage/sqlite/event-text.ts";
import { sampleEvent } from "../sample.ts";

const RUN = { worker: "w", taskId: "t", attempt: 1 };

/** Every way in which a field of an event can be, and be like that of the event before it. */
const CHOICES: { readonly [Name in keyof Required<JobEvent>]: readonly JobEvent[Name][] } = {
  type: ["state_started", "worker_event:é\u0000"],
  atMs: [0, 1_795_690_276_680, 1_795_690_276_681, 1.5, -3, 0.1, 1.1, Number.MAX_SAFE_INTEGER, 1e300],
  state: [undefined, "", "start", "end\ud800"],
  previous: [undefined, "start"],
  next: [undefined, ""],
  durationMs: [undefined, 0, 0.25],
  worker: [undefined, "", "w", "other"],
  attempt: [undefined, 0, 1, 2],
  taskId: [undefined, "t", "other"],
  status: [undefined, "finished"],
  patch: [undefined, '{"set":{"a":"\\u0000"}}'],
  extra: [undefined, {}, { r: 0, t: null, task_info: { task_id: "t" } }],
};

/** The same ones each time. */
function eventsOf(seed: number, count: number): JobEvent[] {
  let state = seed;
  const choose = <Value>(values: readonly Value[]): Value => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return values[(state >>> 8) % values.length] as Value;
  };
  return Array.from({ length: count }, () => {
    const fields = Object.entries(CHOICES).map(([name, values]) => [name, choose<unknown>(values)]);
    return Object.fromEntries(fields) as JobEvent;
  });
}

test("what units told is read as it was told, whatever is in it", () => {
  for (let seed = 1; seed <= 500; seed++) {
    const events = eventsOf(seed, seed % 40);
    expect(eventsIn(eventsText(events))).toEqual(events);
  }
});

test("a text owes nothing to the one before it", () => {
  const long = eventsText(eventsOf(7, 40));
  expect(eventsText([sampleEvent("progress")])).toBe('[{"t":"progress","at":1700000000000,"s":"start"}]');
  expect(eventsText(eventsOf(7, 40))).toBe(long);
});

test("what an event shares with the one before it is written once", () => {
  const events = [
    sampleEvent("task_dispatched", { ...RUN, atMs: 10 }),
    sampleEvent("task_finished", { ...RUN, atMs: 13 }),
    sampleEvent("state_finished", { next: "end", durationMs: 3, atMs: 13 }),
    sampleEvent("job_completed", { state: "end", status: "finished", atMs: 13 }),
    sampleEvent("progress", { ...RUN, state: undefined, atMs: 14 }),
  ];

  expect(JSON.parse(eventsText(events))).toEqual([
    { t: "task_dispatched", at: 10, s: "start", r: ["w", "t", 1] },
    { t: "task_finished", a: 3, r: 0 },
    { t: "state_finished", n: "end", d: 3 },
    { t: "job_completed", s: "end", q: "finished" },
    { t: "progress", a: 1, s: null, r: 0 },
  ]);
});

test("events of files from before are read as they are", () => {
  const events = eventsOf(3, 12);
  expect(eventsIn(JSON.stringify(events))).toEqual(events);
});
