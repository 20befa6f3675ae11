/**
 * Recipe 6: which of the fitting workers gets the task. Here it is the one with the fewest running tasks.
 *
 * Try it with two workers, in two terminals:
 *   orchestrator worker blueprints/_workers/06-critical.ts --id one
 *   orchestrator worker blueprints/_workers/06-critical.ts --id two
 *   orchestrator jobs submit critical_flow --wait --input '{"number": 97}'     the result names the worker's process
 *   orchestrator jobs submit critical_flow --wait --input '{"number": -1}'     ends in "failed"
 */
import { Blueprint } from "orchestrator";

const critical = new Blueprint({ name: "critical_flow", apiEndpoint: "jobs/critical_flow" });

critical.handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
  actions.dispatchTask({
    taskType: "critical_computation",
    params: initialData,
    dispatchStrategy: "least_connections",
    transitions: { success: "finished", failure: "failed", cancelled: "cancelled" },
  });
});

critical.handlerFor("finished", { isEnd: true }, ({ log, stateHistory }) => {
  log.info("computed", { prime: stateHistory["prime"] });
});

critical.handlerFor("failed", { isEnd: true }, ({ error, log }) => {
  log.warn("not computed", { error });
});

critical.handlerFor("cancelled", { isEnd: true }, ({ log }) => {
  log.info("somebody called it off");
});

export default critical;
