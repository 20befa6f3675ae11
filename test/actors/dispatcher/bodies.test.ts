import { describe, expect, test } from "bun:test";
import { BodyFetcher, type BodiesParts } from "../../../actors/dispatcher/bodies.ts";
import type { WaitingTask } from "../../../actors/dispatcher/task.ts";
import type { JobReader, StoredTask } from "../../../src/storage/port.ts";
import { idOf, sampleWait } from "../../storage/sample.ts";
import { capturedLog } from "../../support/captured-log.ts";
import { ManualTime } from "../../support/manual-time.ts";

type Bodies = Parameters<BodiesParts["tell"]>[0];

const waiting = (job: number, more: Partial<WaitingTask> = {}): WaitingTask => {
  const jobId = idOf(job);
  return {
    jobId,
    visit: 1,
    slot: 0,
    attempt: 1,
    begun: false,
    queuedAtMs: 1,
    again: false,
    ...more,
  };
};
const stored = (more: Partial<StoredTask> = {}): StoredTask => ({ visit: 1, wait: sampleWait(), ...more });

function stage(read: (jobIds: readonly string[]) => readonly (StoredTask | undefined)[]) {
  const time = new ManualTime();
  const told: Bodies[] = [];
  const { log, lines } = capturedLog();
  const reader: Pick<JobReader, "tasks"> = {
    tasks: async (places) => read(places.map(({ jobId }) => jobId)),
  };
  const fetcher = new BodyFetcher({ reader, timers: time, log, tell: (message) => void told.push(message) });
  const pass = async (seconds: number) => {
    await time.settle();
    for (let second = 0; second < seconds; second++) {
      time.advance(1_000);
      await time.settle();
    }
  };
  return { fetcher, told, lines, pass };
}

describe("the bodies of parked tasks", () => {
  test("are what goes out with the task, in its place", async () => {
    const wait = sampleWait(0, { checkpoint: "5" });
    const { fetcher, told, pass } = stage(() => [undefined, stored({ wait, trace: { traceparent: "x" } })]);
    const tasks = [waiting(1), waiting(2)];
    fetcher.fetch({ type: "fetch", line: 4, tasks });
    await pass(0);

    const body = { order: wait.order, checkpoint: "5", trace: { traceparent: "x" } };
    expect(told).toEqual([{ type: "bodies", line: 4, tasks, bodies: [undefined, body] }]);
  });

  for (const [name, found] of [
    ["of another visit", stored({ visit: 2 })],
    ["of another attempt", stored({ wait: sampleWait(0, { attempt: 2 }) })],
  ] as const) {
    test(`are not those ${name}`, async () => {
      const { fetcher, told, pass } = stage(() => [found]);
      fetcher.fetch({ type: "fetch", line: 1, tasks: [waiting(1)] });
      await pass(0);

      expect(told.flatMap((message) => message.bodies)).toEqual([undefined]);
    });
  }

  test("are asked for again after an error of the store", async () => {
    let errors = 2;
    const { fetcher, told, pass } = stage(() => {
      if (errors-- > 0) throw new Error("busy");
      return [stored()];
    });
    fetcher.fetch({ type: "fetch", line: 1, tasks: [waiting(1)] });
    await pass(1);
    expect(told).toEqual([]);
    await pass(1);

    expect(told.flatMap((message) => message.bodies)).toMatchObject([{ order: { type: "echo" } }]);
  });

  test("of all others come, though one can never be read", async () => {
    const bad = idOf(2);
    const { fetcher, told, lines, pass } = stage((ids) => {
      if (ids.includes(bad)) throw new Error("this row is broken");
      return ids.map(() => stored());
    });
    fetcher.fetch({ type: "fetch", line: 1, tasks: [waiting(1), waiting(2), waiting(3)] });
    await pass(5);

    expect(told).toHaveLength(1);
    expect(told[0]?.bodies.map((body) => body !== undefined)).toEqual([true, false, true]);
    expect(lines.find((line) => line.level === "error")?.fields).toMatchObject({ job: bad });
  });

  test("are not asked for any more once the server stops", async () => {
    let reads = 0;
    const { fetcher, told, pass } = stage(() => {
      reads += 1;
      throw new Error("closed");
    });
    fetcher.fetch({ type: "fetch", line: 1, tasks: [waiting(1)] });
    await pass(0);
    fetcher.stop();
    await pass(5);

    expect([reads, told.length]).toEqual([1, 0]);
  });
});
