/**
 * Recipe 5: one state, several handlers. The first whose condition holds runs; the one without a
 * condition is for everything else.
 *
 * Try it:
 *   orchestrator worker blueprints/_workers/05-languages.ts      in another terminal, unless scripts/start runs
 *   orchestrator jobs submit multilingual_flow --wait --input '{"language": "en", "text": "Hello"}'
 *   orchestrator jobs submit multilingual_flow --wait --input '{"language": "de", "text": "Hallo"}'
 *   orchestrator jobs submit multilingual_flow --wait --input '{"language": "xx"}'    ends in "not_supported"
 */
import { Blueprint } from "orchestrator";

const multilingual = new Blueprint({ name: "multilingual_flow", apiEndpoint: "jobs/multilingual_flow" });

multilingual.handlerFor("start", { isStart: true }, (_context, actions) => {
  actions.transitionTo("process_text");
});

multilingual.handlerFor("process_text").when("context.initial_data.language == 'en'", ({ initialData }, actions) => {
  actions.dispatchTask({
    taskType: "process_en",
    params: initialData,
    transitions: { success: "finished", failure: "failed", cancelled: "cancelled" },
  });
});

multilingual.handlerFor("process_text").when("context.initial_data.language == 'de'", ({ initialData }, actions) => {
  actions.dispatchTask({
    taskType: "process_de",
    params: initialData,
    transitions: { success: "finished", failure: "failed", cancelled: "cancelled" },
  });
});

multilingual.handlerFor("process_text", (_context, actions) => {
  actions.transitionTo("not_supported");
});

multilingual.handlerFor("finished", { isEnd: true }, ({ log }) => {
  log.info("the text is processed");
});

multilingual.handlerFor("not_supported", { isEnd: true }, ({ initialData, log }) => {
  log.info("no worker knows this language", { language: initialData.language });
});

multilingual.handlerFor("failed", { isEnd: true }, ({ error, log }) => {
  log.warn("the text could not be processed", { error });
});

multilingual.handlerFor("cancelled", { isEnd: true }, ({ log }) => {
  log.info("somebody called it off");
});

export default multilingual;
