/** A film whose clips are told one by one; a preview takes the job on before the film is done. */
import { Blueprint } from "orchestrator";

export default new Blueprint({ name: "filming_flow", apiEndpoint: "jobs/filming" })
  .handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
    actions.dispatchTask({
      taskType: "film",
      params: initialData,
      transitions: { success: "finished", failure: "failed", cancelled: "cancelled" },
      eventTransitions: { preview_ready: "review" },
    });
  })
  .handlerFor("review", ({ stateHistory }, actions) => {
    stateHistory["reviewed"] = stateHistory["preview_ready"]?.url ?? null;
    actions.transitionTo("finished");
  })
  .handlerFor("finished", { isEnd: true }, () => undefined)
  .handlerFor("failed", { isEnd: true }, () => undefined)
  .handlerFor("cancelled", { isEnd: true }, () => undefined);
