/**
 * Recipe 15: a flow as a picture. It is drawn from the handlers' own code, so it always shows what the
 * code does: each state, each transition with its status, and the condition under which it is taken.
 *
 * Try it, no server needed:
 *   orchestrator graph blueprints/15-graph.ts --out conditional_flow.png        also .svg, .dot and .mermaid
 *   orchestrator graph conditional_flow --format mermaid                        text for a README
 *
 * The same in a program of your own:
 *   await conditional.renderGraph("conditional_flow", { format: "png" });       gives the path of the file
 *
 * And the flow itself:
 *   orchestrator worker blueprints/_workers/15-data.ts      in another terminal, unless scripts/start runs
 *   orchestrator jobs submit conditional_flow --wait --input '{"type": "A", "values": [3, 1, 2]}'     sorts them
 *   orchestrator jobs submit conditional_flow --wait --input '{"type": "B", "values": [3, 1, 2]}'     adds them up
 *   orchestrator jobs submit conditional_flow --wait --input '{"type": "A"}'                          ends in "failed"
 *   orchestrator jobs submit conditional_flow --wait --input '{"type": "C"}'                          ends in "failed"
 */
import { Blueprint } from "orchestrator";

const conditional = new Blueprint({ name: "conditional_flow", apiEndpoint: "jobs/conditional_flow" });

conditional.handlerFor("start", { isStart: true }, (_context, actions) => {
  actions.transitionTo("process_data");
});

conditional.handlerFor("process_data").when("context.initial_data.type == 'A'", ({ initialData }, actions) => {
  actions.dispatchTask({
    taskType: "task_a",
    params: initialData,
    transitions: { success: "finished", failure: "failed", cancelled: "cancelled" },
  });
});

conditional.handlerFor("process_data").when("context.initial_data.type == 'B'", ({ initialData }, actions) => {
  actions.dispatchTask({
    taskType: "task_b",
    params: initialData,
    transitions: { success: "finished", failure: "failed", cancelled: "cancelled" },
  });
});

// Without it a job of another type would stop where it is; `orchestrator check` says so.
conditional.handlerFor("process_data", ({ initialData }, actions) => {
  actions.transitionTo("failed", { errorMessage: `nobody processes data of type ${JSON.stringify(initialData.type)}` });
});

conditional.handlerFor("finished", { isEnd: true }, ({ log }) => {
  log.info("the data is processed");
});

conditional.handlerFor("failed", { isEnd: true }, ({ error, log }) => {
  log.warn("the data could not be processed", { error });
});

conditional.handlerFor("cancelled", { isEnd: true }, ({ log }) => {
  log.info("somebody called it off");
});

export default conditional;
