/**
 * Recipe 7: urgent work overtakes. Among tasks that wait, the higher priority is handed out first;
 * within one priority, first come, first served.
 *
 * Try it with no worker running: submit some, then an urgent one, then start the worker and look at the order.
 *   orchestrator jobs submit priority_flow --input '{"label": "normal"}'
 *   orchestrator jobs submit priority_flow --input '{"label": "urgent", "is_urgent": true}'
 *   orchestrator worker blueprints/_workers/07-computation.ts
 */
import { Blueprint } from "orchestrator";

const priority = new Blueprint({ name: "priority_flow", apiEndpoint: "jobs/priority_flow" });

priority.handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
  actions.dispatchTask({
    taskType: "computation",
    params: initialData,
    priority: initialData.is_urgent === true ? 10 : 0,
    transitions: { success: "finished", failure: "failed", cancelled: "cancelled" },
  });
});

priority.handlerFor("finished", { isEnd: true }, ({ initialData, log }) => {
  log.info("done", { label: initialData.label });
});

priority.handlerFor("failed", { isEnd: true }, ({ error, log }) => {
  log.warn("not done", { error });
});

priority.handlerFor("cancelled", { isEnd: true }, ({ log }) => {
  log.info("somebody called it off");
});

export default priority;
