/** One picture by whoever is worth most, tried once. `spoil` names a painter that fails it for good. */
import { Blueprint } from "orchestrator";

export default new Blueprint({ name: "painting_flow", apiEndpoint: "jobs/painting" })
  .handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
    actions.dispatchTask({
      taskType: "paint",
      params: initialData,
      dispatchStrategy: "best_value",
      transitions: { success: "finished", failure: "failed", cancelled: "cancelled" },
    });
  })
  .handlerFor("finished", { isEnd: true }, () => undefined)
  .handlerFor("failed", { isEnd: true }, () => undefined)
  .handlerFor("cancelled", { isEnd: true }, () => undefined);
