/**
 * Recipe 1: three steps, one after the other. The second is work for a worker; it reports progress.
 *
 * Try it:
 *   orchestrator worker blueprints/_workers/01-simple.ts      in another terminal, unless scripts/start runs
 *   orchestrator jobs submit simple_linear_flow --wait
 *   orchestrator jobs submit simple_linear_flow --wait --input '{"name": "Ada", "seconds": 20}'
 *     ... and meanwhile kill -9 the server and start it again, or `orchestrator jobs cancel ID`
 *   orchestrator jobs submit simple_linear_flow --wait --input '{"broken": true}'     ends in "failed", quarantined
 */
import { Blueprint } from "orchestrator";

const pipeline = new Blueprint({ name: "simple_linear_flow", apiEndpoint: "jobs/simple_flow" });

pipeline.handlerFor("start", { isStart: true }, (_context, actions) => {
  actions.transitionTo("step_A");
});

pipeline.handlerFor("step_A", ({ initialData }, actions) => {
  actions.dispatchTask({
    taskType: "simple_task",
    params: initialData,
    transitions: { success: "step_B", failure: "failed", cancelled: "cancelled" },
  });
});

// The data that the worker returned is in the history by now: it was merged when the task ended well.
pipeline.handlerFor("step_B", ({ stateHistory }, actions) => {
  stateHistory["result"] = { greeting: stateHistory["greeting"] };
  actions.transitionTo("finished");
});

pipeline.handlerFor("finished", { isEnd: true }, ({ jobId, log }) => {
  log.info(`the pipeline of job ${jobId} is through`);
});

pipeline.handlerFor("failed", { isEnd: true }, ({ error, log }) => {
  log.warn("the worker could not do it", { error });
});

pipeline.handlerFor("cancelled", { isEnd: true }, ({ log }) => {
  log.info("somebody called it off");
});

export default pipeline;
