/**
 * Time and events: an order waits for its payment, for a while, then asks several shops at once and takes what two
 * of them offer; the parcel leaves after a pause. All of it survives a restart at any moment.
 *
 * Try it with its worker running:
 *   orchestrator worker blueprints/_workers/order.ts
 *   orchestrator jobs submit order --input '{"item": "lamp"}'      prints the job's id
 *   orchestrator jobs event ID paid --data '{"amount": 40}'        it may come before the job waits for it, too
 *   orchestrator jobs watch ID
 *   orchestrator jobs submit order --wait --input '{"item": "lamp", "payment_seconds": 2}'    nobody pays: "expired"
 */
import { Blueprint } from "orchestrator";

const order = new Blueprint({ name: "order", apiEndpoint: "jobs/order" });

order.handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
  actions.waitForEvent({
    event: "paid",
    timeoutSeconds: initialData.payment_seconds ?? 86_400,
    transitions: { received: "ask_shops", timeout: "expired" },
  });
});

order.handlerFor("ask_shops", ({ initialData }, actions) => {
  actions.dispatchParallel({
    tasks: ["north", "south", "west"].map((shop) => ({
      taskType: "ask_shop",
      params: { shop, item: initialData.item ?? "lamp", shut: initialData.shut ?? [] },
      retry: { maxAttempts: 1 },
      transitions: { failure: "sold_out", cancelled: "cancelled" },
    })),
    aggregateInto: "choose",
    // Two offers are enough to compare: the third shop is not waited for.
    join: { atLeast: 2 },
  });
});

order.aggregatorFor("choose", ({ aggregationResults, stateHistory }, actions) => {
  const offers = Object.values(aggregationResults).flatMap(({ status, data }) =>
    status === "success" && data ? [data] : [],
  );
  offers.sort((one, other) => Number(one["price"]) - Number(other["price"]));
  stateHistory["offer"] = offers[0] ?? null;
  stateHistory["offers"] = offers.length;
  actions.transitionTo("pack");
});

order.handlerFor("pack", ({ initialData }, actions) => {
  actions.waitFor({ seconds: initialData.packing_seconds ?? 1, then: "sent" });
});

order.handlerFor("sent", { isEnd: true }, ({ log, stateHistory }) => {
  log.info("sent", { paid: stateHistory["paid"], offer: stateHistory["offer"] });
});

order.handlerFor("expired", { isEnd: true }, ({ log }) => {
  log.info("nobody paid");
});

order.handlerFor("sold_out", { isEnd: true }, ({ error, log }) => {
  log.warn("too few shops have it", { error });
});

order.handlerFor("cancelled", { isEnd: true }, ({ log }) => {
  log.info("somebody called it off");
});

export default order;
