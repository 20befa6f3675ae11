/** Jobs that wait for a worker that never comes, and one that is done at once. */
import { Blueprint } from "orchestrator";

export const parked = new Blueprint({ name: "scale_parked", apiEndpoint: "scale/parked" }).handlerFor(
  "start",
  { isStart: true },
  (context, actions) => {
    actions.dispatchTask({
      taskType: "never",
      params: context.initialData,
      transitions: { success: "finished", failure: "failed", cancelled: "failed" },
    });
  },
);

export const brisk = new Blueprint({ name: "scale_brisk", apiEndpoint: "scale/brisk" }).handlerFor(
  "start",
  { isStart: true },
  (context, actions) => {
    actions.dispatchTask({
      taskType: "step",
      params: context.initialData,
      transitions: { success: "finished", failure: "failed", cancelled: "failed" },
    });
  },
);
