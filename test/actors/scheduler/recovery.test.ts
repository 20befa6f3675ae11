import { describe, expect, test } from "bun:test";
import { Recovery } from "../../../actors/scheduler/recovery.ts";
import type { Resumption } from "../../../actors/job/resume.ts";
import type { JobFacts, StoredBranch, WaitingJob } from "../../../src/storage/port.ts";
import { idOf, sampleWait } from "../../storage/sample.ts";

const NOW_MS = 1_000;
const child = { slot: 0, childId: "child-0", blueprint: "b", transitions: {}, sinceMs: 1 };
const delivery = { taskId: "task", workerId: "w", atMs: 3 };

const job = (number: number, facts: Partial<JobFacts> | undefined): WaitingJob => ({
  id: idOf(number),
  status: "waiting_for_worker",
  facts: facts && { visit: 2, ...facts },
});

function whatOf(resumption: Resumption): string {
  switch (resumption.type) {
    case "queue":
      return `${resumption.visit}/${resumption.wait.slot}`;
    case "adopt":
      return `${resumption.handOut.visit}/${resumption.handOut.slot}`;
    case "look-at-child":
      return resumption.childId;
    case "look-at-parent":
      return resumption.parentId;
  }
}

async function resume(jobs: readonly WaitingJob[], branches: Readonly<Record<string, readonly StoredBranch[]>> = {}) {
  const followed: string[] = [];
  const recovery = new Recovery({
    reader: {
      branches: (id) => {
        const found = branches[id];
        return found ? Promise.resolve(found) : Promise.reject(new Error("it cannot be read"));
      },
    },
    nowMs: () => NOW_MS,
    follow({ id }, resumption) {
      followed.push(`${resumption.type} ${whatOf(resumption)} for ${Number.parseInt(id.slice(-4), 16)}`);
    },
  });
  const left = await recovery.resume(jobs);
  return { followed, left: left.map(({ id }) => Number.parseInt(id.slice(-4), 16)) };
}

describe("recovery from rows", () => {
  for (const [name, facts, followed, left] of [
    ["queues a task that nobody has", { task: sampleWait(1) }, ["queue 2/1 for 1"], []],
    ["adopts one that was handed out", { task: sampleWait(1, { delivery }) }, ["adopt 2/1 for 1"], []],
    ["leaves a retry to its time", { task: sampleWait(0, { notBeforeMs: NOW_MS + 1 }) }, [], []],
    ["queues a retry that is due", { task: sampleWait(0, { notBeforeMs: NOW_MS }) }, ["queue 2/0 for 1"], []],
    ["leaves a handler to its time", { handler: { failures: 1, notBeforeMs: NOW_MS + 1 } }, [], []],
    ["gives a handler that is due to its job's actor", { handler: { failures: 0 } }, [], [1]],
    ["gives a cancel to the actor, whatever waits", { task: sampleWait(), cancelRequestedAtMs: 5 }, [], [1]],
    ["looks whether a child is over", { child: child }, ["look-at-child child-0 for 1"], []],
    [
      "looks whether the parent still waits",
      { parentId: "parent", task: sampleWait() },
      ["look-at-parent parent for 1", "queue 2/0 for 1"],
      [],
    ],
    [
      "leaves a pause to its time, and to whom it waits for",
      { pause: { kind: "event", event: "paid", sinceMs: 1, transitions: {} } },
      [],
      [],
    ],
    ["gives what waits for something else to the actor", {}, [], [1]],
    ["gives a row that cannot be read to the actor", undefined, [], [1]],
  ] as const) {
    test(name, async () => {
      expect(await resume([job(1, facts)])).toEqual({ followed: [...followed], left: [...left] });
    });
  }

  test("sets the open branches of a job going", async () => {
    const result = { taskId: "t", json: "{}" };
    const branches = [
      { slot: 0, wait: sampleWait(0), result },
      { slot: 1, wait: sampleWait(1) },
      { slot: 2, wait: sampleWait(2, { delivery }) },
    ];
    const found = await resume([job(1, { parallel: { into: "x", total: 3, open: 2 } })], { [idOf(1)]: branches });

    expect(found).toEqual({ followed: ["queue 2/1 for 1", "adopt 2/2 for 1"], left: [] });
  });

  test("is not held up by branches that cannot be read", async () => {
    const parallel = { into: "x", total: 1, open: 1 };
    const jobs = [job(1, { parallel }), job(2, { parallel }), job(3, { task: sampleWait() })];

    expect(await resume(jobs, { [idOf(2)]: [{ slot: 4, wait: sampleWait(4) }] })).toEqual({
      followed: ["queue 2/0 for 3", "queue 2/4 for 2"],
      left: [1],
    });
  });
});
