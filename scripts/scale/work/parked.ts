/** Jobs that wait for a worker that never comes, and others that are done at once, by workers of three kinds. */
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

/** The task's type by the blueprint's name. */
function brisk(name: string, taskType: string): Blueprint {
  return new Blueprint({ name: `scale_${name}`, apiEndpoint: `scale/${name}` }).handlerFor(
    "start",
    { isStart: true },
    (context, actions) => {
      actions.dispatchTask({
        taskType,
        params: context.initialData,
        transitions: { success: "finished", failure: "failed", cancelled: "failed" },
      });
    },
  );
}

export const stepped = brisk("brisk", "step");
export const polled = brisk("polled", "polled");
export const streamed = brisk("streamed", "streamed");
