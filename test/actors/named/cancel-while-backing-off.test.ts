/**
 * restate #3656, hatchet #2573: a cancel was taken and had no effect, since the job was backing off, its worker
 * was gone, or its blueprint was.
 */
import { describe, expect, test } from "bun:test";
import { Blueprint } from "../../../src/blueprint/index.ts";
import type { Actions } from "../../../src/blueprint/sdk.ts";
import type { JobStatus } from "../../../src/job/model.ts";
import { branches, oneTask } from "../../support/blueprints.ts";
import type { World } from "../../support/engine.ts";
import { StreamWorker, transient } from "../../support/worker.ts";
import { startOnFile } from "./stage.ts";

const FAR_SECONDS = 86_400;
const BACKOFF = { maxAttempts: 4, backoffSeconds: 600, backoffFactor: 1, maxBackoffSeconds: 600 };
/** More than the grace that a worker has to answer in, and than the runs of a handler whose blueprint is gone. */
const SOON_MS = 20_000;

function waiting(name: string, begin: (actions: Actions) => void): Blueprint {
  const blueprint = new Blueprint({ name });
  blueprint.handlerFor("start", { isStart: true }, (_context, actions) => begin(actions));
  for (const state of ["done", "stopped"]) blueprint.handlerFor(state, { isEnd: true }, () => undefined);
  return blueprint;
}

const breaking = waiting("breaking", () => {
  throw new Error("the handler is broken");
});
const timer = waiting("timer", (actions) => actions.waitFor({ seconds: FAR_SECONDS, then: "done" }));
const event = waiting("event", (actions) =>
  actions.waitForEvent({ event: "paid", transitions: { received: "done", timeout: "stopped" } }),
);
const person = waiting("person", (actions) =>
  actions.awaitHumanApproval({ integration: "dashboard", message: "?", transitions: { approved: "done" } }),
);
const transitions = { success: "done", failure: "stopped", cancelled: "stopped" };
const parent = waiting("parent", (actions) => actions.runBlueprint({ blueprintName: "timer", transitions }));
const parents = waiting("parents", (actions) => {
  for (let child = 0; child < 3; child++) {
    actions.runBlueprint({ blueprintName: "timer", transitions: { ...transitions, success: "join" } });
  }
});
parents.aggregatorFor("join", (_context, actions) => actions.transitionTo("done"));

const BLUEPRINTS = [
  oneTask("task", { retry: BACKOFF }),
  oneTask("plain", { transitions: { success: "done" } }),
  branches("fan"),
  breaking,
  timer,
  event,
  person,
  parent,
  parents,
];

interface Case {
  readonly name: string;
  readonly blueprint: string;
  readonly status: JobStatus;
  readonly input?: object;
  /** With a worker: how it brings the job there. */
  readonly worker?: (worker: StreamWorker) => Promise<void> | void;
  readonly startAtMs?: number;
}

const CASES: readonly Case[] = [
  { name: "whose time has not come", blueprint: "task", status: "pending", startAtMs: FAR_SECONDS * 1_000 },
  { name: "whose task is queued", blueprint: "task", status: "waiting_for_worker" },
  { name: "whose task runs", blueprint: "task", status: "waiting_for_worker", worker: () => undefined },
  {
    name: "that backs off",
    blueprint: "task",
    status: "awaiting_retry",
    worker: async (worker) => void (await worker.answer(transient)),
  },
  { name: "whose handler backs off", blueprint: "breaking", status: "awaiting_retry" },
  { name: "whose branches are queued", blueprint: "fan", status: "waiting_for_parallel", input: { count: 5 } },
  {
    name: "some of whose branches run",
    blueprint: "fan",
    status: "waiting_for_parallel",
    input: { count: 15 },
    worker: async (worker) => void (await worker.answer()),
  },
  { name: "with a child", blueprint: "parent", status: "waiting_for_sub_job" },
  { name: "with several children", blueprint: "parents", status: "waiting_for_parallel" },
  { name: "that waits for a person", blueprint: "person", status: "waiting_for_human" },
  { name: "that waits for an event", blueprint: "event", status: "waiting_for_event" },
  { name: "that waits for its time", blueprint: "timer", status: "waiting_for_timer" },
];

const isWithWorker = ({ worker, status }: Case) => worker !== undefined && status !== "awaiting_retry";

type Trouble = "none" | "restart" | "blueprint gone" | "worker gone" | "all of it" | "restart after it";
const TROUBLES: readonly Trouble[] = [
  "none",
  "restart",
  "blueprint gone",
  "worker gone",
  "all of it",
  "restart after it",
];

interface Stage {
  readonly world: World;
  readonly blueprints: Blueprint[];
  readonly id: string;
  readonly worker: StreamWorker | undefined;
}

async function bring({ blueprint, status, input, worker: act, startAtMs }: Case): Promise<Stage> {
  const blueprints = [...BLUEPRINTS];
  const world = await startOnFile({ blueprints, settings: { handlerBackoffMs: 1_000 } });
  const worker = act && (await new StreamWorker(world, "w").connect());
  const later = startAtMs === undefined ? {} : { startAtMs: world.time.nowMs() + startAtMs };
  const id = await world.create(blueprint, input, later);
  await world.time.settle();
  if (worker) await act(worker);
  expect(await world.status(id)).toBe(status);
  return { world, blueprints, id, worker };
}

async function make(trouble: Trouble, { world, blueprints, worker }: Stage): Promise<void> {
  if (trouble === "worker gone" || trouble === "all of it") await worker?.kill();
  if (trouble === "blueprint gone" || trouble === "all of it") blueprints.length = 0;
  if (trouble !== "restart" && trouble !== "blueprint gone" && trouble !== "all of it") return;
  await world.restart();
  // It comes back with what it runs, as workers do.
  if (trouble !== "all of it") await worker?.connect();
}

const openJobs = async (world: World) => {
  const jobs = await world.done(world.engine.jobs.list({ limit: 100 }));
  return jobs.filter(({ status }) => status !== "cancelled").map(({ id, status }) => [id, status]);
};

describe("cancel while backing off, with the worker gone, with the blueprint gone", () => {
  for (const trouble of TROUBLES) {
    for (const one of CASES) {
      test(`cancel of a job ${one.name}: ${trouble}`, async () => {
        const stage = await bring(one);
        await make(trouble, stage);
        const { world, id, worker } = stage;

        await world.done(world.engine.jobs.cancel(undefined, id));
        await world.time.settle();
        // Where no worker has to be asked nothing is waited for.
        if (trouble === "none" && !isWithWorker(one)) expect(await world.status(id)).toBe("cancelled");
        if (trouble === "restart after it") {
          await world.restart();
          await worker?.connect();
        }
        await world.pass(SOON_MS, 500);

        expect(await world.status(id)).toBe("cancelled");
        // Its children too, and nothing of it is left with anybody.
        expect(await openJobs(world)).toEqual([]);
        expect(world.engine.queuedTasks).toBe(0);
        if (trouble === "none" && isWithWorker(one)) {
          expect(worker?.cancels.toSorted()).toEqual(worker?.running.map((task) => task.task_id).toSorted());
        }
        const given = worker?.got.length;
        await world.restart();
        await worker?.connect();
        await world.pass(700_000, 10_000);
        expect(await world.status(id)).toBe("cancelled");
        expect(worker?.got.length).toBe(given);
      });
    }
  }
});
