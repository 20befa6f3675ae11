/**
 * Recipe 8: the cheapest worker gets the task, if it is cheap enough. Where every fitting worker costs more,
 * the task does not wait: it takes its failure outcome at once, here the end "too_expensive".
 *
 * Try it with two workers of different prices, in two terminals:
 *   WORKER_COST_PER_SECOND=0.02 orchestrator worker blueprints/_workers/08-compression.ts --id cheap
 *   WORKER_COST_PER_SECOND=0.90 orchestrator worker blueprints/_workers/08-compression.ts --id dear
 *   orchestrator jobs submit cost_optimized_flow --wait --input '{"text": "aaaabbb"}'          the cheap one does it
 *   orchestrator jobs submit cost_optimized_flow --wait --input '{"max_cost": 0.001}'          ends in "too_expensive"
 */
import { Blueprint } from "orchestrator";

const DOLLARS_PER_SECOND_MAX = 0.05;

const cost = new Blueprint({ name: "cost_optimized_flow", apiEndpoint: "jobs/cost_optimized_flow" });

cost.handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
  actions.dispatchTask({
    taskType: "image_compression",
    params: initialData,
    dispatchStrategy: "cheapest",
    maxCost: initialData.max_cost ?? DOLLARS_PER_SECOND_MAX,
    transitions: { success: "finished", failure: "too_expensive", cancelled: "cancelled" },
  });
});

cost.handlerFor("finished", { isEnd: true }, ({ log, stateHistory }) => {
  log.info("compressed", { by: stateHistory["worker"] });
});

cost.handlerFor("too_expensive", { isEnd: true }, ({ error, log }) => {
  log.warn("nobody does it for that price", { error });
});

cost.handlerFor("cancelled", { isEnd: true }, ({ log }) => {
  log.info("somebody called it off");
});

export default cost;
