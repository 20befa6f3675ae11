/** What every store has to do with what is to be sent: called by the suite for stores. */
import { beforeEach, describe, expect, test } from "bun:test";
import type { OutboxChange, OutboxReader, OutboxRow, OutboxWrite, Storage } from "../../src/storage/port.ts";
import { idOf, next, outcomeOf, sampleJob, unitOf } from "../storage/sample.ts";

const JOB = idOf(1);

export function describeOutbox(
  name: string,
  store: () => Storage,
  /** False: it keeps nothing. */
  reopen: () => Promise<boolean>,
): void {
  const outbox = (): OutboxReader => store().outbox;
  const change = (...changes: readonly OutboxChange[]) => store().journal.commit({ jobs: [], outbox: changes });
  const due = async (destination: string, nowMs: number, limit = 10) =>
    numbers(await outbox().due(destination, nowMs, limit));
  const versions = new Map<string, number>();

  /** In a unit of the job's own. */
  async function write(jobId: string, ...rows: readonly OutboxWrite[]): Promise<void> {
    const version = (versions.get(jobId) ?? 0) + 1;
    versions.set(jobId, version);
    await store().journal.commit(unitOf(sampleJob(jobId, { version }), { outbox: rows }));
  }

  describe(`${name}: outbox`, () => {
    beforeEach(() => versions.clear());

    test("a row that was written with its job comes back as it was", async () => {
      await write(JOB, row(1, { body: '{"text":"a\ud800\u0000é"}' }));
      const expected: OutboxRow = {
        id: eventOf(1),
        jobId: JOB,
        kind: "webhook",
        destination: "a.example",
        body: '{"text":"a\ud800\u0000é"}',
        sinceMs: 10,
        attempts: 0,
        dueAtMs: 10,
        failedAtMs: undefined,
        error: undefined,
      };
      expect(await outbox().due("a.example", 10, 10)).toEqual([expected]);
      expect(await outbox().row(eventOf(1))).toEqual(expected);
      expect(await outbox().ofJob(JOB)).toEqual([expected]);
      expect(await outbox().row(eventOf(2))).toBeUndefined();
      expect(await outbox().ofJob(idOf(2))).toEqual([]);
    });

    test("a destination that is not named is the row's kind", async () => {
      await write(JOB, { ...row(1), destination: undefined }, { ...row(2), destination: undefined, kind: "approval" });
      expect(await outbox().destinations("", 10)).toEqual([
        { destination: "approval", dueAtMs: 10 },
        { destination: "webhook", dueAtMs: 10 },
      ]);
    });

    test("a unit that is refused leaves no row", async () => {
      await write(JOB);
      const unit = unitOf(next(next(sampleJob(JOB))), { outbox: [row(1)] });
      expect(await outcomeOf(store().journal.commit(unit))).toBe("STORE_CONFLICT");
      expect(await outbox().count()).toEqual({ waiting: 0, failed: 0 });
    });

    test("an id that is there already makes its unit invalid", async () => {
      await write(JOB, row(1));
      const unit = unitOf(sampleJob(idOf(2)), { outbox: [row(2), row(1)] });
      expect(await outcomeOf(store().journal.commit(unit))).toBe("STORE_INVALID");
      expect(await store().jobs.load(idOf(2))).toBeUndefined();
      expect(await outbox().row(eventOf(2))).toBeUndefined();
    });

    test("only what is due comes, the soonest first, and no more than asked for", async () => {
      for (const [number, dueAtMs] of [
        [1, 30],
        [2, 10],
        [3, 20],
        [4, 20],
      ] as const) {
        await write(idOf(number), row(number, { dueAtMs }));
      }
      expect(await due("a.example", 9)).toEqual([]);
      expect(await due("a.example", 20)).toEqual([2, 3, 4]);
      expect(await due("a.example", 30, 2)).toEqual([2, 3]);
      expect(await due("b.example", 30)).toEqual([]);
    });

    test("destinations come by name with their soonest time, page by page", async () => {
      for (const [number, destination, dueAtMs] of [
        [1, "c", 5],
        [2, "a", 9],
        [3, "b", 7],
        [4, "a", 3],
      ] as const) {
        await write(idOf(number), row(number, { destination, dueAtMs }));
      }
      const first = await outbox().destinations("", 2);
      expect(first).toEqual([
        { destination: "a", dueAtMs: 3 },
        { destination: "b", dueAtMs: 7 },
      ]);
      expect(await outbox().destinations("b", 2)).toEqual([{ destination: "c", dueAtMs: 5 }]);
      await change({ type: "remove", id: eventOf(4) }, { type: "remove", id: eventOf(1) });
      expect(await outbox().destinations("", 10)).toEqual([
        { destination: "a", dueAtMs: 9 },
        { destination: "b", dueAtMs: 7 },
      ]);
    });

    test("of one job and destination the first goes first, others are free", async () => {
      await write(JOB, row(1), row(2), row(3, { destination: "b.example" }));
      await write(idOf(2), row(4));
      expect(await due("a.example", 10)).toEqual([1, 4]);
      expect(await due("b.example", 10)).toEqual([3]);
      await change({ type: "remove", id: eventOf(1) });
      expect((await due("a.example", 10)).toSorted()).toEqual([2, 4]);
    });

    test("a row that is put off holds back the later ones of its job and destination, also those to come", async () => {
      await write(JOB, row(1), row(2), row(3, { destination: "b.example" }));
      await change({ type: "put-off", id: eventOf(1), attempts: 3, dueAtMs: 50, error: "it answered 500" });
      await write(JOB, row(4, { dueAtMs: 20 }));
      expect(await outbox().destinations("", 10)).toEqual([
        { destination: "a.example", dueAtMs: 50 },
        { destination: "b.example", dueAtMs: 10 },
      ]);
      expect(await due("a.example", 49)).toEqual([]);
      expect(await outbox().due("a.example", 50, 10)).toMatchObject([
        { id: eventOf(1), attempts: 3, error: "it answered 500", sinceMs: 10, dueAtMs: 50 },
      ]);
      await change({ type: "remove", id: eventOf(1) }, { type: "remove", id: eventOf(2) });
      expect(await due("a.example", 50)).toEqual([4]);
      expect((await outbox().row(eventOf(4)))?.sinceMs).toBe(20);
    });

    test("a row that was given up is kept and holds back no other", async () => {
      await write(JOB, row(1), row(2));
      await change({ type: "fail", id: eventOf(1), attempts: 9, atMs: 77, error: "it answered 500" });
      expect(await due("a.example", 10)).toEqual([2]);
      expect(await outbox().failed(10)).toMatchObject([
        { id: eventOf(1), attempts: 9, failedAtMs: 77, dueAtMs: undefined, error: "it answered 500" },
      ]);
      expect(await outbox().count()).toEqual({ waiting: 1, failed: 1 });
      expect(numbers(await outbox().ofJob(JOB))).toEqual([1, 2]);
    });

    test("a row that was given up can be tried again", async () => {
      await write(JOB, row(1));
      await change({ type: "fail", id: eventOf(1), attempts: 9, atMs: 77, error: "no" });
      await change({ type: "put-off", id: eventOf(1), attempts: 0, dueAtMs: 80, sinceMs: 79 });
      expect(await outbox().failed(10)).toEqual([]);
      expect(await outbox().due("a.example", 80, 10)).toMatchObject([{ attempts: 0, error: undefined, sinceMs: 79 }]);
    });

    test("given up rows come newest first, page by page, also within one moment", async () => {
      for (const number of [1, 2, 3, 4, 5]) await write(idOf(number), row(number));
      for (const [number, atMs] of [
        [3, 50],
        [1, 60],
        [2, 60],
        [5, 40],
      ] as const) {
        await change({ type: "fail", id: eventOf(number), attempts: 1, atMs, error: "no" });
      }
      expect(numbers(await outbox().failed(3))).toEqual([2, 1, 3]);
      expect(numbers(await outbox().failed(3, eventOf(2)))).toEqual([1, 3, 5]);
      expect(numbers(await outbox().failed(3, eventOf(5)))).toEqual([]);
    });

    test("a change of a row that is gone changes nothing", async () => {
      await write(JOB, row(1));
      await change({ type: "remove", id: eventOf(1) });
      await change(
        { type: "put-off", id: eventOf(1), attempts: 1, dueAtMs: 5 },
        { type: "fail", id: eventOf(1), attempts: 1, atMs: 5, error: "no" },
        { type: "remove", id: eventOf(1) },
      );
      expect(await outbox().count()).toEqual({ waiting: 0, failed: 0 });
      expect(await outbox().ofJob(JOB)).toEqual([]);
    });

    test("what a later row needs is kept by job and name until it is forgotten", async () => {
      await change(
        { type: "refer", jobId: JOB, name: "telegram", value: "17" },
        { type: "refer", jobId: JOB, name: "other", value: "\ud800" },
      );
      await change({ type: "refer", jobId: JOB, name: "telegram", value: "18" });
      expect(await outbox().reference(JOB, "telegram")).toBe("18");
      expect(await outbox().reference(JOB, "other")).toBe("\ud800");
      expect(await outbox().reference(idOf(2), "telegram")).toBeUndefined();
      await change({ type: "refer", jobId: JOB, name: "telegram", value: undefined });
      expect(await outbox().reference(JOB, "telegram")).toBeUndefined();
    });

    test("all of it outlives the process", async () => {
      await write(JOB, row(1), row(2));
      await change(
        { type: "fail", id: eventOf(1), attempts: 2, atMs: 20, error: "no" },
        { type: "refer", jobId: JOB, name: "n", value: "v" },
      );
      if (!(await reopen())) return;
      expect(await due("a.example", 10)).toEqual([2]);
      expect(numbers(await outbox().failed(10))).toEqual([1]);
      expect(await outbox().reference(JOB, "n")).toBe("v");
    });
  });
}

function eventOf(number: number): string {
  return idOf(0xe000 + number);
}

function row(number: number, changes: Partial<OutboxWrite> = {}): OutboxWrite {
  return { id: eventOf(number), kind: "webhook", destination: "a.example", body: "{}", dueAtMs: 10, ...changes };
}

const numbers = (rows: readonly OutboxRow[]) => rows.map(({ id }) => Number.parseInt(id.slice(-3), 16));
