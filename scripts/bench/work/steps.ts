/**
 * What the load is made of: one step, three in a row, and as many at once as are asked for, all done
 * by a worker. `finished` and `failed` need no handlers: the peers run nothing at a job's end either.
 */
import { Blueprint } from "orchestrator";

export const one = new Blueprint({ name: "bench_one", apiEndpoint: "bench/one" }).handlerFor(
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

export const three = new Blueprint({ name: "bench_three", apiEndpoint: "bench/three" })
  .handlerFor("start", { isStart: true }, (context, actions) => {
    actions.dispatchTask({
      taskType: "step",
      params: context.initialData,
      transitions: { success: "second", failure: "failed", cancelled: "failed" },
    });
  })
  .handlerFor("second", (context, actions) => {
    actions.dispatchTask({
      taskType: "step",
      params: context.initialData,
      transitions: { success: "third", failure: "failed", cancelled: "failed" },
    });
  })
  .handlerFor("third", (context, actions) => {
    actions.dispatchTask({
      taskType: "step",
      params: context.initialData,
      transitions: { success: "finished", failure: "failed", cancelled: "failed" },
    });
  });

export const fan = new Blueprint({ name: "bench_fan", apiEndpoint: "bench/fan" })
  .handlerFor("start", { isStart: true }, (context, actions) => {
    const count = Number(context.initialData.count);
    const tasks = Array.from({ length: count }, (_, index) => ({ taskType: "step", params: { index } }));
    actions.dispatchParallel({ tasks, aggregateInto: "gather" });
  })
  .aggregatorFor("gather", (context, actions) => {
    context.stateHistory.gathered = Object.keys(context.aggregationResults).length;
    actions.transitionTo("finished");
  });
