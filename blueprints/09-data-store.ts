/**
 * Recipe 9: a data store, which all jobs of a blueprint share and which is kept. Each job is given
 * its number: read the counter, add one, write it back. That counts exactly, however many jobs do it
 * at once: what a handler writes is part of its step, and a handler that read what another has
 * changed since runs again.
 *
 * Try it, no worker is needed:
 *   orchestrator jobs submit analytics_flow --wait     request_number is 1
 *   orchestrator jobs submit analytics_flow --wait     request_number is 2, also after a restart of the server
 *   orchestrator jobs submit analytics_flow --wait --input '{"broken": true}'    quarantined, and counts nothing
 *
 * An operator may look at it: GET /api/v1/blueprints/analytics_flow/stores/request_counter
 */
import { Blueprint } from "orchestrator";

const analytics = new Blueprint({ name: "analytics_flow", apiEndpoint: "jobs/analytics" });

// The initial value is written once, and never over what was counted.
analytics.addDataStore("request_counter", { total_requests: 0 });

analytics.handlerFor("start", { isStart: true }, async ({ dataStores, initialData, stateHistory }, actions) => {
  const counter = dataStores["request_counter"];
  const before = (await counter?.get<number>("total_requests")) ?? 0;
  await counter?.set("total_requests", before + 1);
  if (initialData["broken"]) throw new Error("something went wrong after the request was counted");
  stateHistory["request_number"] = before + 1;
  actions.transitionTo("finished");
});

analytics.handlerFor("finished", { isEnd: true }, ({ log, stateHistory }) => {
  log.info("counted", { request_number: stateHistory["request_number"] });
});

export default analytics;
