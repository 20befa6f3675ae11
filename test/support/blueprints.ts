/** Small flows for tests of the engine. */
import type { TSchema } from "@sinclair/typebox";
import { Blueprint } from "../../src/blueprint/index.ts";

export interface TaskSettings {
  readonly retry?: {
    maxAttempts?: number;
    backoffSeconds?: number;
    backoffFactor?: number;
    maxBackoffSeconds?: number;
  };
  readonly dispatchTimeoutSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly maxCost?: number;
  readonly priority?: number;
  readonly outputSchema?: TSchema;
  readonly dispatchStrategy?: "best_value";
  readonly transitions?: Record<string, string>;
}

/** One task of type `t`, then an end. */
export function oneTask(name: string, task: TaskSettings = {}): Blueprint {
  const transitions = { success: "done", failure: "failed", cancelled: "stopped", ...task.transitions };
  const blueprint = new Blueprint({ name });
  blueprint.handlerFor("start", { isStart: true }, ({ initialData }, actions) =>
    actions.dispatchTask({ taskType: "t", params: initialData, ...task, transitions }),
  );
  for (const state of new Set([...Object.values(transitions), "done"])) {
    blueprint.handlerFor(state, { isEnd: true }, () => undefined);
  }
  return blueprint;
}

/** As many branches of type `t` as the input asks for, then an aggregator that counts them. */
export function branches(name: string, task: TaskSettings = {}): Blueprint {
  const blueprint = new Blueprint({ name });
  blueprint.handlerFor("start", { isStart: true }, ({ initialData }, actions) =>
    actions.dispatchParallel({
      tasks: Array.from({ length: initialData["count"] as number }, (_, index) => ({
        taskType: "t",
        params: { index },
        ...task,
        transitions: { failure: "failed", cancelled: "stopped", ...task.transitions },
      })),
      aggregateInto: "collect",
    }),
  );
  blueprint.aggregatorFor("collect", ({ aggregationResults, stateHistory }, actions) => {
    stateHistory["collected"] = Object.keys(aggregationResults).length;
    actions.transitionTo("done");
  });
  for (const state of ["done", "failed", "stopped"]) blueprint.handlerFor(state, { isEnd: true }, () => undefined);
  return blueprint;
}
