import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Created, NewJob } from "../../actors/orchestrator.ts";
import { isTerminal } from "../../src/job/model.ts";
import { oneTask } from "../support/blueprints.ts";
import { CLIENT, World, type WorldOptions } from "../support/engine.ts";
import { StreamWorker } from "../support/worker.ts";

let world: World | undefined;
let folder: string | undefined;
async function start(options: WorldOptions = { blueprints: [oneTask("simple")] }): Promise<World> {
  world = await World.start(options);
  return world;
}
afterEach(async () => {
  await world?.stop();
  world = undefined;
  if (folder) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
});

const asked = (more: Partial<NewJob> = {}): NewJob => ({
  blueprint: "simple",
  initialData: "{}",
  uniqueKey: "k",
  ...more,
});
const submit = (w: World, jobs: readonly NewJob[] = [asked()], key?: string, admit?: (made: number) => void) =>
  w.engine.jobs.submit(CLIENT, jobs, key === undefined ? undefined : { key, bodyHash: "body" }, admit);
const open = async (w: World) =>
  (await w.done(w.storage.jobs.list({ limit: 1_000 }))).filter(({ status }) => !isTerminal(status));

describe("a unique key", () => {
  test("is answered with the open job that has it, until that is over", async () => {
    const w = await start();
    const worker = await new StreamWorker(w, "w").connect();
    const [first] = await w.done(submit(w));
    expect(first?.existing).toBeUndefined();
    expect(await w.done(submit(w))).toEqual([{ id: first?.id ?? "", existing: true }]);
    expect(await open(w)).toHaveLength(1);
    await worker.answer();
    const [second] = await w.done(submit(w));
    expect(second?.existing).toBeUndefined();
    expect(second?.id).not.toBe(first?.id);
  });

  test("that many ask for at once makes one job", async () => {
    const w = await start();
    const answers = await w.done(Promise.all(Array.from({ length: 50 }, () => submit(w))));
    const made = answers.flat().filter(({ existing }) => !existing);
    expect(made).toHaveLength(1);
    expect(new Set(answers.flat().map(({ id }) => id)).size).toBe(1);
    expect(await open(w)).toHaveLength(1);
  });

  test("is its client's and its blueprint's own", async () => {
    const w = await start({ blueprints: [oneTask("simple"), oneTask("other")] });
    await w.done(submit(w));
    const [of] = await w.done(submit(w, [asked({ blueprint: "other" })]));
    const [by] = await w.done(w.engine.jobs.submit({ id: "somebody", config: {} }, [asked()]));
    expect([of?.existing, by?.existing]).toEqual([undefined, undefined]);
    expect(await open(w)).toHaveLength(3);
  });

  test("in a batch makes the jobs that are new and names the others", async () => {
    const w = await start();
    const [first] = await w.done(submit(w));
    const admitted: number[] = [];
    const batch = [asked(), asked({ uniqueKey: "x" }), asked({ uniqueKey: "x" }), { ...asked(), uniqueKey: "y" }];
    const answers = await w.done(submit(w, batch, undefined, (made) => void admitted.push(made)));
    const [a, x, again, y] = answers as [Created, Created, Created, Created];
    expect(a).toEqual({ id: first?.id ?? "", existing: true });
    expect(again).toEqual({ id: x.id, existing: true });
    expect([x.existing, y.existing]).toEqual([undefined, undefined]);
    expect(await open(w)).toHaveLength(3);
    expect(admitted).toEqual([2]);
  });

  test("that is taken takes nothing of a quota", async () => {
    const w = await start();
    await w.done(submit(w));
    const admitted: number[] = [];
    await w.done(submit(w, [asked()], undefined, (made) => void admitted.push(made)));
    expect(admitted).toEqual([]);
  });

  test("beside an Idempotency-Key gives the same answer again, also after the job is over", async () => {
    const w = await start();
    const worker = await new StreamWorker(w, "w").connect();
    const [first] = await w.done(submit(w));
    const existing = [{ id: first?.id ?? "", existing: true as const }];
    expect(await w.done(submit(w, [asked()], "again"))).toEqual(existing);
    await worker.answer();
    expect(await w.done(submit(w, [asked()], "again"))).toEqual(existing);
    const [second] = await w.done(submit(w, [asked()], "new"));
    expect(second?.existing).toBeUndefined();
    expect(await w.done(submit(w, [asked()], "new"))).toEqual([{ id: second?.id ?? "" }]);
  });

  test("is free again when the creation could not be written", async () => {
    const w = await start();
    w.disk.refuse = () => new Error("no");
    await w.refused(submit(w));
    w.disk.refuse = () => undefined;
    const [job] = await w.done(submit(w));
    expect(job?.existing).toBeUndefined();
  });

  test("of a job that waits before it begins is taken as well", async () => {
    const w = await start();
    const [first] = await w.done(submit(w, [asked({ startAtMs: w.time.nowMs() + 60_000 })]));
    expect(await w.done(submit(w))).toEqual([{ id: first?.id ?? "", existing: true }]);
    await w.done(w.engine.jobs.cancel(undefined, first?.id ?? ""));
    expect((await w.done(submit(w)))[0]?.existing).toBeUndefined();
  });

  test("is taken again by a retry, or refuses it while another job has it", async () => {
    const w = await start();
    const worker = await new StreamWorker(w, "w").connect();
    const broken = { status: "failure", error: { code: "PERMANENT_ERROR", message: "no" } };
    const [first] = await w.done(submit(w));
    const id = first?.id ?? "";
    await worker.answer(broken);
    await w.done(w.engine.jobs.retry(undefined, id));
    expect(await w.done(submit(w))).toEqual([{ id, existing: true }]);

    await worker.answer(broken);
    const [second] = await w.done(submit(w));
    expect(await w.refused(w.engine.jobs.retry(undefined, id))).toMatchObject({
      code: "UNIQUE_KEY_TAKEN",
      status: 409,
      details: { job_id: second?.id },
    });
    expect((await w.view(id)).job.status).toBe("quarantined");
    await worker.answer();
    await w.done(w.engine.jobs.retry(undefined, id));
    expect((await w.view(id)).job.status).toBe("waiting_for_worker");
  });

  test("that a retry takes at the moment of a creation goes to one of both", async () => {
    const w = await start();
    const worker = await new StreamWorker(w, "w").connect();
    const [first] = await w.done(submit(w));
    const id = first?.id ?? "";
    await worker.answer({ status: "failure", error: { code: "PERMANENT_ERROR", message: "no" } });
    w.disk.hold();
    const both = Promise.allSettled([w.engine.jobs.retry(undefined, id), submit(w)]);
    await w.time.settle();
    w.disk.release();
    const [retried, created] = await w.done(both);
    expect(await open(w)).toHaveLength(1);
    const answer = created.status === "fulfilled" ? created.value[0] : undefined;
    expect(answer?.existing).toBe(retried.status === "fulfilled" ? true : undefined);
    await w.pass(3_000);
    expect(await open(w)).toHaveLength(1);
  });

  test("is kept over a crash, at each unit of the store", async () => {
    for (let until = 0; until <= 4; until++) {
      folder = mkdtempSync(join(tmpdir(), "unique-"));
      const w = await start({ folder, blueprints: [oneTask("simple")] });
      let units = 0;
      w.disk.refuse = () => (++units > until ? new Error("the process is dead") : undefined);
      const heard: Created[] = [];
      const worker = await new StreamWorker(w, "w").connect();
      for (let turn = 0; turn < 2; turn++) {
        await w.done(
          submit(w)
            .then(([one]) => void (one && heard.push(one)))
            .catch(() => undefined),
        );
        if (worker.got.length > 0) await worker.answer().catch(() => undefined);
      }
      await w.restart();
      const [answer] = await w.done(submit(w));
      expect(await open(w)).toHaveLength(1);
      expect((await open(w))[0]?.id).toBe(answer?.id ?? "");
      for (const { id } of heard) expect(await w.status(id)).toBeString();
      await w.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
