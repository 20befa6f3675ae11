/** For crash rounds: counts the results that reached it, so that one which counts twice is seen. */
import { Blueprint } from "orchestrator";

const counting = new Blueprint({ name: "counting_flow", apiEndpoint: "jobs/counting" });

counting.handlerFor("start", { isStart: true }, ({ stateHistory }, actions) => {
  stateHistory["counted"] = [];
  actions.transitionTo("step");
});

counting.handlerFor("step", ({ stateHistory }, actions) => {
  actions.dispatchTask({
    taskType: "count",
    params: { step: stateHistory["counted"].length },
    transitions: { success: "count", failure: "failed", cancelled: "failed" },
  });
});

counting.handlerFor("count", ({ initialData, stateHistory }, actions) => {
  stateHistory["counted"].push(stateHistory["step"]);
  actions.transitionTo(stateHistory["counted"].length < initialData.steps ? "step" : "finished");
});

counting.handlerFor("finished", { isEnd: true }, () => undefined);
counting.handlerFor("failed", { isEnd: true }, () => undefined);

export default counting;
