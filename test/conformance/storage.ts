/**
 * What every store has to do, whatever it is made of. An adapter's test calls this with a way to
 * open a fresh store and a way to open the same one again.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Job } from "../../src/job/model.ts";
import type { JobQuery, JobReader, OpenJob, Storage, StoredBundle, Unit } from "../../src/storage/port.ts";
import { describeOutbox } from "./outbox.ts";
import { describeRetention } from "./retention.ts";
import { shapes } from "../storage/job-shapes.ts";
import { describeDataStores } from "./data-stores.ts";
import {
  idOf,
  next,
  outcomeOf,
  refusalOf,
  sampleEvent,
  sampleJob,
  sampleWait,
  unitOf,
  writeOf,
} from "../storage/sample.ts";

export interface StoreUnderTest {
  /** A new, empty store. */
  open(): Promise<Storage>;
  /** Closes the store and opens it again. Left out: it keeps nothing. */
  readonly reopen?: (storage: Storage) => Promise<Storage>;
  /** What the store takes for the time of day. */
  setNowMs(nowMs: number): void;
  /** After the test: nothing of it is left. */
  cleanUp(): Promise<void>;
}

const HOUR_MS = 3_600_000;
const NASTY = ["a\u0000b", "\u0000", "\ud800", "x\udc00y", "é😀\u2028", "'; DROP TABLE jobs; --", ""];

export function describeStorage(name: string, make: () => StoreUnderTest): void {
  describeDataStores(name, make);
  let under: StoreUnderTest;
  let storage: Storage;
  const commit = (unit: Unit) => storage.journal.commit(unit);
  const load = (id: string) => storage.jobs.load(id);
  const commitAll = (units: readonly Unit[]) => Promise.all(units.map((unit) => outcomeOf(commit(unit))));

  beforeEach(async () => {
    under = make();
    storage = await under.open();
  });
  afterEach(async () => {
    await storage.close();
    await under.cleanUp();
  });

  describe(`${name}: units`, () => {
    test("a job that was committed is read back as it was", async () => {
      const job = sampleJob(idOf(1));
      await commit(unitOf(job));
      expect(await load(job.id)).toEqual(job);
      expect(await load(idOf(2))).toBeUndefined();
    });

    test("each shape of a job is read back exactly, at creation and after a change", async () => {
      for (const [index, shape] of shapes(60).entries()) {
        const id = idOf(index + 1);
        const job = { ...shape, id, version: 1 };
        await commit(unitOf(job));
        expect(await load(id)).toStrictEqual(job);
        const bare = {
          ...sampleJob(id),
          client: job.client,
          initialData: job.initialData,
          createdAtMs: job.createdAtMs,
        };
        const changed: Job = {
          ...bare,
          version: 2,
          blueprint: job.blueprint,
          ...(job.parentId === undefined ? {} : { parentId: job.parentId }),
        };
        await commit(unitOf(changed));
        expect(await load(id)).toStrictEqual(changed);
      }
    });

    test("a unit with one job at the wrong version writes none of its jobs", async () => {
      await commit(unitOf(sampleJob(idOf(1))));
      const unit = { jobs: [writeOf(sampleJob(idOf(2))), writeOf(sampleJob(idOf(1), { state: "other" }))] };
      expect(await outcomeOf(commit(unit))).toBe("STORE_CONFLICT");
      expect(await load(idOf(2))).toBeUndefined();
      expect((await load(idOf(1)))?.state).toBe("start");
      expect(await storage.jobs.events(idOf(2), 0, 10)).toEqual([]);
    });

    test("a conflict leaves the rest of its group as it is", async () => {
      await commit(unitOf(sampleJob(idOf(1))));
      const outcomes = await commitAll([
        unitOf(sampleJob(idOf(2))),
        unitOf(sampleJob(idOf(1))),
        unitOf(sampleJob(idOf(3))),
      ]);
      expect(outcomes).toEqual(["stored", "STORE_CONFLICT", "stored"]);
      expect(await load(idOf(3))).toBeDefined();
    });

    test("a change of a job that is not there conflicts, and says which version was found", async () => {
      const refusal = await refusalOf(commit(unitOf(sampleJob(idOf(1), { version: 8 }))));
      expect(refusal.code).toBe("STORE_CONFLICT");
      expect(refusal.details).toMatchObject({ kind: "job", id: idOf(1), expected: 7, found: 0 });
    });

    test("units of one group are written in order and see each other", async () => {
      const first = sampleJob(idOf(1));
      const second = next(first, { state: "two" });
      const third = next(second, { state: "three" });
      expect(await commitAll([unitOf(first), unitOf(second), unitOf(second), unitOf(third)])).toEqual([
        "stored",
        "stored",
        "STORE_CONFLICT",
        "stored",
      ]);
      expect(await load(first.id)).toEqual(third);
    });

    test("a version that does not follow is invalid", async () => {
      const unit = { jobs: [{ job: sampleJob(idOf(1), { version: 5 }), expectedVersion: 0, events: [] }] };
      expect(await outcomeOf(commit(unit))).toBe("STORE_INVALID");
      expect(await load(idOf(1))).toBeUndefined();
    });

    test("a unit that cannot be written is named, and its group is written without it", async () => {
      const twice = { jobs: [writeOf(sampleJob(idOf(2))), writeOf(sampleJob(idOf(2)))] };
      const cyclic: Record<string, unknown> = {};
      cyclic["self"] = cyclic;
      const noJson = unitOf(sampleJob(idOf(4), { client: { id: "acme", config: cyclic } }));
      const outcomes = await commitAll([unitOf(sampleJob(idOf(1))), twice, unitOf(sampleJob(idOf(3))), noJson]);
      expect(outcomes).toEqual(["stored", "STORE_INVALID", "stored", "STORE_INVALID"]);
      expect(await load(idOf(1))).toBeDefined();
      expect(await load(idOf(2))).toBeUndefined();
      expect(await load(idOf(3))).toBeDefined();
      expect([...(await storage.jobs.countByStatus())]).toEqual([["waiting_for_worker", 2]]);
    });

    test("a later unit that needs one that was left out conflicts", async () => {
      const bad = unitOf(sampleJob(idOf(1)), { branches: [{ slot: 0, result: { taskId: "t", json: "{}" } }] });
      const outcomes = await commitAll([bad, unitOf(next(sampleJob(idOf(1))))]);
      expect(outcomes).toEqual(["STORE_INVALID", "STORE_CONFLICT"]);
    });

    test("many jobs in one unit are all there or none", async () => {
      const jobs = Array.from({ length: 500 }, (_, index) => writeOf(sampleJob(idOf(index + 1))));
      await commit({ jobs });
      expect((await storage.jobs.list({ limit: 1000 })).length).toBe(500);
    });

    test("after close a commit is refused, and what was accepted before is stored", async () => {
      const accepted = outcomeOf(commit(unitOf(sampleJob(idOf(1)))));
      const closed = storage.close();
      expect(await outcomeOf(commit(unitOf(sampleJob(idOf(2)))))).toBe("STORE_CLOSED");
      expect(await accepted).toBe("stored");
      await closed;
      expect(await outcomeOf(load(idOf(1)))).toBe("STORE_CLOSED");
    });
  });

  describe(`${name}: texts`, () => {
    test("NULs, lone surrogates and quotes are kept whole in every text", async () => {
      for (const [index, text] of NASTY.entries()) {
        const job = sampleJob(idOf(index + 1), {
          client: { id: text, config: { [text]: text } },
          blueprint: text,
          hash: text,
          state: text,
          initialData: text,
          stateHistory: text,
          parentId: text,
          metadata: text,
          tags: [text],
        });
        const idempotency = { client: text, key: text, bodyHash: text, answer: text, expiresAtMs: HOUR_MS };
        await commit({
          jobs: [writeOf(job, { events: [sampleEvent("state_started", { state: text })] })],
          idempotency,
        });
        expect(await load(job.id)).toEqual(job);
        expect(await storage.jobs.idempotent(text, text, 0)).toEqual(idempotency);
        expect((await storage.jobs.events(job.id, 0, 1))[0]?.events[0]?.state).toBe(text);
        expect((await storage.jobs.list({ client: text, blueprint: text, limit: 10 })).map(({ id }) => id)).toEqual([
          job.id,
        ]);
        expect((await storage.jobs.countByStatus(text)).get("waiting_for_worker")).toBe(1);
      }
    });

    test("texts that differ after a NUL are different", async () => {
      await commit(unitOf(sampleJob(idOf(1), { client: { id: "a\u0000b", config: {} } })));
      expect(await storage.jobs.list({ client: "a\u0000c", limit: 10 })).toEqual([]);
      expect(await storage.jobs.list({ client: "a", limit: 10 })).toEqual([]);
    });

    test("huge integers, deep JSON and long inputs are kept to the letter", async () => {
      const deep = `${'{"a":'.repeat(200)}9007199254740993${"}".repeat(200)}`;
      const long = JSON.stringify({ text: "é".repeat(100_000) });
      const job = sampleJob(idOf(1), { initialData: long, stateHistory: deep, createdAtMs: Number.MAX_SAFE_INTEGER });
      await commit(unitOf(job));
      await commit(unitOf(next(job, { steps: 2 })));
      expect(await load(job.id)).toEqual(next(job, { steps: 2 }));
    });
  });

  describe(`${name}: history`, () => {
    test("the units of a job come back in order, after a version and no more than asked for", async () => {
      let job = sampleJob(idOf(1));
      for (let count = 0; count < 5; count++) {
        await commit(
          unitOf(job, { events: [sampleEvent("state_started"), sampleEvent("state_finished", { attempt: count })] }),
        );
        job = next(job);
      }
      const all = await storage.jobs.events(idOf(1), 0, 100);
      expect(all.map((unit) => unit.version)).toEqual([1, 2, 3, 4, 5]);
      expect(all[3]?.events).toEqual([sampleEvent("state_started"), sampleEvent("state_finished", { attempt: 3 })]);
      expect((await storage.jobs.events(idOf(1), 2, 2)).map((unit) => unit.version)).toEqual([3, 4]);
      expect(await storage.jobs.events(idOf(1), 5, 2)).toEqual([]);
      expect(await storage.jobs.events(idOf(2), 0, 2)).toEqual([]);
    });

    test("a long history comes whole", async () => {
      const units: Unit[] = [];
      for (let job = sampleJob(idOf(1)); units.length < 1200; job = next(job)) units.push(unitOf(job));
      await commitAll(units);
      const versions = (await storage.jobs.events(idOf(1), 0, 5000)).map((unit) => unit.version);
      expect(versions).toEqual(Array.from({ length: 1200 }, (_, index) => index + 1));
    });
  });

  describe(`${name}: branches`, () => {
    const parallel = sampleJob(idOf(1), {
      status: "waiting_for_parallel",
      parallel: { into: "join", total: 2, open: 2 },
    });
    const started = unitOf(parallel, {
      branches: [
        { slot: 1, wait: sampleWait(1) },
        { slot: 0, wait: sampleWait(0) },
      ],
    });
    const result = { taskId: "task", json: '{"n":1e400}' };

    test("a result is added to its branch and leaves the others", async () => {
      await commit(started);
      await commit(unitOf(next(parallel), { branches: [{ slot: 1, result }] }));
      expect(await storage.jobs.branches(idOf(1))).toEqual([
        { slot: 0, wait: sampleWait(0) },
        { slot: 1, wait: sampleWait(1), result },
      ]);
    });

    test("a branch that is written anew has no result", async () => {
      await commit(started);
      await commit(unitOf(next(parallel), { branches: [{ slot: 1, result }] }));
      const again = sampleWait(1, { attempt: 2 });
      await commit(unitOf(next(next(parallel)), { branches: [{ slot: 1, wait: again }] }));
      expect((await storage.jobs.branches(idOf(1)))[1]).toEqual({ slot: 1, wait: again });
    });

    test("dropping removes the branches of this job alone, and new ones may come in the same unit", async () => {
      await commit(started);
      await commit(unitOf({ ...parallel, id: idOf(2) }, { branches: [{ slot: 0, wait: sampleWait(0) }] }));
      const fresh = { slot: 7, wait: sampleWait(7) };
      await commit(unitOf(next(parallel), { dropBranches: true, branches: [{ slot: 0, result }, fresh] }));
      expect(await storage.jobs.branches(idOf(1))).toEqual([fresh]);
      expect((await storage.jobs.branches(idOf(2))).length).toBe(1);
    });

    test("a result for a branch that is not there is invalid, and changes nothing of its job", async () => {
      await commit(started);
      const unit = unitOf(next(parallel), { branches: [{ slot: 9, result }] });
      expect(await outcomeOf(commit(unit))).toBe("STORE_INVALID");
      expect((await load(idOf(1)))?.version).toBe(1);
    });

    test("a thousand branches come back in order", async () => {
      const branches = Array.from({ length: 1001 }, (_, slot) => ({ slot, wait: sampleWait(slot) }));
      await commit(unitOf(parallel, { branches }));
      expect(await storage.jobs.branches(idOf(1))).toEqual(branches);
    });
  });

  describe(`${name}: unique keys`, () => {
    const holder = (key = "k", client = "acme", blueprint = "flow") => storage.jobs.holderOf(client, blueprint, key);
    const unique = (number: number, changes: Partial<Job> = {}) =>
      sampleJob(idOf(number), { uniqueKey: "k", ...changes });

    test("an open job has its key, and no other job gets it", async () => {
      expect(await holder()).toBeUndefined();
      await commit(unitOf(unique(1)));
      expect(await holder()).toBe(idOf(1));
      const refusal = await refusalOf(commit(unitOf(unique(2))));
      expect([refusal.code, refusal.status]).toEqual(["UNIQUE_KEY_TAKEN", 409]);
      expect(refusal.details).toEqual({ job_id: idOf(1) });
      expect(await load(idOf(2))).toBeUndefined();
    });

    test("it keeps it through its changes and frees it in the unit that ends it", async () => {
      const job = unique(1);
      await commit(unitOf(job));
      await commit(unitOf(next(job, { state: "second" })));
      expect(await holder()).toBe(idOf(1));
      await commit(unitOf(next(next(job), { status: "finished" })));
      expect(await holder()).toBeUndefined();
      await commit(unitOf(unique(2)));
      expect(await holder()).toBe(idOf(2));
    });

    test("one that is over and goes on takes it again, if nobody has it", async () => {
      const job = unique(1, { status: "failed" });
      await commit(unitOf(job));
      expect(await holder()).toBeUndefined();
      const other = unique(2);
      await commit(unitOf(other));
      const again = next(job, { status: "running" });
      expect(await outcomeOf(commit(unitOf(again)))).toBe("UNIQUE_KEY_TAKEN");
      expect((await load(idOf(1)))?.status).toBe("failed");
      await commit(unitOf(next(other, { status: "cancelled" })));
      await commit(unitOf(again));
      expect(await holder()).toBe(idOf(1));
    });

    test("a job that is made and over in one unit needs the key to be free, and leaves it free", async () => {
      await commit(unitOf(unique(1)));
      expect(await outcomeOf(commit(unitOf(unique(2, { status: "finished" }))))).toBe("UNIQUE_KEY_TAKEN");
    });

    test("clients and blueprints have keys of their own, of any text", async () => {
      for (const [index, uniqueKey] of NASTY.entries()) await commit(unitOf(unique(index + 1, { uniqueKey })));
      for (const [index, key] of NASTY.entries()) expect(await holder(key)).toBe(idOf(index + 1));
      await commit(unitOf(unique(20)));
      await commit(unitOf(unique(21, { client: { id: "other", config: {} } })));
      await commit(unitOf(unique(22, { blueprint: "else" })));
      expect([await holder("k"), await holder("k", "other"), await holder("k", "acme", "else")]).toEqual([
        idOf(20),
        idOf(21),
        idOf(22),
      ]);
    });

    test("of two in one group the first gets it, and the rest of the group is written", async () => {
      const outcomes = await commitAll([unitOf(unique(1)), unitOf(unique(2)), unitOf(sampleJob(idOf(3)))]);
      expect(outcomes).toEqual(["stored", "UNIQUE_KEY_TAKEN", "stored"]);
    });

    test("it is there after the store is opened again", async () => {
      if (!under.reopen) return;
      await commit(unitOf(unique(1)));
      storage = await under.reopen(storage);
      expect(await holder()).toBe(idOf(1));
    });
  });

  describe(`${name}: gates`, () => {
    const gate = { sinceMs: 5, max: 1, key: "initial_data.x", value: '"y"' };

    test("open jobs at a gate are read, those that are over are not", async () => {
      const waiting = sampleJob(idOf(1), { status: "pending", gate, priority: 2, blueprint: "é" });
      const inside = sampleJob(idOf(2), { gate: { ...gate, isIn: true } });
      await commit({ jobs: [waiting, inside, sampleJob(idOf(3))].map((job) => writeOf(job)) });
      await commit(unitOf(sampleJob(idOf(4), { gate, status: "cancelled" })));
      expect(await storage.jobs.gated()).toEqual([
        { id: idOf(1), blueprint: "é", gate, priority: 2 },
        { id: idOf(2), blueprint: "flow", gate: { ...gate, isIn: true } },
      ]);
      await commit(unitOf(next(inside, { status: "finished" })));
      expect((await storage.jobs.gated()).map(({ id }) => id)).toEqual([idOf(1)]);
    });

    test("one that comes to a gate later is read, also after it went on from its end", async () => {
      const job = sampleJob(idOf(1));
      await commit(unitOf(job));
      expect(await storage.jobs.gated()).toEqual([]);
      await commit(unitOf(next(job, { gate, status: "failed" })));
      await commit(unitOf(next(next(job), { gate, status: "pending" })));
      expect((await storage.jobs.gated()).map(({ id }) => id)).toEqual([idOf(1)]);
    });

    test("many are read completely", async () => {
      const jobs = Array.from({ length: 1_203 }, (_, index) => sampleJob(idOf(index + 1), { status: "pending", gate }));
      await commit({ jobs: jobs.map((job) => writeOf(job)) });
      expect((await storage.jobs.gated()).map(({ id }) => id)).toEqual(jobs.map(({ id }) => id));
    });

    test("a pending job says what it waits for", async () => {
      const pending = { status: "pending" } as const;
      await commit({
        jobs: [
          sampleJob(idOf(1), { ...pending, gate }),
          sampleJob(idOf(2), { ...pending, handler: { failures: 0, notBeforeMs: 9 } }),
          sampleJob(idOf(3), { ...pending, handler: { failures: 0 } }),
          sampleJob(idOf(4), { gate: { ...gate, isIn: true } }),
        ].map((job) => writeOf(job)),
      });
      const open = await storage.jobs.openJobs("", 10);
      expect(open.map(({ begins }) => begins)).toEqual(["by-gate", "by-time", undefined, undefined]);
    });

    test("pauses of blueprints are kept until they end", async () => {
      const { registers } = storage;
      expect((await registers.pauses()).size).toBe(0);
      for (const [index, text] of NASTY.entries()) await registers.savePause(text, index);
      expect(await registers.pauses()).toEqual(new Map(NASTY.map((text, index) => [text, index])));
      await registers.savePause("é😀\u2028", undefined);
      if (under.reopen) storage = await under.reopen(storage);
      expect((await storage.registers.pauses()).has("é😀\u2028")).toBeFalse();
      expect((await storage.registers.pauses()).size).toBe(NASTY.length - 1);
    });
  });

  describe(`${name}: idempotency`, () => {
    const answer = { client: "acme", key: "k1", bodyHash: "hash", answer: '{"job_id":"1"}', expiresAtMs: 2 * HOUR_MS };
    beforeEach(() => under.setNowMs(HOUR_MS));

    test("the first answer stays, and a second unit with the key writes nothing", async () => {
      await commit({ ...unitOf(sampleJob(idOf(1))), idempotency: answer });
      const again = { ...unitOf(sampleJob(idOf(2))), idempotency: { ...answer, answer: "other" } };
      const refusal = await refusalOf(commit(again));
      expect([refusal.code, refusal.details]).toMatchObject(["STORE_CONFLICT", { kind: "idempotency" }]);
      expect(await load(idOf(2))).toBeUndefined();
      expect(await storage.jobs.idempotent("acme", "k1", HOUR_MS)).toEqual(answer);
    });

    test("two units with one key in one group: the first counts", async () => {
      const units = [1, 2].map((n) => ({ ...unitOf(sampleJob(idOf(n))), idempotency: answer }));
      expect(await commitAll(units)).toEqual(["stored", "STORE_CONFLICT"]);
    });

    test("keys belong to their client", async () => {
      await commit({ ...unitOf(sampleJob(idOf(1))), idempotency: answer });
      await commit({ ...unitOf(sampleJob(idOf(2))), idempotency: { ...answer, client: "other" } });
      expect(await storage.jobs.idempotent("third", "k1", HOUR_MS)).toBeUndefined();
    });

    test("an expired key is absent at its very moment, and may be used again", async () => {
      await commit({ ...unitOf(sampleJob(idOf(1))), idempotency: answer });
      expect(await storage.jobs.idempotent("acme", "k1", answer.expiresAtMs - 1)).toEqual(answer);
      expect(await storage.jobs.idempotent("acme", "k1", answer.expiresAtMs)).toBeUndefined();
      under.setNowMs(answer.expiresAtMs);
      const renewed = { ...answer, answer: "new", expiresAtMs: 3 * HOUR_MS };
      await commit({ ...unitOf(sampleJob(idOf(2))), idempotency: renewed });
      expect(await storage.jobs.idempotent("acme", "k1", answer.expiresAtMs)).toEqual(renewed);
    });
  });

  describe(`${name}: what recovery reads`, () => {
    const wakes = (fromMs: number, toMs: number, limit = 10, after?: OpenJob) =>
      storage.jobs.wakes(fromMs, toMs, limit, after);
    const ids = (jobs: readonly OpenJob[]) => jobs.map((job) => job.id);

    test("wakes: later than the first bound, not later than the second, soonest first, ties by id", async () => {
      for (const [number, wakeAtMs] of [
        [1, 30],
        [2, 10],
        [3, 20],
        [4, 20],
        [5, 40],
      ] as const) {
        await commit(unitOf(sampleJob(idOf(number)), { wakeAtMs }));
      }
      await commit(unitOf(sampleJob(idOf(6))));
      expect(ids(await wakes(10, 30))).toEqual([idOf(3), idOf(4), idOf(1)]);
      expect(ids(await wakes(9, 10))).toEqual([idOf(2)]);
      expect(ids(await wakes(40, 100))).toEqual([]);
      expect((await wakes(0, 10))[0]).toEqual({ id: idOf(2), status: "waiting_for_worker", wakeAtMs: 10 });
    });

    test("wakes go on after the last one of a page, also inside a tie", async () => {
      for (let number = 1; number <= 5; number++) await commit(unitOf(sampleJob(idOf(number)), { wakeAtMs: 20 }));
      const seen: string[] = [];
      let after: OpenJob | undefined;
      do {
        const page = await wakes(10, 20, 2, after);
        seen.push(...ids(page));
        after = page.at(-1);
      } while (after);
      expect(seen).toEqual([1, 2, 3, 4, 5].map(idOf));
    });

    test("a job whose wake-up is taken back is not woken", async () => {
      const job = sampleJob(idOf(1));
      await commit(unitOf(job, { wakeAtMs: 20 }));
      await commit(unitOf(next(job)));
      expect(await wakes(0, 100)).toEqual([]);
      expect(await storage.jobs.openJobs("", 10)).toEqual([{ id: job.id, status: "waiting_for_worker" }]);
    });

    test("open jobs come by id from a cursor on, without those that have ended", async () => {
      for (let number = 1; number <= 6; number++) await commit(unitOf(sampleJob(idOf(number))));
      await commit(unitOf(next(sampleJob(idOf(2)), { status: "finished" })));
      await commit(unitOf(next(sampleJob(idOf(5)), { status: "quarantined" })));
      expect(ids(await storage.jobs.openJobs("", 2))).toEqual([idOf(1), idOf(3)]);
      expect(ids(await storage.jobs.openJobs(idOf(3), 10))).toEqual([idOf(4), idOf(6)]);
      expect(ids(await storage.jobs.openJobs(idOf(2), 1))).toEqual([idOf(3)]);
    });

    test("waiting jobs are the open ones, with what they wait for", async () => {
      const order = { traceparent: "00-1" };
      const waiting = sampleJob(idOf(1), { visit: 3, begun: true, trace: order, task: sampleWait(0, { attempt: 2 }) });
      await commit(unitOf(waiting, { wakeAtMs: 7 }));
      await commit(unitOf(sampleJob(idOf(2), { handler: { failures: 1, notBeforeMs: 9 }, cancelRequestedAtMs: 4 })));
      await commit(unitOf(sampleJob(idOf(3), { status: "finished" })));
      await commit(unitOf(sampleJob(idOf(4), { parallel: { into: "gather", total: 2, open: 2 } })));

      const [first, second, fourth] = await storage.jobs.waitingJobs("", 10);
      expect(first).toMatchObject({ id: idOf(1), status: "waiting_for_worker", wakeAtMs: 7 });
      expect(first?.facts).toMatchObject({ visit: 3, begun: true, trace: order, task: waiting.task });
      expect(second?.facts).toMatchObject({ handler: { failures: 1, notBeforeMs: 9 }, cancelRequestedAtMs: 4 });
      expect(fourth).toMatchObject({ id: idOf(4), facts: { parallel: { into: "gather", total: 2, open: 2 } } });
      expect(ids(await storage.jobs.waitingJobs(idOf(1), 1))).toEqual([idOf(2)]);
    });

    test("open tasks are found by job and slot, each in its place, with what goes out with them", async () => {
      const plain = sampleJob(idOf(1), {
        visit: 2,
        trace: { traceparent: "00-2" },
        task: sampleWait(0, { checkpoint: "7" }),
      });
      await commit(unitOf(plain));
      const wide = sampleJob(idOf(2), { parallel: { into: "gather", total: 2, open: 1 } });
      const result = { taskId: "task", json: "{}" };
      await commit(
        unitOf(wide, {
          branches: [
            { slot: 0, wait: sampleWait(0), result },
            { slot: 1, wait: sampleWait(1) },
          ],
        }),
      );
      await commit(unitOf(sampleJob(idOf(3), { status: "failed" })));

      const places = [
        { jobId: idOf(2), slot: 1 },
        { jobId: idOf(9), slot: 0 },
        { jobId: idOf(1), slot: 0 },
        { jobId: idOf(1), slot: 1 },
        { jobId: idOf(2), slot: 0 },
        { jobId: idOf(3), slot: 0 },
      ];
      expect(await storage.jobs.tasks(places)).toEqual([
        { visit: 1, wait: sampleWait(1), trace: undefined },
        undefined,
        { visit: 2, wait: sampleWait(0, { checkpoint: "7" }), trace: { traceparent: "00-2" } },
        undefined,
        undefined,
        undefined,
      ]);
    });

    test("more tasks than are looked for in one go come whole", async () => {
      const numbers = Array.from({ length: 200 }, (_, index) => index + 1);
      await commit({ jobs: numbers.map((number) => writeOf(sampleJob(idOf(number), { task: sampleWait() }))) });
      const found = await storage.jobs.tasks(numbers.map((number) => ({ jobId: idOf(number), slot: 0 })));
      expect(found.filter((task) => task !== undefined)).toHaveLength(200);
    });

    test("a job that is taken up again is open again", async () => {
      const job = sampleJob(idOf(1), { status: "quarantined" });
      await commit(unitOf(job));
      expect(await storage.jobs.openJobs("", 10)).toEqual([]);
      await commit(unitOf(next(job, { status: "pending" })));
      expect(ids(await storage.jobs.openJobs("", 10))).toEqual([job.id]);
    });

    test("more open jobs than one page of the store come whole", async () => {
      await commit({
        jobs: Array.from({ length: 1300 }, (_, index) => writeOf(sampleJob(idOf(index + 1)), { wakeAtMs: 5 })),
      });
      expect((await storage.jobs.openJobs("", 5000)).length).toBe(1300);
      expect(new Set(ids(await wakes(0, 5, 5000))).size).toBe(1300);
    });
  });

  describeLists(name, () => storage.jobs, commit);

  describe(`${name}: retention`, () =>
    describeRetention(
      () => storage,
      (nowMs) => under.setNowMs(nowMs),
    ));
  describeOutbox(
    name,
    () => storage,
    async () => {
      if (under.reopen) storage = await under.reopen(storage);
      return under.reopen !== undefined;
    },
  );

  describe(`${name}: counts`, () => {
    test("each status is counted, for all and for each client", async () => {
      const other = { id: "other", config: {} };
      await commit(unitOf(sampleJob(idOf(1))));
      await commit(unitOf(sampleJob(idOf(2))));
      await commit(unitOf(sampleJob(idOf(3), { client: other })));
      await commit(unitOf(next(sampleJob(idOf(1)), { status: "finished" })));
      expect(await storage.jobs.countByStatus()).toEqual(
        new Map([
          ["finished", 1],
          ["waiting_for_worker", 2],
        ]),
      );
      expect(await storage.jobs.countByStatus("acme")).toEqual(
        new Map([
          ["finished", 1],
          ["waiting_for_worker", 1],
        ]),
      );
      expect(await storage.jobs.countByStatus("nobody")).toEqual(new Map());
    });

    test("units that were refused count nothing", async () => {
      await commitAll([unitOf(sampleJob(idOf(1))), unitOf(sampleJob(idOf(1))), unitOf(next(sampleJob(idOf(9))))]);
      expect(await storage.jobs.countByStatus()).toEqual(new Map([["waiting_for_worker", 1]]));
    });
  });

  describe(`${name}: registers`, () => {
    const bundle: StoredBundle = {
      hash: "h1",
      file: "flow.ts",
      code: "export const x = '\u0000\ud800';",
      manifests: "[]",
      sdkVersion: "0.1.0",
      createdAtMs: 5,
    };

    test("the epoch grows by one each time", async () => {
      const { registers } = storage;
      const first = await registers.nextEpoch();
      expect(first).toBeGreaterThan(0);
      expect([await registers.nextEpoch(), await registers.nextEpoch()]).toEqual([first + 1, first + 2]);
    });

    test("the secret is made once", async () => {
      const secret = await storage.registers.secret();
      expect(secret.length).toBeGreaterThanOrEqual(32);
      expect(new Set(secret).size).toBeGreaterThan(1);
      expect(await storage.registers.secret()).toEqual(secret);
    });

    test("workers are saved, replaced and removed", async () => {
      const { registers } = storage;
      await registers.saveWorker("w1", "one");
      await registers.saveWorker("w2", "two\u0000\ud800");
      await registers.saveWorker("w1", "one again");
      expect(await registers.workers()).toEqual(
        new Map([
          ["w1", "one again"],
          ["w2", "two\u0000\ud800"],
        ]),
      );
      await registers.removeWorker("w1");
      await registers.removeWorker("unknown");
      expect([...(await registers.workers()).keys()]).toEqual(["w2"]);
    });

    test("bundles are kept by their hash", async () => {
      await storage.registers.saveBundle(bundle);
      await storage.registers.saveBundle(bundle);
      expect(await storage.registers.bundle("h1")).toEqual(bundle);
      expect(await storage.registers.bundle("h2")).toBeUndefined();
    });

    test("token hashes are kept by audience", async () => {
      await storage.registers.saveTokenHashes(
        new Map([
          ["client", "c1"],
          ["worker", "w1"],
        ]),
      );
      await storage.registers.saveTokenHashes(new Map([["worker", "w2"]]));
      expect(await storage.registers.tokenHashes()).toEqual(
        new Map([
          ["client", "c1"],
          ["worker", "w2"],
        ]),
      );
    });

    test("used attempts are kept by client, each replaced alone", async () => {
      const { registers } = storage;
      expect(await registers.attempts()).toEqual(new Map());
      await registers.saveAttempts(
        new Map([
          ["acme; ü", { month: "2026-10", count: 1 }],
          ["other", { month: "2026-11", count: 2 }],
        ]),
      );
      await registers.saveAttempts(new Map([["acme; ü", { month: "2026-11", count: 7 }]]));
      expect(await registers.attempts()).toEqual(
        new Map([
          ["acme; ü", { month: "2026-11", count: 7 }],
          ["other", { month: "2026-11", count: 2 }],
        ]),
      );
    });

    test("reputations are kept by worker, each replaced or forgotten alone", async () => {
      const { registers } = storage;
      expect(await registers.reputations()).toEqual(new Map());
      await registers.saveAttempts(new Map([["w", { month: "2026-11", count: 7 }]]));
      await registers.saveReputations(
        new Map([
          ["w; ü", { value: 0.8, atMs: 1_800_000_000_000, good: 0, all: 1 }],
          ["other", { value: 0, atMs: 2, good: 0, all: 1 }],
        ]),
      );
      await registers.saveReputations(
        new Map([
          ["w; ü", { value: 0.30000000000000004, atMs: 3, good: 1.9, all: 2.71 }],
          ["other", undefined],
          ["nobody", undefined],
        ]),
      );
      expect(await registers.reputations()).toEqual(
        new Map([["w; ü", { value: 0.30000000000000004, atMs: 3, good: 1.9, all: 2.71 }]]),
      );
    });

    test("schedules are saved together and replaced, and only the keys that were named go with them", async () => {
      const { registers } = storage;
      under.setNowMs(0);
      const answer = { client: "s", key: "k\u0000", bodyHash: "h", answer: "[]", expiresAtMs: HOUR_MS };
      await commit({ jobs: [writeOf(sampleJob(idOf(1)))], idempotency: answer });
      await commit({ jobs: [writeOf(sampleJob(idOf(2)))], idempotency: { ...answer, key: "other" } });
      await registers.saveSchedules([
        { name: "one", record: "1" },
        { name: "two\ud800", record: "2\u0000" },
      ]);
      expect(await storage.jobs.idempotent("s", "k\u0000", 0)).toEqual(answer);

      await registers.saveSchedules([{ name: "one", record: "1 again", dropKey: { client: "s", key: "k\u0000" } }]);

      expect(await registers.schedules()).toEqual(
        new Map([
          ["one", "1 again"],
          ["two\ud800", "2\u0000"],
        ]),
      );
      expect(await storage.jobs.idempotent("s", "k\u0000", 0)).toBeUndefined();
      expect(await storage.jobs.idempotent("s", "other", 0)).toBeDefined();
    });

    test("after close nothing is written", async () => {
      await storage.close();
      expect(await outcomeOf(storage.registers.saveWorker("w1", "one"))).toBe("STORE_CLOSED");
      expect(await outcomeOf(storage.registers.workers())).toBe("STORE_CLOSED");
    });

    test("a store that is opened again has everything, and a greater epoch", async () => {
      const { reopen } = under;
      if (!reopen) return;
      under.setNowMs(0);
      const job = sampleJob(idOf(1), { initialData: JSON.stringify("x".repeat(10_000)) });
      const answer = { client: "acme", key: "k", bodyHash: "h", answer: "{}", expiresAtMs: HOUR_MS };
      const branch = { slot: 3, wait: sampleWait(3), result: { taskId: "t", json: "1" } };
      await commit({ jobs: [writeOf(job, { wakeAtMs: 7, branches: [branch] })], idempotency: answer });
      const [epoch, secret] = [await storage.registers.nextEpoch(), await storage.registers.secret()];
      await storage.registers.saveWorker("w1", "one");
      await storage.registers.saveBundle(bundle);
      await storage.registers.saveTokenHashes(new Map([["client", "c1"]]));
      await storage.registers.saveAttempts(new Map([["acme", { month: "2026-11", count: 3 }]]));
      await storage.registers.saveSchedules([{ name: "nightly", record: "{}" }]);
      await storage.registers.saveReputations(new Map([["w1", { value: 0.5, atMs: 7, good: 0, all: 1 }]]));

      storage = await reopen(storage);

      expect(await load(job.id)).toEqual(job);
      expect(await storage.jobs.branches(job.id)).toEqual([branch]);
      expect((await storage.jobs.events(job.id, 0, 10)).length).toBe(1);
      expect(await storage.jobs.idempotent("acme", "k", 0)).toEqual(answer);
      expect(ids(await storage.jobs.wakes(0, 7, 10))).toEqual([job.id]);
      expect(await storage.jobs.countByStatus("acme")).toEqual(new Map([["waiting_for_worker", 1]]));
      expect(await storage.registers.nextEpoch()).toBeGreaterThan(epoch);
      expect(await storage.registers.secret()).toEqual(secret);
      expect(await storage.registers.workers()).toEqual(new Map([["w1", "one"]]));
      expect(await storage.registers.bundle("h1")).toEqual(bundle);
      expect(await storage.registers.tokenHashes()).toEqual(new Map([["client", "c1"]]));
      expect(await storage.registers.attempts()).toEqual(new Map([["acme", { month: "2026-11", count: 3 }]]));
      expect(await storage.registers.schedules()).toEqual(new Map([["nightly", "{}"]]));
      expect(await storage.registers.reputations()).toEqual(
        new Map([["w1", { value: 0.5, atMs: 7, good: 0, all: 1 }]]),
      );
    });
  });
}

const ids = (jobs: readonly { readonly id: string }[]) => jobs.map((job) => job.id);

function describeLists(name: string, reader: () => JobReader, commit: (unit: Unit) => Promise<void>): void {
  describe(`${name}: lists`, () => {
    const list = async (query: Partial<JobQuery>) =>
      (await reader().list({ limit: 100, ...query })).map((job) => Number.parseInt(job.id.slice(-4), 16));
    const other = { id: "other", config: {} };

    beforeEach(async () => {
      // All created in the same two milliseconds: only their ids tell them apart.
      for (let number = 1; number <= 8; number++) {
        const job = sampleJob(idOf(number), {
          createdAtMs: number <= 4 ? 1000 : 1001,
          blueprint: number % 2 === 0 ? "even" : "odd",
          ...(number > 6 ? { client: other } : {}),
        });
        await commit(unitOf(job));
        if (number === 3) await commit(unitOf(next(job, { status: "finished" })));
        if (number === 4 || number === 7) await commit(unitOf(next(job, { status: "failed" })));
      }
    });

    test("newest first, also among jobs of one millisecond", async () => {
      expect(await list({})).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
    });

    test("by each filter and by several", async () => {
      expect(await list({ client: "acme" })).toEqual([6, 5, 4, 3, 2, 1]);
      expect(await list({ client: "other" })).toEqual([8, 7]);
      expect(await list({ client: "nobody" })).toEqual([]);
      expect(await list({ status: "failed" })).toEqual([7, 4]);
      expect(await list({ status: "finished" })).toEqual([3]);
      expect(await list({ status: "waiting_for_worker" })).toEqual([8, 6, 5, 2, 1]);
      expect(await list({ status: "cancelled" })).toEqual([]);
      expect(await list({ blueprint: "even" })).toEqual([8, 6, 4, 2]);
      expect(await list({ blueprint: "even", status: "failed", client: "acme" })).toEqual([4]);
      expect(await list({ blueprint: "odd", status: "waiting_for_worker" })).toEqual([5, 1]);
    });

    test("created after and before leave the bound itself out", async () => {
      expect(await list({ createdAfterMs: 1000 })).toEqual([8, 7, 6, 5]);
      expect(await list({ createdBeforeMs: 1001 })).toEqual([4, 3, 2, 1]);
      expect(await list({ createdAfterMs: 1000, createdBeforeMs: 1001 })).toEqual([]);
    });

    test("by the parent that they run inside of", async () => {
      const child = (number: number, parentId: string, changes: Partial<Job> = {}) =>
        commit(unitOf(sampleJob(idOf(number), { parentId, ...changes })));
      await child(11, idOf(1), { tags: ["a"] });
      await child(12, idOf(2));
      await child(13, idOf(1), { status: "failed", tags: ["a", "b"] });
      await child(14, idOf(11));
      expect(await list({ parent: idOf(1) })).toEqual([13, 11]);
      expect(await list({ parent: idOf(1), limit: 1, after: idOf(13) })).toEqual([11]);
      expect(await list({ parent: idOf(1), status: "failed" })).toEqual([13]);
      expect(await list({ parent: idOf(1), tags: ["a"] })).toEqual([13, 11]);
      expect(await list({ parent: idOf(1), tags: ["a", "b"] })).toEqual([13]);
      expect(await list({ parent: idOf(3) })).toEqual([]);
    });

    test("by tags, all of which a job has to have, beside the other filters and page by page", async () => {
      const tagged = (number: number, tags: readonly string[], changes: Partial<Job> = {}) =>
        commit(unitOf(sampleJob(idOf(number), { tags, ...changes })));
      await tagged(11, ["a"]);
      await tagged(12, ["a", "b", "a"]);
      await tagged(13, ["b"], { status: "failed" });
      await tagged(14, ["b", "a", "c"], { client: { id: "other", config: {} } });
      await tagged(
        15,
        NASTY.filter((text) => text !== ""),
      );
      await tagged(16, ["a"], { status: "failed", blueprint: "even" });
      expect(await list({ tags: ["a"] })).toEqual([16, 14, 12, 11]);
      expect(await list({ tags: ["b", "a"] })).toEqual([14, 12]);
      expect(await list({ tags: ["a", "b", "c"] })).toEqual([14]);
      expect(await list({ tags: ["A"] })).toEqual([]);
      for (const tag of NASTY) expect(await list({ tags: [tag] })).toEqual(tag === "" ? [] : [15]);
      expect(await list({ tags: ["b"], client: "acme" })).toEqual([13, 12]);
      expect(await list({ tags: ["a"], status: "failed" })).toEqual([16]);
      expect(await list({ tags: ["a"], status: "failed", blueprint: "odd" })).toEqual([]);
      expect(await list({ tags: ["a"], limit: 2 })).toEqual([16, 14]);
      expect(await list({ tags: ["a"], limit: 2, after: idOf(14) })).toEqual([12, 11]);
      expect(await list({ tags: ["a"], limit: 2, offset: 1 })).toEqual([14, 12]);
    });

    test("by cursor, by offset and by both, without a gap or a repetition", async () => {
      expect(await list({ limit: 3 })).toEqual([8, 7, 6]);
      expect(await list({ limit: 3, after: idOf(6) })).toEqual([5, 4, 3]);
      expect(await list({ limit: 3, after: idOf(1) })).toEqual([]);
      expect(await list({ limit: 2, offset: 3 })).toEqual([5, 4]);
      expect(await list({ limit: 2, offset: 1, after: idOf(5) })).toEqual([3, 2]);
      expect(await list({ limit: 2, offset: 100 })).toEqual([]);
      expect(await list({ blueprint: "even", limit: 1, offset: 2 })).toEqual([4]);
      expect(await list({ limit: 0 })).toEqual([]);
    });

    test("a cursor stays good when its job changes", async () => {
      const page = await reader().list({ status: "waiting_for_worker", limit: 2 });
      expect(ids(page)).toEqual([idOf(8), idOf(6)]);
      const last = page[1];
      if (last) await commit(unitOf(next(last, { status: "finished" })));
      expect(await list({ status: "waiting_for_worker", limit: 2, after: idOf(6) })).toEqual([5, 2]);
    });

    test("a filter that fits only the oldest of many jobs finds it", async () => {
      const many = Array.from({ length: 6000 }, (_, index) => writeOf(sampleJob(idOf(index + 100)), { events: [] }));
      await commit({ jobs: many });
      expect(await list({ createdBeforeMs: 1001, limit: 2, client: "acme" })).toEqual([4, 3]);
      expect(await list({ createdBeforeMs: 1001, limit: 2, offset: 3 })).toEqual([1]);
    });
  });
}
