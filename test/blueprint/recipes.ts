/** Recipes of the cookbook, as a user writes them. */
import { Blueprint, StateMachineBlueprint } from "../../src/index.ts";

export const linear = new Blueprint({ name: "simple_linear_flow", apiVersion: "v1", apiEndpoint: "jobs/simple_flow" })
  .handlerFor("start", { isStart: true }, async (_context, actions) => {
    actions.transitionTo("step_A");
  })
  .handlerFor("step_A", async (context, actions) => {
    actions.dispatchTask({
      taskType: "simple_task",
      params: context.initialData,
      transitions: { success: "step_B", failure: "failed" },
    });
  })
  .handlerFor("step_B", async (_context, actions) => {
    actions.transitionTo("finished");
  })
  .handlerFor("finished", { isEnd: true }, async ({ log }) => log.info("done"))
  .handlerFor("failed", { isEnd: true }, async ({ log }) => log.info("failed"));

export const parallel = new Blueprint({ name: "parallel_flow_example", apiEndpoint: "/jobs/parallel_example" })
  .handlerFor("start", { isStart: true }, async (_context, { dispatchTask }) => {
    const transitions = { success: "aggregate_results", failure: "failed" };
    dispatchTask({ taskType: "task_A", params: { input: "data_for_A" }, transitions });
    dispatchTask({ taskType: "task_B", params: { input: "data_for_B" }, transitions });
  })
  .aggregatorFor("aggregate_results", async ({ aggregationResults, stateHistory }, { transitionTo }) => {
    const good = Object.entries(aggregationResults).filter(([, result]) => result.status === "success");
    stateHistory["aggregated_data"] = Object.fromEntries(good.map(([id, result]) => [id, result.data]));
    transitionTo("end");
  })
  .handlerFor("end", { isEnd: true }, async ({ log, stateHistory }) => log.info("end", stateHistory["aggregated_data"]))
  .handlerFor("failed", { isEnd: true }, async () => undefined);

export const multilingual = new StateMachineBlueprint({
  name: "multilingual_flow",
  apiEndpoint: "jobs/multilingual_flow",
});
multilingual.handlerFor("start", { isStart: true }, async (_context, actions) => actions.transitionTo("process_text"));
multilingual
  .handlerFor("process_text")
  .when("context.initial_data.language == 'en'", async ({ initialData }, { dispatchTask }) => {
    dispatchTask({ taskType: "process_en", params: initialData, transitions: { success: "finished" } });
  });
multilingual
  .handlerFor("process_text")
  .when("context.initial_data.language == 'de'", async ({ initialData }, { dispatchTask }) => {
    dispatchTask({ taskType: "process_de", params: initialData, transitions: { success: "finished" } });
  });
multilingual.handlerFor("finished", { isEnd: true }, async () => undefined);

export const critical = new Blueprint({ name: "critical_flow", apiEndpoint: "jobs/critical_flow" })
  .handlerFor("start", { isStart: true }, async ({ initialData }, actions) => {
    actions.dispatchTask({
      taskType: "critical_computation",
      params: initialData,
      dispatchStrategy: "least_connections",
      transitions: { success: "finished" },
    });
  })
  .handlerFor("finished", { isEnd: true }, async () => undefined);

export const priority = new Blueprint({ name: "priority_flow", apiEndpoint: "jobs/priority_flow" })
  .handlerFor("start", { isStart: true }, async ({ initialData }, actions) => {
    actions.dispatchTask({
      taskType: "computation",
      params: initialData,
      priority: initialData.is_urgent ? 10 : 0,
      transitions: { success: "finished" },
    });
  })
  .handlerFor("finished", { isEnd: true }, async () => undefined);

/** What the failure handler saw. */
export const seen: string[] = [];

export const errorHandling = new Blueprint({ name: "error_handling", apiEndpoint: "jobs/errors" })
  .handlerFor("start", { isStart: true }, async ({ initialData }, actions) => {
    actions.dispatchTask({
      taskType: "fetch_external_data",
      params: initialData,
      transitions: { success: "finished_successfully", failure: "handle_failure" },
    });
  })
  .handlerFor("finished_successfully", { isEnd: true }, async () => undefined)
  .handlerFor("handle_failure", { isEnd: true }, async ({ storage, jobId, error }) => {
    const job = await storage.getJobState(jobId);
    seen.push(`${job?.status}: ${error?.code}`);
  });
