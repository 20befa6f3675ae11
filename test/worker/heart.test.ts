import { describe, expect, test } from "bun:test";
import { Board, BoardReader } from "../../worker/heart/board.ts";
import { Pulse } from "../../worker/heart/pulse.ts";
import { FakeTimers } from "./support/fake-timers.ts";

type Sent = { readonly place: number; readonly tasks: unknown; readonly status: unknown };

function setUp(slots = 4, stallMs?: number) {
  const origins = [{}, {}];
  const board = new Board(slots, (origin) => origins.indexOf(origin));
  const timers = new FakeTimers();
  let nowMs = 0;
  const sent: Sent[] = [];
  const stalled: (readonly string[])[] = [];
  const pulse = new Pulse({
    timers,
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    board: new BoardReader(board.memory),
    intervalMs: 15_000,
    stallMs,
    stalled: (types) => stalled.push(types),
    tasks: ["work"],
    workerId: "w1",
    send: (bodyFor) => {
      for (const place of [0, 1]) {
        const { current_tasks: tasks, status } = bodyFor(place);
        sent.push({ place, tasks, status });
      }
    },
  });
  pulse.start();
  const pass = (ms: number, isTurning: boolean) => {
    for (let passed = 0; passed < ms; passed += 100) {
      if (isTurning) board.turn();
      nowMs += 100;
      timers.pass(100);
    }
  };
  /** Nothing of the process runs meanwhile, its heart neither. */
  const sleep = (ms: number) => {
    nowMs += ms;
  };
  const [main, other] = origins;
  if (!main || !other) throw new Error("there are two origins");
  return { board, sent, stalled, pass, sleep, main, other };
}

describe("the heart of a worker", () => {
  test("is silent as long as the thread of the handlers turns", () => {
    const { board, sent, pass, main } = setUp();
    board.add("t1", "work", main);
    pass(60_000, true);

    expect(sent).toEqual([]);
    expect(board.standIns).toBe(0);
  });

  test("speaks for a thread that stands still: what runs, to each orchestrator its own, and that nothing more should come", () => {
    const { board, sent, pass, main, other } = setUp();
    board.add("t1", "work", main);
    board.add("t2", "work", other);
    board.add("t3", "work", main);
    board.remove("t3");
    pass(3000, false);

    expect(sent).toEqual([
      { place: 0, tasks: ["t1"], status: "busy" },
      { place: 1, tasks: ["t2"], status: "busy" },
    ]);
    expect(board.standIns).toBe(1);
  });

  test("says it again at each interval, and no more once the thread turns", () => {
    const { sent, pass } = setUp();
    pass(35_000, false);
    expect(sent).toHaveLength(6);

    pass(30_000, true);
    expect(sent).toHaveLength(6);
  });

  test("gives up a thread that stands still for too long: it says nothing any more, and names what runs there, once", () => {
    const { board, sent, stalled, pass, main, other } = setUp(4, 60_000);
    board.add("t1", "train", main);
    board.add("t2", `${"é".repeat(600)}`, other);
    pass(59_000, false);
    expect(stalled).toEqual([]);
    const sentBefore = sent.length;
    expect(sentBefore).toBe(8);

    pass(120_000, false);
    expect(sent).toHaveLength(sentBefore);
    expect(stalled).toEqual([["train", expect.stringMatching(/^é{200,300}$/)]]);
  });

  test("speaks again for a thread that came back, also when it stands still once more", () => {
    const { board, sent, stalled, pass, main } = setUp(4, 20_000);
    board.add("t1", "train", main);
    pass(30_000, false);
    const standIns = board.standIns;
    expect(stalled).toHaveLength(1);
    sent.length = 0;

    pass(1000, true);
    pass(3000, false);
    expect(sent.map(({ tasks }) => tasks)).toEqual([["t1"], []]);
    expect(board.standIns).toBe(standIns + 1);
    pass(30_000, false);
    expect(stalled).toHaveLength(2);
  });

  test("a process that slept has not stood still: nothing is given up when it wakes", () => {
    const { board, sent, stalled, pass, sleep, main } = setUp(4, 60_000);
    board.add("t1", "train", main);
    pass(1000, true);
    sleep(3_600_000);
    pass(1000, false);
    expect([sent, stalled]).toEqual([[], []]);
    pass(1000, true);
    expect([sent, stalled]).toEqual([[], []]);
  });

  test("tasks beyond its room, or of an endless name, are left out and leave no mark", () => {
    const { board, pass, sent, main } = setUp(2);
    board.add("x".repeat(600), "work", main);
    for (const id of ["t1", "t2", "t3"]) board.add(id, "work", main);
    board.remove("t3");
    board.remove("t1");
    board.add("t4", "work", main);
    pass(3000, false);

    expect(sent[0]?.tasks).toBeArrayOfSize(2);
    expect(sent[0]?.tasks).toEqual(expect.arrayContaining(["t2", "t4"]));
  });
});
