/**
 * Flows that leave a trace of every result that counted: a token in each result, which the next
 * handler takes out of the history and puts at the end of a list.
 */
import { Blueprint } from "../../src/blueprint/index.ts";
import type { Actions, Context, Handler, TaskRequest } from "../../src/blueprint/sdk.ts";

/** What happens to a handler while it runs; may throw, take long, or compute for a while. */
export interface Stage {
  enter(jobId: string): Promise<void> | undefined;
}

let stage: Stage = { enter: () => undefined };

/** Handlers are made once; the world that is being simulated sets what happens to them. */
export function playOn(next: Stage): void {
  stage = next;
}

function acted(act: (context: Context, actions: Actions) => void): Handler {
  return (context, actions) => {
    const pause = stage.enter(context.jobId);
    if (!pause) return act(context, actions);
    return pause.then(() => act(context, actions));
  };
}

function keep(history: Record<string, unknown>, tokens: readonly unknown[]): void {
  const before = Array.isArray(history["tokens"]) ? history["tokens"] : [];
  history["tokens"] = [...before, ...tokens];
}

function take({ stateHistory }: Context): void {
  if (stateHistory["token"] === undefined) return;
  keep(stateHistory, [stateHistory["token"]]);
  delete stateHistory["token"];
}

const RETRY = { maxAttempts: 3, backoffSeconds: 0.4, maxBackoffSeconds: 2 };
const ENDS = { failure: "failed", cancelled: "stopped" };

function flow(name: string, states: Record<string, (context: Context, actions: Actions) => void>): Blueprint {
  const blueprint = new Blueprint({ name });
  for (const [index, [state, act]] of Object.entries(states).entries()) {
    blueprint.handlerFor(state, index === 0 ? { isStart: true } : {}, acted(act));
  }
  for (const state of ["done", "failed", "stopped"]) {
    blueprint.handlerFor(
      state,
      { isEnd: true },
      acted(() => undefined),
    );
  }
  return blueprint;
}

function order(taskType: string, success: string, more: Partial<TaskRequest> = {}): TaskRequest {
  return { taskType, retry: RETRY, ...more, transitions: { ...ENDS, success, ...more.transitions } };
}

function collect(context: Context, actions: Actions): void {
  take(context);
  actions.transitionTo("done");
}

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

/** The flow, and how many results a job of it that finished has counted; undefined: it depends. */
interface Flow {
  readonly blueprint: Blueprint;
  readonly tokens: (count: number) => number | undefined;
}

const one = () => 1;

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
];
