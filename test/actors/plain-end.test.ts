import { afterEach, describe, expect, test } from "bun:test";
import { plainEnd } from "../../actors/job/plain-end.ts";
import { Blueprint } from "../../src/blueprint/index.ts";
import type { Manifest } from "../../src/catalog/port.ts";
import type { Job } from "../../src/job/model.ts";
import { World } from "../support/engine.ts";
import { permanent, StreamWorker } from "../support/worker.ts";

let world: World | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

/** A task that leads to two ends which no handler declares. */
function withoutEnds(): Blueprint {
  const blueprint = new Blueprint({ name: "bare" });
  blueprint.handlerFor("start", { isStart: true }, (_context, actions) =>
    actions.dispatchTask({ taskType: "t", transitions: { success: "finished", failure: "failed" } }),
  );
  return blueprint;
}

async function startCounting(): Promise<{ w: World; states: string[] }> {
  const states: string[] = [];
  const w = await World.start({
    blueprints: [withoutEnds()],
    runner: (inline) => ({
      run(turn, signal) {
        states.push(turn.state);
        return inline.run(turn, signal);
      },
    }),
  });
  world = w;
  return { w, states };
}

describe("an end that no handler declares", () => {
  test("asks nothing of a thread, and takes the result into the history", async () => {
    const { w, states } = await startCounting();
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("bare");

    await worker.answer({ data: { out: 2 } });

    expect(states).toEqual(["start"]);
    expect(await w.status(id)).toBe("finished");
    expect(await w.stateHistory(id)).toEqual({ out: 2 });
    expect(await w.eventTypes(id)).toEqual([
      "job_created",
      "state_started",
      "task_dispatched",
      "task_finished",
      "state_finished",
      "state_started",
      "state_updated",
      "state_finished",
      "job_completed",
    ]);
  });

  test("has the status of what led to it", async () => {
    const { w, states } = await startCounting();
    const worker = await new StreamWorker(w, "w").connect();
    const id = await w.create("bare");

    await worker.answer(permanent);

    expect(states).toEqual(["start"]);
    const { job } = await w.view(id);
    expect(job).toMatchObject({ status: "quarantined", state: "failed", error: { code: "PERMANENT_ERROR" } });
  });
});

describe("a turn is left to a thread", () => {
  const job = { state: "finished", hash: "1", stateHistory: "{}" } as Job;
  const manifest = { hash: "1", states: [{ name: "start" }] } as unknown as Manifest;

  test("unless the blueprint is known not to declare the end", () => {
    expect(plainEnd(job, manifest, 5)).toEqual({
      steps: [{ state: "finished", startedAtMs: 5, durationMs: 0 }],
      ending: { kind: "ended", state: "finished" },
    });
  });

  test.each([
    ["the end is declared", job, { ...manifest, states: [{ name: "finished" }] } as unknown as Manifest],
    ["the state is no such end", { ...job, state: "other" }, manifest],
    ["the job keeps an older version", { ...job, hash: "0" }, manifest],
    ["the blueprint serves no more", job, undefined],
    ["its history is long", { ...job, stateHistory: `{"a":"${"x".repeat(65_536)}"}` }, manifest],
    ["what is merged is long", { ...job, merge: `{"a":"${"x".repeat(65_536)}"}` }, manifest],
  ])("where %s", (_why, given, newest) => {
    expect(plainEnd(given, newest, 5)).toBeUndefined();
  });
});
