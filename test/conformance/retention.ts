/** What every store has to do about what is old enough to go. */
import { expect, test } from "bun:test";
import type { Job } from "../../src/job/model.ts";
import type { KeyPlace, Storage } from "../../src/storage/port.ts";
import { idOf, next, sampleJob, sampleWait, unitOf, writeOf } from "../storage/sample.ts";

const OLD_MS = 1_000;
const CUT_MS = 2_000;
const NEW_MS = 3_000;

export function describeRetention(current: () => Storage, setNowMs: (nowMs: number) => void): void {
  const ended = (number: number, more: Partial<Job> = {}) =>
    sampleJob(idOf(number), { status: "finished", createdAtMs: 500, updatedAtMs: OLD_MS, ...more });
  const childOf = (parent: number, number: number, more: Partial<Job> = {}) =>
    ended(number, { parentId: idOf(parent), ...more });
  const write = (...jobs: readonly Job[]) => current().journal.commit({ jobs: jobs.map((job) => writeOf(job)) });
  const roots = async (after = "", look = 100) => {
    const { trees } = await current().retention.endedTrees(after, CUT_MS, look);
    return trees.map((tree) => tree.root);
  };
  const remove = (...numbers: readonly number[]) =>
    current().journal.commit({ jobs: [], remove: { roots: numbers.map(idOf), endedBeforeMs: CUT_MS, keys: [] } });
  const there = async (...numbers: readonly number[]) => {
    const jobs = await Promise.all(numbers.map((number) => current().jobs.load(idOf(number))));
    return numbers.filter((_number, index) => jobs[index]);
  };

  test("jobs that ended long enough ago may go, the oldest first, page by page", async () => {
    await write(ended(1), ended(2, { updatedAtMs: NEW_MS }), sampleJob(idOf(3), { updatedAtMs: OLD_MS }), ended(4));
    expect(await roots()).toEqual([idOf(1), idOf(4)]);
    expect(await roots("", 2)).toEqual([idOf(1)]);
    expect((await current().retention.endedTrees("", CUT_MS, 2)).last).toBe(idOf(2));
    expect(await roots(idOf(1))).toEqual([idOf(4)]);
    expect((await current().retention.endedTrees("", CUT_MS, 10)).last).toBeUndefined();
  });

  test("a job goes with its tags, and a new one with its id has its own alone", async () => {
    const tagged = async (tag: string) => (await current().jobs.list({ tags: [tag], limit: 10 })).map(({ id }) => id);
    await write(ended(1, { tags: ["old", "\u0000", "both"] }), ended(2, { tags: ["old"] }));
    await remove(1);
    expect(await tagged("old")).toEqual([idOf(2)]);
    await write(ended(1, { tags: ["new", "both"] }));
    expect([await tagged("old"), await tagged("new"), await tagged("both"), await tagged("\u0000")]).toEqual([
      [idOf(2)],
      [idOf(1)],
      [idOf(1)],
      [],
    ]);
  });

  test("a job goes with its history, branches, counts, and all jobs below it", async () => {
    await write(ended(1), childOf(1, 2), childOf(2, 3), ended(4));
    const wide = sampleJob(idOf(5), { createdAtMs: 500, parallel: { into: "x", total: 1, open: 1 } });
    await current().journal.commit(unitOf(wide, { branches: [{ slot: 0, wait: sampleWait(0) }] }));
    await write(next(wide, { status: "cancelled", updatedAtMs: OLD_MS }));
    expect((await current().retention.endedTrees("", CUT_MS, 1)).trees).toEqual([{ root: idOf(1), jobs: 3, rows: 6 }]);

    await remove(1, 5);
    expect(await there(1, 2, 3, 4, 5)).toEqual([4]);
    expect(await current().jobs.events(idOf(1), 0, 10)).toEqual([]);
    expect(await current().jobs.branches(idOf(5))).toEqual([]);
    expect([...(await current().jobs.countByStatus())]).toEqual([["finished", 1]]);
    expect((await current().jobs.list({ limit: 10 })).map((job) => job.id)).toEqual([idOf(4)]);
    // Its id is free, and nothing of what it was comes back.
    await write(ended(1));
    expect(await current().jobs.events(idOf(1), 0, 10)).toHaveLength(1);
  });

  for (const [name, member] of [
    ["is not over", { status: "waiting_for_worker" }],
    ["has not been over for long", { updatedAtMs: NEW_MS }],
  ] as const) {
    test(`a job stays as long as one below it ${name}, and none of its children goes before it`, async () => {
      await write(ended(1), childOf(1, 2), childOf(2, 3, member));
      expect(await roots()).toEqual([]);
      await remove(1);
      expect(await there(1, 2, 3)).toEqual([1, 2, 3]);
    });

    test(`a child stays as long as its parent ${name}`, async () => {
      await write(ended(1, member), childOf(1, 2));
      expect(await roots()).toEqual([]);
    });
  }

  test("a job that was taken up again since it was looked for stays whole", async () => {
    await write(ended(1));
    expect(await roots()).toEqual([idOf(1)]);
    await write(next(ended(1), { status: "running" }));
    await remove(1);
    expect(await there(1)).toEqual([1]);
    expect(await current().jobs.events(idOf(1), 0, 10)).toHaveLength(2);
  });

  test("a job waits for what is still to be sent of it, and not for what was given up", async () => {
    const row = (number: number) => ({ id: idOf(number), kind: "webhook", body: "{}", dueAtMs: 1 }) as const;
    await current().journal.commit(unitOf(ended(1), { outbox: [row(11)] }));
    await current().journal.commit(unitOf(ended(2), { outbox: [row(12)] }));
    await current().journal.commit({
      jobs: [],
      outbox: [{ type: "fail", id: idOf(12), attempts: 3, atMs: 9, error: "gone" }],
    });
    expect(await roots()).toEqual([idOf(2)]);
    await remove(1, 2);
    expect(await there(1, 2)).toEqual([1]);
    expect((await current().outbox.failed(10)).map(({ id }) => id)).toEqual([idOf(12)]);
  });

  test("what references a job's messages goes with it", async () => {
    await write(ended(1), ended(2));
    const refer = (number: number) => ({ type: "refer", jobId: idOf(number), name: "message", value: "7" }) as const;
    await current().journal.commit({ jobs: [], outbox: [refer(1), refer(2)] });
    await remove(1);
    const references = [1, 2].map((number) => current().outbox.reference(idOf(number), "message"));
    expect(await Promise.all(references)).toEqual([undefined, "7"]);
  });

  test("keys go once they have expired, those of each client in turn", async () => {
    const key = (client: string, name: string, expiresAtMs: number) => ({
      client,
      key: name,
      bodyHash: "h",
      answer: "[]",
      expiresAtMs,
    });
    for (const one of [key("a", "1", 10), key("a", "2", 90), key("b", "1", 20), key("b", "2", 30)]) {
      await current().journal.commit({ jobs: [], idempotency: one });
    }
    setNowMs(50);
    const found: KeyPlace[] = [];
    let place: KeyPlace | undefined;
    do {
      const { keys, last } = await current().retention.expiredKeys(place, 50, 2);
      found.push(...keys);
      place = last;
    } while (place);
    expect(found.map(({ client, key }) => client + key)).toEqual(["a1", "b1", "b2"]);
    await current().journal.commit({ jobs: [], remove: { roots: [], endedBeforeMs: 0, keys: found } });

    expect((await current().retention.expiredKeys(undefined, 1_000, 10)).keys).toEqual([{ client: "a", key: "2" }]);
  });
}
