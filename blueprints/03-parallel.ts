/**
 * Recipe 3: several tasks at once, and one place where their results come together.
 *
 * Tasks that are dispatched in one handler and lead to the same aggregator run side by side. The
 * aggregator runs once all of them have ended well. The first that fails ends the job; the others are cancelled.
 *
 * Try it:
 *   orchestrator worker blueprints/_workers/03-parallel.ts      in another terminal, unless scripts/start runs
 *   orchestrator jobs submit parallel_flow_example --wait
 *   orchestrator jobs submit parallel_flow_example --wait --input '{"broken": "B"}'     ends in "failed", quarantined
 */
import { Blueprint } from "orchestrator";

const parallel = new Blueprint({ name: "parallel_flow_example", apiEndpoint: "/jobs/parallel_example" });

parallel.handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
  const transitions = { success: "aggregate_results", failure: "failed", cancelled: "cancelled" };
  const seconds: number = initialData.seconds ?? 1;
  actions.dispatchTask({
    taskType: "task_A",
    params: { input: "data_for_A", seconds, broken: initialData.broken === "A" },
    transitions,
  });
  actions.dispatchTask({
    taskType: "task_B",
    params: { input: "data_for_B", seconds, broken: initialData.broken === "B" },
    transitions,
  });
});

parallel.aggregatorFor("aggregate_results", ({ aggregationResults, stateHistory }, actions) => {
  const data = Object.values(aggregationResults).map((result) => result.data);
  stateHistory["result"] = { branches: data.length, outputs: data.map((branch) => branch?.["output"]).toSorted() };
  actions.transitionTo("end");
});

parallel.handlerFor("end", { isEnd: true }, ({ log, stateHistory }) => {
  log.info("both parts are done", { result: stateHistory["result"] });
});

parallel.handlerFor("failed", { isEnd: true }, ({ error, log }) => {
  log.warn("one part failed, so the other was not needed any more", { error });
});

parallel.handlerFor("cancelled", { isEnd: true }, ({ log }) => {
  log.info("somebody called it off");
});

export default parallel;
