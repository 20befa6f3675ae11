import { describe, expect, test } from "bun:test";
import { changesAfter, OUTBOX_RULES, Sending } from "../../../actors/outbox/decide.ts";
import type { Delivery } from "../../../src/notify/port.ts";
import type { OutboxRow } from "../../../src/storage/port.ts";
import { idOf } from "../../storage/sample.ts";

const DAY_MS = 24 * 3_600_000;
const down: Delivery = { type: "failed", error: "x refused the connection", isDown: true };

function row(number: number, changes: Partial<OutboxRow> = {}): OutboxRow {
  return {
    id: idOf(number),
    jobId: idOf(1),
    kind: "webhook",
    destination: "a",
    body: "",
    sinceMs: 0,
    attempts: 0,
    dueAtMs: 0,
    failedAtMs: undefined,
    error: undefined,
    ...changes,
  };
}

function after(delivery: Delivery, changes: Partial<OutboxRow> = {}, nowMs = 1_000, chance = 1) {
  return changesAfter(row(1, changes), delivery, { nowMs, atMs: 77 }, OUTBOX_RULES, chance);
}

describe("a row that was tried", () => {
  test("goes when it was delivered, together with what its sender noted", () => {
    const refer = { type: "refer", jobId: idOf(1), name: "n", value: "v" } as const;
    expect(after({ type: "delivered", changes: [refer] })).toEqual([{ type: "remove", id: idOf(1) }, refer]);
  });

  for (const [attempts, waitMs] of [
    [0, 2_000],
    [1, 4_000],
    [4, 32_000],
    [11, 3_600_000],
    [1_000, 3_600_000],
  ] as const) {
    test(`waits ${waitMs / 1000} s after failure ${attempts + 1}`, () => {
      const [change] = after(down, { attempts });
      expect(change).toMatchObject({ type: "put-off", attempts: attempts + 1, dueAtMs: 1_000 + waitMs });
    });
  }

  test("whose time has not come is looked at again, however long that takes, and nothing is held against it", () => {
    const error = "x refused the connection";
    const [change] = after({ type: "later", afterMs: 500 }, { attempts: 3, error }, 10 * DAY_MS);
    expect(change).toEqual({ type: "put-off", id: idOf(1), attempts: 3, dueAtMs: 10 * DAY_MS + 500, error });
  });

  test("waits less than that by chance, and never less than half", () => {
    expect(after(down, {}, 1_000, 0)).toMatchObject([{ dueAtMs: 2_000 }]);
    expect(after(down, {}, 1_000, 0.5)).toMatchObject([{ dueAtMs: 2_500 }]);
  });

  test("waits as long as its receiver asks for, up to an hour", () => {
    expect(after({ ...down, retryAfterMs: 30_000 })).toMatchObject([{ dueAtMs: 31_000 }]);
    expect(after({ ...down, retryAfterMs: 10 * DAY_MS })).toMatchObject([{ dueAtMs: 3_601_000 }]);
  });

  test("is given up after a day, and not before", () => {
    const error = "x refused the connection";
    expect(after(down, { attempts: 30 }, DAY_MS - 3_600_001)[0]?.type).toBe("put-off");
    expect(after(down, { attempts: 30 }, DAY_MS)).toEqual([
      { type: "fail", id: idOf(1), attempts: 31, atMs: 77, error },
    ]);
  });

  test("is given up at once when another try would change nothing", () => {
    expect(after({ type: "failed", error: "no", isFinal: true })[0]?.type).toBe("fail");
  });
});

describe("what is under way", () => {
  const rules = { ...OUTBOX_RULES, sends: 6, sendsEach: 4 };
  const numbers = (rows: readonly OutboxRow[]) => rows.map(({ id }) => Number.parseInt(id.slice(-4), 16));

  test("is bounded for each destination and in all", () => {
    const sending = new Sending(rules);
    const rows = [1, 2, 3, 4, 5].map((number) => row(number));
    const others = [6, 7, 8].map((number) => row(number, { destination: "b" }));
    expect(numbers(sending.begin([...rows, ...others], 0))).toEqual([1, 2, 3, 4, 6, 7]);
    expect(sending.room).toBe(0);
    sending.end(row(1));
    expect(numbers(sending.begin([...rows, ...others], 0))).toEqual([1]);
  });

  test("is begun once", () => {
    const sending = new Sending(rules);
    expect(sending.begin([row(1)], 0).length).toBe(1);
    expect(sending.begin([row(1)], 0).length).toBe(0);
  });

  test("is one at a time to a destination that failed, and with rests after three failures", () => {
    const sending = new Sending(rules);
    const fail = (nowMs: number) => {
      const [begun] = sending.begin([row(1)], nowMs);
      if (begun) sending.answered(begun, down, nowMs);
      if (begun) sending.end(begun);
      return begun !== undefined;
    };
    fail(0);
    expect(sending.roomFor("a", 0)).toBe(1);
    fail(0);
    fail(0);
    expect(sending.restsUntilMs("a", 0)).toBe(1_000);
    expect(fail(999)).toBe(false);
    expect(fail(1_000)).toBe(true);
    expect(sending.restsUntilMs("a", 1_000)).toBe(3_000);
    expect(sending.roomFor("b", 1_000)).toBe(4);
  });

  test("has its full room again once the destination has answered, whatever it said of the row", () => {
    for (const answer of [{ type: "delivered" }, { type: "failed", error: "answered 404" }] as const) {
      const sending = new Sending(rules);
      for (let count = 0; count < 5; count++) sending.answered(row(1), down, 0);
      expect(sending.roomFor("a", 0)).toBe(0);
      sending.answered(row(1), answer, 0);
      expect(sending.roomFor("a", 0)).toBe(4);
    }
  });

  test("a destination never rests longer than a minute", () => {
    const sending = new Sending(rules);
    for (let count = 0; count < 50; count++) sending.answered(row(1), down, 0);
    expect(sending.restsUntilMs("a", 0)).toBe(60_000);
  });
});
