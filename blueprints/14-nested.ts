/**
 * Recipe 14: one flow as a step of another. The child is a job of its own, with its own history; its outcome brings
 * the parent on and lies in the parent's history under a key that begins with "sub_job_". No worker is needed.
 *
 * Try it:
 *   orchestrator jobs submit main_flow --wait --input '{"raw_text": "make it loud"}'   ends in "finished"
 *   orchestrator jobs submit main_flow --wait --input '{"raw_text": ""}'               the child fails, the parent handles it
 *   orchestrator jobs submit anthology --wait --input '{"texts": ["a", "b", "c"]}'     several children at once
 *   orchestrator jobs list --blueprint text_processor                                  the children
 */
import { Blueprint } from "orchestrator";

/** Without an endpoint: nobody starts it from outside but operators. */
export const textProcessor = new Blueprint({ name: "text_processor" });

textProcessor.handlerFor("start", { isStart: true }, ({ initialData, stateHistory }, actions) => {
  const text = String(initialData.text ?? "");
  if (text === "") {
    actions.transitionTo("failed", { errorMessage: "there is no text to process" });
    return;
  }
  // What a child calls its result, its parent finds.
  stateHistory["result"] = text.toUpperCase();
  actions.transitionTo("finished");
});

textProcessor.handlerFor("finished", { isEnd: true }, () => undefined);
textProcessor.handlerFor("failed", { isEnd: true }, () => undefined);

export const main = new Blueprint({ name: "main_flow", apiEndpoint: "jobs/main_flow" });

main.handlerFor("start", { isStart: true }, (_context, actions) => {
  actions.transitionTo("process_user_text");
});

main.handlerFor("process_user_text", ({ initialData }, actions) => {
  actions.runBlueprint({
    blueprintName: "text_processor",
    initialData: { text: initialData.raw_text ?? "" },
    transitions: { success: "final_step", failure: "sub_job_failed", cancelled: "cancelled" },
  });
});

main.handlerFor("final_step", ({ log, stateHistory }, actions) => {
  const key = Object.keys(stateHistory).find((name) => name.startsWith("sub_job_"));
  const child = key === undefined ? undefined : stateHistory[key];
  log.info("the child has ended", { outcome: child?.outcome });
  stateHistory["outcome"] = child?.outcome ?? null;
  stateHistory["loud_text"] = child?.result ?? null;
  actions.transitionTo("finished");
});

main.handlerFor("sub_job_failed", ({ error, log }, actions) => {
  log.warn("the child failed", { error });
  actions.transitionTo("failed");
});

main.handlerFor("finished", { isEnd: true }, () => undefined);
main.handlerFor("failed", { isEnd: true }, () => undefined);
main.handlerFor("cancelled", { isEnd: true }, () => undefined);

/** Several children that lead to one aggregator run in parallel, as tasks do. */
export const anthology = new Blueprint({ name: "anthology", apiEndpoint: "jobs/anthology" });

anthology.handlerFor("start", { isStart: true }, ({ initialData, stateHistory }, actions) => {
  const texts: unknown[] = Array.isArray(initialData.texts) ? initialData.texts : [];
  if (texts.length === 0) {
    stateHistory["chapters"] = [];
    actions.transitionTo("finished");
    return;
  }
  for (const text of texts) {
    actions.runBlueprint({
      blueprintName: "text_processor",
      initialData: { text: String(text) },
      transitions: { success: "bind", failure: "failed", cancelled: "cancelled" },
    });
  }
});

anthology.aggregatorFor("bind", ({ aggregationResults, stateHistory }, actions) => {
  stateHistory["chapters"] = Object.values(aggregationResults).map(({ data }) => data ?? null);
  actions.transitionTo("finished");
});

anthology.handlerFor("finished", { isEnd: true }, () => undefined);
anthology.handlerFor("failed", { isEnd: true }, () => undefined);
anthology.handlerFor("cancelled", { isEnd: true }, () => undefined);
