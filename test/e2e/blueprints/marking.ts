/** For workers that are put to the test: steps one after another, counted by the job itself. */
import { Blueprint } from "orchestrator";

const marking = new Blueprint({ name: "marking_flow", apiEndpoint: "jobs/marking" });

marking.handlerFor("start", { isStart: true }, ({ stateHistory }, actions) => {
  stateHistory["counted"] = [];
  actions.transitionTo("step");
});

marking.handlerFor("step", ({ initialData, stateHistory }, actions) => {
  actions.dispatchTask({
    taskType: "mark",
    params: { ...initialData, step: stateHistory["counted"].length },
    transitions: { success: "count", failure: "failed", cancelled: "failed" },
  });
});

marking.handlerFor("count", ({ initialData, stateHistory }, actions) => {
  stateHistory["counted"].push(stateHistory["step"]);
  actions.transitionTo(stateHistory["counted"].length < (initialData.steps ?? 1) ? "step" : "finished");
});

marking.handlerFor("finished", { isEnd: true }, () => undefined);
marking.handlerFor("failed", { isEnd: true }, () => undefined);

export default marking;
