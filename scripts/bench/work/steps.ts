/** What the load is made of: one step, and three in a row, each done by a worker. */
import { Blueprint } from "orchestrator";

const RETRIES = { failure: "failed", cancelled: "failed" };

export const one = new Blueprint({ name: "bench_one", apiEndpoint: "bench/one" })
  .handlerFor("start", { isStart: true }, (context, actions) => {
    actions.dispatchTask({
      taskType: "step",
      params: context.initialData,
      transitions: { success: "finished", ...RETRIES },
    });
  })
  .handlerFor("finished", { isEnd: true }, () => undefined)
  .handlerFor("failed", { isEnd: true }, () => undefined);

export const three = new Blueprint({ name: "bench_three", apiEndpoint: "bench/three" })
  .handlerFor("start", { isStart: true }, (context, actions) => {
    actions.dispatchTask({
      taskType: "step",
      params: context.initialData,
      transitions: { success: "second", ...RETRIES },
    });
  })
  .handlerFor("second", (context, actions) => {
    actions.dispatchTask({
      taskType: "step",
      params: context.initialData,
      transitions: { success: "third", ...RETRIES },
    });
  })
  .handlerFor("third", (context, actions) => {
    actions.dispatchTask({
      taskType: "step",
      params: context.initialData,
      transitions: { success: "finished", ...RETRIES },
    });
  })
  .handlerFor("finished", { isEnd: true }, () => undefined)
  .handlerFor("failed", { isEnd: true }, () => undefined);

export const fan = new Blueprint({ name: "bench_fan", apiEndpoint: "bench/fan" })
  .handlerFor("start", { isStart: true }, (context, actions) => {
    const count = Number(context.initialData.count ?? 1000);
    const tasks = Array.from({ length: count }, (_, index) => ({ taskType: "step", params: { index } }));
    actions.dispatchParallel({ tasks, aggregateInto: "gather" });
  })
  .aggregatorFor("gather", (context, actions) => {
    context.stateHistory.gathered = Object.keys(context.aggregationResults).length;
    actions.transitionTo("finished");
  })
  .handlerFor("finished", { isEnd: true }, () => undefined)
  .handlerFor("failed", { isEnd: true }, () => undefined);
