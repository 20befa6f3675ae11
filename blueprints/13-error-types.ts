/**
 * Recipe 13: errors that pass, and errors that stay. A transient one is tried again; a permanent one
 * puts the job into quarantine at once; bad input fails it at once. One handler looks after all of them.
 *
 * Try it:
 *   orchestrator worker blueprints/_workers/13-fetch.ts      in another terminal, unless scripts/start runs
 *   orchestrator jobs submit error_handling_flow --wait --input '{"api_key": "good"}'
 *   orchestrator jobs submit error_handling_flow --wait --input '{"api_key": "flaky"}'      the third attempt works
 *   orchestrator jobs submit error_handling_flow --wait --input '{"api_key": "down"}'       attempts used up: quarantined
 *   orchestrator jobs submit error_handling_flow --wait --input '{"api_key": "expired"}'    permanent: quarantined
 *   orchestrator jobs submit error_handling_flow --wait                                     no key: failed
 */
import { Blueprint } from "orchestrator";

const errorHandling = new Blueprint({ name: "error_handling_flow", apiEndpoint: "jobs/error_handling" });

errorHandling.handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
  actions.dispatchTask({
    taskType: "fetch_external_data",
    params: initialData,
    retry: { maxAttempts: 4, backoffSeconds: 0.2 },
    transitions: { success: "finished_successfully", failure: "handle_failure", cancelled: "cancelled" },
  });
});

errorHandling.handlerFor("finished_successfully", { isEnd: true }, ({ log }) => {
  log.info("the data is here");
});

errorHandling.handlerFor("handle_failure", { isEnd: true }, async ({ error, jobId, log, stateHistory, storage }) => {
  const job = await storage.getJobState(jobId);
  const isForPeople = job?.status === "quarantined";
  stateHistory["result"] = {
    advice: isForPeople ? "somebody has to look at it" : "send better input",
    code: error?.code,
  };
  log.warn(isForPeople ? "put into quarantine" : "failed", { error });
});

errorHandling.handlerFor("cancelled", { isEnd: true }, ({ log }) => {
  log.info("somebody called it off");
});

export default errorHandling;
