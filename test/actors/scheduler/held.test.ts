import { describe, expect, test } from "bun:test";
import { type Holders, isHeld } from "../../../actors/scheduler/held.ts";
import type { OpenJob } from "../../../src/storage/port.ts";

const NOBODY: Holders = {
  hasTask: () => false,
  isRunning: () => false,
  hasPlace: () => false,
  nowMs: () => 1_000,
};

function open(status: OpenJob["status"], more: Partial<OpenJob> = {}): OpenJob {
  return { id: "a", status, ...more };
}

describe("somebody will move", () => {
  test.each<[string, OpenJob, Partial<Holders>]>([
    ["a job with a task in hand", open("waiting_for_worker"), { hasTask: (id) => id === "a" }],
    ["a job whose handler runs", open("running"), { isRunning: (id) => id === "a" }],
    ["a job that waits for a person", open("waiting_for_human"), {}],
    ["a job that waits for an event", open("waiting_for_event"), {}],
    ["a job at its gate", open("pending", { begins: "by-gate" }), { hasPlace: () => true }],
    ["a job that begins later", open("pending", { begins: "by-time", wakeAtMs: 1_001 }), {}],
    ["a job with a child", open("waiting_for_sub_job", { hasOpenChild: true }), {}],
    ["a job with a child among its branches", open("waiting_for_parallel", { hasOpenChild: true }), {}],
    ["a job whose timer is set", open("waiting_for_timer", { wakeAtMs: 1_001 }), {}],
    ["a handler that is tried again later", open("awaiting_retry", { wakeAtMs: 1_001 }), {}],
  ])("%s", (_what, job, more) => {
    expect(isHeld(job, { ...NOBODY, ...more })).toBe(true);
  });
});

describe("nobody would move", () => {
  test.each<[string, OpenJob]>([
    ["a task that is nowhere, whatever its deadline", open("waiting_for_worker", { wakeAtMs: 9_999 })],
    ["a handler that does not run", open("running")],
    [
      "a job that its gate does not know, whatever its deadline",
      open("pending", { begins: "by-gate", wakeAtMs: 9_999 }),
    ],
    ["a job that would begin at once, whatever its deadline", open("pending", { wakeAtMs: 9_999 })],
    ["a job whose child is over", open("waiting_for_sub_job", { wakeAtMs: 9_999 })],
    ["branches that are nowhere", open("waiting_for_parallel")],
    ["a timer whose time has come", open("waiting_for_timer", { wakeAtMs: 1_000 })],
  ])("%s", (_what, job) => {
    expect(isHeld(job, NOBODY)).toBe(false);
  });
});
