import { describe, expect, test } from "bun:test";
import type { HeartbeatBody } from "../../src/protocol/worker.ts";
import { Heartbeat } from "../../worker/heartbeat.ts";
import { FakeTimers } from "./support/fake-timers.ts";

function setUp() {
  const timers = new FakeTimers();
  const sent: HeartbeatBody[] = [];
  const now = { status: "idle", load: 0 };
  const heartbeat = new Heartbeat({
    timers,
    intervalMs: 15_000,
    debounceMs: 100,
    body: () => ({ ...now }),
    send: (body) => void sent.push(body),
  });
  heartbeat.start();
  const become = (status: string, load: number) => {
    Object.assign(now, { status, load });
    heartbeat.changed();
  };
  return { timers, sent, become };
}

describe("heartbeats", () => {
  test("changes within a moment share one, and none is sent where nothing has changed", () => {
    const { timers, sent, become } = setUp();
    become("idle", 1);
    become("idle", 2);
    timers.pass(100);
    expect(sent.map(({ load }) => load)).toEqual([0, 2]);

    become("idle", 3);
    become("idle", 2);
    timers.pass(100);
    expect(sent).toHaveLength(2);
  });

  test("that the worker is busy no more is said at once: until then it gets nothing", () => {
    const { timers, sent, become } = setUp();
    become("busy", 1);
    expect(sent).toHaveLength(1);
    timers.pass(100);
    become("idle", 0);

    expect(sent.map(({ status }) => status)).toEqual(["idle", "busy", "idle"]);
  });

  test("one comes at each interval, counted from the last", () => {
    const { timers, sent, become } = setUp();
    timers.pass(10_000);
    become("idle", 1);
    timers.pass(14_000);
    expect(sent).toHaveLength(2);
    timers.pass(2_000);
    expect(sent).toHaveLength(3);
  });
});
