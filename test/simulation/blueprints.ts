/** The flows of the simulated jobs. */
import type { Blueprint } from "../../src/blueprint/index.ts";
import type { TaskRequest } from "../../src/blueprint/sdk.ts";
import { BRITTLE_FLOWS } from "./brittle-flows.ts";
import { acted, collect, type Flow, flow, keep, order, RETRY, take } from "./flow.ts";
import { GATED_FLOWS } from "./gated-flows.ts";
import { HINTED_FLOWS } from "./hinted-flows.ts";
import { STORE_FLOWS } from "./store-flows.ts";
import { WAITING_FLOWS } from "./waiting-flows.ts";

function fan(name: string, more: Partial<TaskRequest> = {}): Blueprint {
  const blueprint = flow(name, {
    start: ({ initialData }, actions) =>
      actions.dispatchParallel({
        tasks: Array.from({ length: initialData.count }, (_, index) => ({
          ...order(index % 3 === 2 ? "u" : "t", "gather", { params: { index }, ...more }),
        })),
        aggregateInto: "gather",
      }),
  });
  blueprint.aggregatorFor(
    "gather",
    acted(({ aggregationResults, stateHistory }, actions) => {
      keep(
        stateHistory,
        Object.values(aggregationResults).map((result) => result.data?.["token"]),
      );
      actions.transitionTo("done");
    }),
  );
  return blueprint;
}

function chain(): Blueprint {
  const blueprint = flow("chain", {
    start: (_context, actions) => actions.transitionTo("fork"),
    left: (_context, actions) => actions.transitionTo("work"),
    right: (_context, actions) => actions.transitionTo("left"),
    work: (_context, actions) => actions.dispatchTask(order("t", "collect")),
    collect,
  });
  const left = acted((_context, actions) => actions.transitionTo("left"));
  const right = acted((_context, actions) => actions.transitionTo("right"));
  blueprint.handlerFor("fork").when("context.initial_data.count > 2", right);
  blueprint.handlerFor("fork").when("context.initial_data.count <= 2", left);
  return blueprint;
}

const one = () => 1;

/** Stands in line for a worker that comes late: some have begun, some are more urgent. */
export const LINED = "lined";
export const LINED_TASK = "line";

export const FLOWS: readonly Flow[] = [
  {
    blueprint: flow("one", { start: (_c, actions) => actions.dispatchTask(order("t", "collect")), collect }),
    tokens: one,
  },
  {
    blueprint: flow("three", {
      start: (_c, actions) => actions.dispatchTask(order("t", "second")),
      second: (context, actions) => {
        take(context);
        actions.dispatchTask(order("u", "third"));
      },
      third: (context, actions) => {
        take(context);
        actions.dispatchTask(order("t", "collect", { priority: 5 }));
      },
      collect,
    }),
    tokens: () => 3,
  },
  { blueprint: fan("fan"), tokens: (count) => count },
  {
    blueprint: fan("slow-fan", { timeoutSeconds: 2, retry: { ...RETRY, backoffSeconds: 3, maxBackoffSeconds: 6 } }),
    tokens: (count) => count,
  },
  {
    blueprint: flow("patient", {
      start: (_c, actions) =>
        actions.dispatchTask(
          order("u", "collect", { retry: { maxAttempts: 5, backoffSeconds: 4, maxBackoffSeconds: 8 } }),
        ),
      collect,
    }),
    tokens: one,
  },
  {
    blueprint: flow("bare", {
      start: (_c, actions) =>
        actions.dispatchTask({ taskType: "t", retry: RETRY, transitions: { success: "collect" } }),
      collect,
    }),
    tokens: one,
  },
  {
    blueprint: flow("mending", {
      start: (_c, actions) =>
        actions.dispatchTask(order("t", "collect", { transitions: { failure: "mend", cancelled: "tidy" } })),
      mend: (_c, actions) => actions.dispatchTask(order("u", "collect")),
      tidy: (_c, actions) => actions.dispatchTask(order("t", "collect", { params: { tidy: true } })),
      collect,
    }),
    tokens: one,
  },
  {
    blueprint: flow("relay", {
      start: (_c, actions) => actions.dispatchTask(order("t", "second")),
      second: (context, actions) => {
        take(context);
        actions.dispatchTask(order("u", "collect", { transitions: { failure: "mend" }, retry: { maxAttempts: 1 } }));
      },
      mend: (context, actions) => {
        take(context);
        actions.dispatchTask(order("t", "collect"));
      },
      collect,
    }),
    tokens: () => 2,
  },
  {
    blueprint: flow("hurried", {
      start: (_c, actions) =>
        actions.dispatchTask(order("t", "collect", { timeoutSeconds: 2, dispatchTimeoutSeconds: 6 })),
      collect,
    }),
    tokens: one,
  },
  { blueprint: chain(), tokens: one },
  {
    blueprint: flow("parked", { start: (_c, actions) => actions.dispatchTask(order("nobody", "collect")), collect }),
    tokens: one,
  },
  ...WAITING_FLOWS,
  ...GATED_FLOWS,
  {
    blueprint: flow(LINED, {
      start: ({ initialData: { count } }, actions) => {
        if (count % 2 === 0) actions.dispatchTask(order(LINED_TASK, "collect", { priority: count % 3 }));
        else actions.dispatchTask(order("t", "stand"));
      },
      stand: (context, actions) => {
        take(context);
        actions.dispatchTask(order(LINED_TASK, "collect", { priority: context.initialData.count % 3 }));
      },
      collect,
    }),
    tokens: (count) => 1 + (count % 2),
  },
  ...STORE_FLOWS,
];

/** Those that only some worlds know of as well. */
export const ALL_FLOWS: readonly Flow[] = [...FLOWS, ...BRITTLE_FLOWS, ...HINTED_FLOWS];
