/** More recipes of the cookbook as a reader writes them, with the transitions that it shows and no others: for the check. */
import { Blueprint, type Handler } from "../../src/index.ts";

const quiet: Handler = () => undefined;

export const costOptimized = new Blueprint({ name: "cost_optimized_flow", apiEndpoint: "jobs/cost_optimized" })
  .handlerFor("start", { isStart: true }, ({ initialData }, { dispatchTask }) => {
    dispatchTask({
      taskType: "batch_work",
      params: initialData,
      dispatchStrategy: "cheapest",
      maxCost: 0.05,
      transitions: { success: "finished", failure: "too_expensive" },
    });
  })
  .handlerFor("finished", { isEnd: true }, quiet)
  .handlerFor("too_expensive", { isEnd: true }, quiet);

export const analytics = new Blueprint({ name: "analytics_flow", apiEndpoint: "jobs/analytics" })
  .addDataStore("counters", { total: 0 })
  .handlerFor("start", { isStart: true }, async ({ dataStores }, actions) => {
    const total = (await dataStores["counters"]?.get<number>("total")) ?? 0;
    await dataStores["counters"]?.set("total", total + 1);
    actions.transitionTo("finished");
  })
  .handlerFor("finished", { isEnd: true }, quiet);

export const cancellable = new Blueprint({ name: "cancellable_flow", apiEndpoint: "jobs/cancellable" })
  .handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
    actions.dispatchTask({
      taskType: "long_running_task",
      params: initialData,
      transitions: { success: "finished_successfully", failure: "task_failed", cancelled: "task_cancelled" },
    });
  })
  .handlerFor("finished_successfully", { isEnd: true }, quiet)
  .handlerFor("task_failed", { isEnd: true }, quiet)
  .handlerFor("task_cancelled", { isEnd: true }, quiet);

export const textProcessor = new Blueprint({ name: "text_processor" })
  .handlerFor("start", { isStart: true }, ({ initialData, stateHistory }, actions) => {
    const text: string = initialData.text ?? "";
    if (!text) {
      actions.transitionTo("failed");
    } else {
      stateHistory["processed_text"] = text.toUpperCase();
      actions.transitionTo("finished");
    }
  })
  .handlerFor("finished", { isEnd: true }, quiet)
  .handlerFor("failed", { isEnd: true }, quiet);

export const mainFlow = new Blueprint({ name: "main_flow", apiEndpoint: "jobs/main_flow" })
  .handlerFor("start", { isStart: true }, (_context, actions) => actions.transitionTo("process_user_text"))
  .handlerFor("process_user_text", ({ initialData }, actions) => {
    actions.runBlueprint({
      blueprintName: "text_processor",
      initialData: { text: initialData.raw_text ?? "" },
      transitions: { success: "final_step", failure: "sub_job_failed" },
    });
  })
  .handlerFor("final_step", (_context, actions) => actions.transitionTo("finished"))
  .handlerFor("sub_job_failed", (_context, actions) => actions.transitionTo("failed"))
  .handlerFor("finished", { isEnd: true }, quiet)
  .handlerFor("failed", { isEnd: true }, quiet);

export const premium = new Blueprint({ name: "premium_flow", apiEndpoint: "jobs/premium_flow" })
  .handlerFor("start", { isStart: true }, ({ client, initialData }, actions) => {
    const { config } = client;
    if (config["plan"] === "premium") {
      actions.dispatchTask({
        taskType: "high_quality_generation",
        params: initialData,
        transitions: { success: "finished" },
      });
    } else if (config["languages"]?.includes("en")) {
      actions.dispatchTask({
        taskType: "standard_quality_generation",
        params: initialData,
        transitions: { success: "finished" },
      });
    } else {
      actions.transitionTo("failed", { errorMessage: "Language not supported for your plan" });
    }
  })
  .handlerFor("finished", { isEnd: true }, quiet)
  .handlerFor("failed", { isEnd: true }, quiet);

/** The entry gate of recipe 18, with the steps that it leaves out. */
export const validation = new Blueprint({ name: "validation_example", apiEndpoint: "jobs/validation" })
  .handlerFor("validate_input", { isStart: true }, ({ initialData, stateHistory }, actions) => {
    const { user_id: user, document_type: type } = initialData;
    if (!user || !type) {
      actions.transitionTo("invalid_input_failed");
      return;
    }
    stateHistory["validated_user"] = user;
    if (type === "invoice") actions.transitionTo("process_invoice");
    else actions.transitionTo("process_other_document");
  })
  .handlerFor("process_invoice", (_context, actions) => actions.transitionTo("finished"))
  .handlerFor("process_other_document", (_context, actions) => actions.transitionTo("finished"))
  .handlerFor("finished", { isEnd: true }, quiet)
  .handlerFor("invalid_input_failed", { isEnd: true }, quiet);

export const s3Operations = new Blueprint({ name: "s3_ops_flow", apiEndpoint: "jobs/s3_ops" })
  .handlerFor("check_config", { isStart: true }, async ({ taskFiles }, actions) => {
    if (!taskFiles) {
      actions.transitionTo("failed");
      return;
    }
    let config: { mode?: string };
    try {
      config = await taskFiles.readJson("config.json");
    } catch {
      actions.transitionTo("config_missing");
      return;
    }
    if (config.mode === "fast") actions.transitionTo("fast_processing");
    else actions.transitionTo("deep_processing");
  })
  .handlerFor("fast_processing", async ({ taskFiles }, actions) => {
    await taskFiles?.writeText("result.txt", "Done fast.");
    actions.transitionTo("finished");
  })
  .handlerFor("deep_processing", (_context, actions) => actions.transitionTo("finished"))
  .handlerFor("config_missing", { isEnd: true }, quiet)
  .handlerFor("failed", { isEnd: true }, quiet);
