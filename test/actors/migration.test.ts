import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Blueprint } from "../../src/blueprint/index.ts";
import type { Actions, Context } from "../../src/blueprint/sdk.ts";
import { World } from "../support/engine.ts";
import { StreamWorker } from "../support/worker.ts";

let world: World | undefined;
let folder: string | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
  if (folder) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
});

type States = Record<string, ((context: Context, actions: Actions) => void) | "end">;

/** Each state leaves its version's mark, so that it shows which one ran. */
function version(mark: string, states: States, aggregators: States = {}, name = "flow"): Blueprint {
  const blueprint = new Blueprint({ name });
  const marked = (state: string, act: States[string]) => (context: Context, actions: Actions) => {
    context.stateHistory["ran"] = [...(context.stateHistory["ran"] ?? []), `${mark}/${state}`];
    if (act !== "end") act?.(context, actions);
  };
  for (const [index, [state, act]] of Object.entries(states).entries()) {
    blueprint.handlerFor(state, { isStart: index === 0, isEnd: act === "end" }, marked(state, act));
  }
  for (const [state, act] of Object.entries(aggregators)) blueprint.aggregatorFor(state, marked(state, act));
  return blueprint;
}

async function begin(first: Blueprint, second: Blueprint, input: object = {}, others: readonly Blueprint[] = []) {
  folder = mkdtempSync(join(tmpdir(), "migration-"));
  const w = await World.start({ folder, blueprints: [first, ...others] });
  world = w;
  const worker = await new StreamWorker(w, "w").connect();
  const id = await w.create(first.name, input);
  await w.pass(100);
  const hash = w.versions.deploy(second);
  return { w, worker, id, hash };
}

const migrate = (w: World, id: string, states: Record<string, string> = {}, to = "current", isDryRun = false) =>
  w.engine.jobs.migrate(id, { to, states, isDryRun });
const ran = async (w: World, id: string) => (await w.stateHistory(id))["ran"];

describe("a job that is migrated", () => {
  test("while it waits for a person goes on in the new version, its states by their new names", async () => {
    const ask = (on: string) => (_c: Context, actions: Actions) =>
      actions.awaitHumanApproval({
        integration: "dashboard",
        message: "?",
        transitions: { approved: on, rejected: "failed", timeout: "late" },
        timeoutSeconds: 60,
      });
    const { w, id, hash } = await begin(
      version("1", { check: ask("ship"), ship: "end", late: "end" }),
      version("2", { review: ask("send"), send: "end", late: "end" }),
    );
    const before = (await w.view(id)).job;
    const migration = await w.done(migrate(w, id, { check: "review", ship: "send" }));
    expect(migration).toEqual({ status: "migrated", from: "hash-of-flow", to: hash, state: "review" });
    const { job } = await w.view(id);
    expect([job.state, job.hash, job.status, job.visit]).toEqual(["review", hash, "waiting_for_human", before.visit]);
    expect((await w.history(id)).at(-1)).toMatchObject({
      event_type: "job_migrated",
      state: "review",
      previous_state: "check",
      context_snapshot: {
        current_state: "review",
        status: "waiting_for_human",
        migration: { from: "hash-of-flow", to: hash, states: { check: "review", ship: "send" } },
      },
    });
    await w.restart();
    await w.done(w.engine.jobs.decide(undefined, id, { decision: "approved", by: "me", through: "api" }));
    await w.pass(100);
    expect(await w.status(id)).toBe("finished");
    expect(await ran(w, id)).toEqual(["1/check", "2/send"]);
  });

  test("while it waits for time is woken into the new version", async () => {
    const nap = (on: string) => (_c: Context, actions: Actions) => actions.waitFor({ seconds: 5, then: on });
    const { w, id } = await begin(
      version("1", { start: nap("old"), old: "end" }),
      version("2", { start: nap("new"), new: "end" }),
    );
    await w.done(migrate(w, id, { old: "new" }));
    await w.pass(6_000);
    expect([await w.status(id), await ran(w, id)]).toEqual(["finished", ["1/start", "2/new"]]);
  });

  test("while a worker runs its task goes on running, and its result counts", async () => {
    const work = (on: string) => (_c: Context, actions: Actions) =>
      actions.dispatchTask({ taskType: "t", transitions: { success: on, failure: "failed" } });
    const { w, id, worker } = await begin(
      version("1", { start: work("old"), old: "end" }),
      version("2", { begin: work("new"), new: "end" }),
    );
    await w.done(migrate(w, id, { start: "begin", old: "new" }));
    expect(worker.got).toHaveLength(1);
    expect(await worker.answer({ data: { answer: 7 } })).toEqual({ status: "result_accepted_success" });
    await w.pass(100);
    expect([await w.status(id), await ran(w, id)]).toEqual(["finished", ["1/start", "2/new"]]);
    expect((await w.stateHistory(id))["answer"]).toBe(7);
  });

  test("while branches run aggregates in the new version, those included that had ended", async () => {
    const fan = (into: string) => (_c: Context, actions: Actions) =>
      actions.dispatchParallel({
        tasks: [0, 1, 2].map((index) => ({ taskType: "t", params: { index }, transitions: { failure: "failed" } })),
        aggregateInto: into,
      });
    const gather = ({ aggregationResults, stateHistory }: Context, actions: Actions) => {
      stateHistory["count"] = Object.keys(aggregationResults).length;
      actions.transitionTo("done");
    };
    const { w, id, worker } = await begin(
      version("1", { start: fan("gather"), done: "end" }, { gather }),
      version("2", { start: fan("collect"), done: "end" }, { collect: gather }),
    );
    const [first, second, third] = worker.got;
    await worker.answer({}, first);
    await w.done(migrate(w, id, { gather: "collect" }));
    await w.restart();
    const again = await new StreamWorker(w, "w").connect();
    await w.pass(8_000, 200);
    const open = again.got.length > 0 ? again.got : [second, third];
    for (const task of open) await again.answer({}, task);
    await w.pass(500);
    expect(await ran(w, id)).toEqual(["1/start", "2/collect", "2/done"]);
    expect((await w.stateHistory(id))["count"]).toBe(3);
  });

  test("while its child runs hears of the child's end; the child goes on in its own version or another", async () => {
    const run = (on: string) => (_c: Context, actions: Actions) =>
      actions.runBlueprint({ blueprintName: "child", transitions: { success: on, failure: "failed" } });
    const work = (on: string) => (_c: Context, actions: Actions) =>
      actions.dispatchTask({ taskType: "t", transitions: { success: on, failure: "failed" } });
    const child = version("1", { start: work("old"), old: "end" }, {}, "child");
    const { w, id, worker } = await begin(
      version("1", { start: run("old"), old: "end" }),
      version("2", { start: run("new"), new: "end" }),
      {},
      [child],
    );
    w.versions.deploy(version("2", { start: work("new"), new: "end" }, {}, "child"));
    const childId = (await w.view(id)).job.child?.childId ?? "";
    await w.done(migrate(w, childId, { old: "new" }));
    await w.done(migrate(w, id, { old: "new" }));
    await worker.answer();
    await w.pass(500);
    expect([await w.status(id), await ran(w, id)]).toEqual(["finished", ["1/start", "2/new"]]);
    expect([await w.status(childId), await ran(w, childId)]).toEqual(["finished", ["1/start", "2/new"]]);
  });

  test("before it has begun begins in the new version", async () => {
    folder = mkdtempSync(join(tmpdir(), "migration-"));
    const w = (world = await World.start({ folder, blueprints: [version("1", { start: "end" })] }));
    const id = await w.create("flow", {}, { startAtMs: w.time.nowMs() + 5_000 });
    w.versions.deploy(version("2", { start: "end" }));
    await w.done(migrate(w, id));
    await w.pass(6_000);
    expect(await ran(w, id)).toEqual(["2/start"]);
  });

  test("to the version that it is of stays as it is", async () => {
    const parked = version("1", {
      start: (_c, actions) => actions.waitFor({ seconds: 60, then: "done" }),
      done: "end",
    });
    const { w, id } = await begin(parked, version("2", { start: "end" }));
    const before = (await w.view(id)).job;
    expect(await w.done(migrate(w, id, {}, "hash-of-flow"))).toMatchObject({ status: "unchanged", state: "start" });
    expect((await w.view(id)).job).toEqual(before);
  });

  test("can go back", async () => {
    const nap = (on: string) => (_c: Context, actions: Actions) => actions.waitFor({ seconds: 5, then: on });
    const { w, id } = await begin(
      version("1", { start: nap("old"), old: "end" }),
      version("2", { start: nap("new"), new: "end" }),
    );
    await w.done(migrate(w, id, { old: "new" }));
    expect((await w.view(id)).job.hash).toBe("hash-of-flow-2");
    await w.done(migrate(w, id, { new: "old" }, "hash-of-flow"));
    await w.pass(6_000);
    expect(await ran(w, id)).toEqual(["1/start", "1/old"]);
  });
});

describe("a migration that does not fit changes nothing", () => {
  const work = (_c: Context, actions: Actions) =>
    actions.dispatchTask({ taskType: "t", transitions: { success: "done", failure: "sorry" } });
  const first = () => version("1", { start: work, done: "end", sorry: "end" });

  for (const [what, second, states, missing] of [
    ["its state is gone", version("2", { begin: work, done: "end", sorry: "end" }), {}, ["start"]],
    ["a state that a wait leads to is gone", version("2", { start: work, done: "end" }), {}, ["sorry"]],
    ["several are gone", version("2", { begin: "end" }), { start: "begin" }, ["done", "sorry"]],
    ["a task would lead to an aggregator", version("2", { start: work, sorry: "end" }, { done: "end" }), {}, ["done"]],
  ] as const) {
    test(`because ${what}`, async () => {
      const { w, id, worker } = await begin(first(), second);
      const before = (await w.view(id)).job;
      const refusal = await w.refused(migrate(w, id, states));
      expect(refusal).toMatchObject({ code: "MIGRATION_MISFIT", status: 409 });
      const { details } = refusal as { details: { missing: { state: string }[] } };
      expect(details.missing.map(({ state }) => state)).toEqual([...missing]);
      expect((await w.view(id)).job).toEqual(before);
      await worker.answer();
      await w.pass(100);
      expect(await ran(w, id)).toEqual(["1/start", "1/done"]);
    });
  }

  test("because branches would lead to no aggregator", async () => {
    const fan = (_c: Context, actions: Actions) =>
      actions.dispatchParallel({
        tasks: [{ taskType: "t", transitions: { failure: "failed" } }],
        aggregateInto: "gather",
      });
    const { w, id } = await begin(
      version("1", { start: fan }, { gather: (_c, actions) => actions.transitionTo("finished") }),
      version("2", { start: fan, gather: "end" }),
    );
    const refusal = await w.refused(migrate(w, id));
    expect(refusal).toMatchObject({ code: "MIGRATION_MISFIT" });
    expect(String((refusal as Error).message)).toContain("is no aggregator there");
  });

  test("because the job is over", async () => {
    const { w, id, worker } = await begin(first(), first());
    await worker.answer();
    expect(await w.refused(migrate(w, id))).toMatchObject({ code: "JOB_TERMINAL", status: 409 });
  });

  test("because there is no such version, job or state", async () => {
    const { w, id } = await begin(first(), first());
    expect(await w.refused(migrate(w, id, {}, "nowhere"))).toMatchObject({ code: "VERSION_NOT_FOUND", status: 404 });
    expect(await w.refused(migrate(w, "other"))).toMatchObject({ code: "JOB_NOT_FOUND" });
    expect(await w.refused(migrate(w, id, { strat: "start" }))).toMatchObject({ code: "UNKNOWN_STATE", status: 422 });
    expect(await w.refused(migrate(w, id, { start: "strat" }))).toMatchObject({ code: "UNKNOWN_STATE", status: 422 });
  });

  test("and one that is only tried changes nothing either", async () => {
    const { w, id } = await begin(first(), first());
    const before = (await w.view(id)).job;
    expect(await w.done(migrate(w, id, {}, "current", true))).toMatchObject({ status: "migrated" });
    expect((await w.view(id)).job).toEqual(before);
  });
});

describe("a limit", () => {
  const limited = (max?: number) =>
    new Blueprint({ name: "one", ...(max !== undefined && { concurrency: { max } }) })
      .handlerFor("start", { isStart: true }, (_c, actions) => actions.waitFor({ seconds: 600, then: "done" }))
      .handlerFor("done", { isEnd: true }, () => undefined);
  const running = async (w: World, ids: readonly string[]) =>
    (await Promise.all(ids.map((id) => w.status(id)))).filter((status) => status !== "pending").length;

  test("that a newer version changes holds for those who wait already", async () => {
    const w = (world = await World.start({ blueprints: [limited(1)] }));
    const ids: string[] = [];
    for (let count = 0; count < 6; count++) ids.push(await w.create("one"));
    expect(await running(w, ids)).toBe(1);
    w.versions.deploy(limited(3));
    await w.pass(100);
    expect(await running(w, ids)).toBe(3);
    const { standing } = await w.view(ids.at(-1) ?? "");
    expect(standing).toEqual({ isPaused: false, position: 3, max: 3 });
    w.versions.deploy(limited());
    await w.pass(100);
    expect(await running(w, ids)).toBe(6);
  });
});
