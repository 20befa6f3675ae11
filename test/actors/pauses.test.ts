import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Blueprint } from "../../src/blueprint/index.ts";
import type { Actions } from "../../src/blueprint/sdk.ts";
import { oneTask } from "../support/blueprints.ts";
import { World } from "../support/engine.ts";

let world: World | undefined;
let folder: string | undefined;

async function start(...blueprints: readonly Blueprint[]): Promise<World> {
  folder = mkdtempSync(join(tmpdir(), "avtomatika-pauses-"));
  world = await World.start({ folder, blueprints });
  return world;
}

afterEach(async () => {
  await world?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  world = folder = undefined;
});

/** Begins to wait, and ends in the state that the end of the wait leads to. */
function waiting(name: string, wait: (actions: Actions, input: Record<string, never>) => void): Blueprint {
  const blueprint = new Blueprint({ name });
  blueprint.handlerFor("start", { isStart: true }, ({ initialData }, actions) => wait(actions, initialData));
  blueprint.handlerFor("again", (_context, actions) => actions.transitionTo("start"));
  for (const state of ["good", "bad", "late"]) blueprint.handlerFor(state, { isEnd: true }, () => undefined);
  return blueprint;
}

const nap = waiting("nap", (actions) => actions.waitFor({ seconds: 3_600, then: "good" }));
const dated = waiting("dated", (actions, input) => actions.waitFor({ until: input["until"] ?? "", then: "good" }));
const listening = waiting("listening", (actions) =>
  actions.waitForEvent({ event: "paid", timeoutSeconds: 60, transitions: { received: "good", timeout: "late" } }),
);
const asked = waiting("asked", (actions) =>
  actions.awaitHumanApproval({
    integration: "dashboard",
    message: "Publish it?",
    transitions: { approved: "good", rejected: "bad", again: "again", timeout: "late" },
    timeoutSeconds: 600,
  }),
);
const unlimited = waiting("unlimited", (actions) =>
  actions.awaitHumanApproval({ integration: "slack", message: "?", transitions: { approved: "good" } }),
);

const code = (error: unknown) => (error as { code: string }).code;
const by = { by: "Ada", through: "api" };

describe("a timer", () => {
  test("fires at its time, also when the server was restarted in between", async () => {
    const w = await start(nap);
    const id = await w.create("nap");
    expect(await w.status(id)).toBe("waiting_for_timer");

    await w.restart();
    await w.pass(3_598_000, 10_000);
    expect(await w.status(id)).toBe("waiting_for_timer");
    await w.pass(3_000, 500);

    expect((await w.view(id)).job).toMatchObject({ status: "finished", state: "good" });
    expect(await w.eventTypes(id)).toContain("timer_fired");
  });

  test("whose time came while the server was down fires at the start", async () => {
    const w = await start(nap);
    const id = await w.create("nap");
    await w.stop();
    w.time.advance(7_200_000);
    await w.restart();
    await w.pass(6_000, 500);
    expect(await w.status(id)).toBe("finished");
  });

  test("of a length does not mind a jump of the wall clock", async () => {
    const w = await start(nap);
    const id = await w.create("nap");
    w.time.shiftWall(7_200_000);
    await w.pass(60_000, 1_000);
    expect(await w.status(id)).toBe("waiting_for_timer");
  });

  test("with a date follows the wall clock forward", async () => {
    const w = await start(dated);
    const until = new Date(w.time.nowMs() + 3_600_000).toISOString();
    const id = await w.create("dated", { until });
    await w.pass(5_000, 500);
    expect(await w.status(id)).toBe("waiting_for_timer");

    w.time.shiftWall(3_600_000);
    await w.pass(5_000, 500);

    expect(await w.status(id)).toBe("finished");
  });

  test("with a date follows the wall clock back", async () => {
    const w = await start(dated);
    const until = new Date(w.time.nowMs() + 60_000).toISOString();
    const id = await w.create("dated", { until });
    w.time.shiftWall(-120_000);
    await w.pass(100_000, 1_000);
    expect(await w.status(id)).toBe("waiting_for_timer");
    await w.pass(90_000, 1_000);
    expect(await w.status(id)).toBe("finished");
  });

  test("is given up by a cancel at once", async () => {
    const w = await start(nap);
    const id = await w.create("nap");
    await w.done(w.engine.jobs.cancel(undefined, id));
    expect((await w.view(id)).job).toMatchObject({ status: "cancelled", state: "start" });
    await w.pass(3_700_000, 10_000);
    expect(await w.status(id)).toBe("cancelled");
  });

  test("is cut off by the job's deadline", async () => {
    const w = await start(nap);
    const id = await w.create("nap", {}, { deadlineSeconds: 10 });
    await w.pass(12_000, 500);
    expect((await w.view(id)).job).toMatchObject({ status: "failed", error: { code: "DEADLINE_EXCEEDED" } });
  });
});

describe("an event", () => {
  test("moves the job on, with its payload under its name", async () => {
    const w = await start(listening);
    const id = await w.create("listening");
    await w.done(w.engine.jobs.event(undefined, id, { event: "paid", data: '{"amount":12}' }));
    await w.time.settle();
    expect((await w.view(id)).job).toMatchObject({ status: "finished", state: "good" });
    expect(await w.stateHistory(id)).toEqual({ paid: { amount: 12 } });
  });

  test("that comes early is kept, over a restart too, for the next wait for it", async () => {
    const flow = new Blueprint({ name: "late" });
    flow.handlerFor("start", { isStart: true }, (_c, actions) => actions.waitFor({ seconds: 100, then: "listen" }));
    flow.handlerFor("listen", (_c, actions) =>
      actions.waitForEvent({ event: "paid", transitions: { received: "good" } }),
    );
    flow.handlerFor("good", { isEnd: true }, () => undefined);
    const w = await start(flow);
    const id = await w.create("late");
    await w.done(w.engine.jobs.event(undefined, id, { event: "other", data: "1" }));
    await w.done(w.engine.jobs.event(undefined, id, { event: "paid", data: "2" }));

    await w.restart();
    await w.pass(102_000, 1_000);

    expect(await w.status(id)).toBe("finished");
    expect(await w.stateHistory(id)).toEqual({ paid: 2 });
  });

  test("sent twice with one key counts once", async () => {
    const flow = new Blueprint({ name: "two" });
    flow.handlerFor("start", { isStart: true }, (_c, actions) =>
      actions.waitForEvent({ event: "tick", transitions: { received: "second" } }),
    );
    flow.handlerFor("second", (_c, actions) =>
      actions.waitForEvent({ event: "tick", transitions: { received: "good" } }),
    );
    flow.handlerFor("good", { isEnd: true }, () => undefined);
    const w = await start(flow);
    const id = await w.create("two");
    const send = (key: string) => w.done(w.engine.jobs.event(undefined, id, { event: "tick", data: "1" }, key));

    await send("a");
    await w.restart();
    await send("a");
    await w.time.settle();
    expect((await w.view(id)).job.state).toBe("second");
    await send("b");
    await w.time.settle();
    expect(await w.status(id)).toBe("finished");
  });

  test("that does not come leads to the state for that, with the reason", async () => {
    const w = await start(listening);
    const id = await w.create("listening");
    await w.pass(62_000, 1_000);
    expect((await w.view(id)).job).toMatchObject({ state: "late", error: { code: "EVENT_TIMEOUT" } });
  });

  test("is refused once the job is over, and nobody's job takes none", async () => {
    const w = await start(listening);
    const id = await w.create("listening");
    await w.done(w.engine.jobs.cancel(undefined, id));
    const event = { event: "paid", data: "1" };
    expect(code(await w.refused(w.engine.jobs.event(undefined, id, event)))).toBe("JOB_TERMINAL");
    expect(code(await w.refused(w.engine.jobs.event("somebody else", id, event)))).toBe("JOB_NOT_FOUND");
  });

  test("is refused when a hundred wait already, and says when to come again", async () => {
    const w = await start(nap);
    const id = await w.create("nap");
    for (let index = 0; index < 100; index++) {
      await w.done(w.engine.jobs.event(undefined, id, { event: "paid", data: "1" }));
    }
    const refusal = await w.refused(w.engine.jobs.event(undefined, id, { event: "paid", data: "1" }));
    expect(refusal).toMatchObject({ code: "TOO_MANY_EVENTS", status: 429 });
  });
});

describe("a person's decision", () => {
  test("leads on, and history says who decided what through which channel with which comment", async () => {
    const w = await start(asked);
    const id = await w.create("asked");
    expect(await w.status(id)).toBe("waiting_for_human");
    await w.restart();

    await w.done(w.engine.jobs.decide(undefined, id, { decision: "rejected", comment: "too loud", ...by }));
    await w.time.settle();

    expect((await w.view(id)).job).toMatchObject({ status: "finished", state: "bad" });
    const decided = (await w.history(id)).find((event) => event.event_type === "approval_decided");
    expect(decided?.context_snapshot["approval"]).toEqual({ decision: "rejected", comment: "too loud", ...by });
    expect((await w.stateHistory(id))["approval"]).toMatchObject({ decision: "rejected", comment: "too loud" });
  });

  test("that is not offered is refused with those that are, and changes nothing", async () => {
    const w = await start(asked);
    const id = await w.create("asked");
    const { version } = (await w.view(id)).job;
    for (const decision of ["timeout", "perhaps", "constructor"]) {
      const refusal = await w.refused(w.engine.jobs.decide(undefined, id, { decision, ...by }));
      expect(refusal).toMatchObject({ code: "INVALID_DECISION", status: 400 });
      expect(String(refusal)).toContain("approved, rejected, again");
    }
    expect((await w.view(id)).job.version).toBe(version);
  });

  test("counts once: the second one finds it decided, the same one sent again does not", async () => {
    const w = await start(asked);
    const id = await w.create("asked");
    await w.done(w.engine.jobs.decide(undefined, id, { decision: "approved", ...by }, "k"));
    await w.time.settle();
    await w.done(w.engine.jobs.decide(undefined, id, { decision: "approved", ...by }, "k"));
    const refusal = await w.refused(w.engine.jobs.decide(undefined, id, { decision: "rejected", ...by }));
    expect(refusal).toMatchObject({ code: "JOB_TERMINAL", status: 409 });
  });

  test("about an earlier wait does not decide a later one", async () => {
    const w = await start(asked);
    const id = await w.create("asked");
    const { visit } = (await w.view(id)).job;
    await w.done(w.engine.jobs.decide(undefined, id, { decision: "again", visit, ...by }));
    await w.time.settle();
    expect(await w.status(id)).toBe("waiting_for_human");

    const refusal = await w.refused(w.engine.jobs.decide(undefined, id, { decision: "approved", visit, ...by }));

    expect(refusal).toMatchObject({ code: "ALREADY_DECIDED", status: 409 });
    expect(await w.status(id)).toBe("waiting_for_human");
  });

  test("about a job that waits for none is refused", async () => {
    const w = await start(nap, oneTask("task"));
    for (const blueprint of ["nap", "task"]) {
      const id = await w.create(blueprint);
      const refusal = await w.refused(w.engine.jobs.decide(undefined, id, { decision: "success", ...by }));
      expect(refusal).toMatchObject({ code: "NOT_WAITING_FOR_DECISION", status: 409 });
    }
  });

  test("that nobody takes in time leads to the state for that", async () => {
    const w = await start(asked);
    const id = await w.create("asked");
    await w.pass(602_000, 2_000);
    expect((await w.view(id)).job).toMatchObject({ state: "late", error: { code: "APPROVAL_TIMEOUT" } });
  });

  test("is waited for without a limit where none is set, and the sweep leaves it alone", async () => {
    const w = await start(unlimited);
    const id = await w.create("unlimited");
    await w.pass(86_400_000, 60_000);
    expect(await w.status(id)).toBe("waiting_for_human");
    expect(w.engine.repairs).toBe(0);
  });

  test("and its end go out to people in the units that make them", async () => {
    const w = await start(asked);
    const id = await w.create("asked");
    await w.done(w.engine.jobs.decide(undefined, id, { decision: "approved", ...by }));
    await w.time.settle();
    const sent = w.disk.unitsOf(id).flatMap((unit) => unit.jobs.flatMap((write) => write.outbox ?? []));
    expect(sent.map(({ kind, destination }) => [kind, destination])).toEqual([
      ["approval", "dashboard"],
      ["approval_closed", "dashboard"],
    ]);
    expect(JSON.parse(sent[1]?.body ?? "{}")).toMatchObject({ end: { type: "decided", decision: "approved" } });
  });
});
