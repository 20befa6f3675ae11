import { appendFileSync } from "node:fs";
import { Blueprint } from "orchestrator";

/** Recipe 9 as it is written; `runs` names a file in which each run of the handler leaves a letter. */
export const numbered = new Blueprint({
  name: "numbered",
  apiEndpoint: "jobs/numbered",
  dataStores: { counter: { total: 0 } },
}).handlerFor("start", { isStart: true }, async ({ dataStores, initialData, stateHistory }, { transitionTo }) => {
  appendFileSync(initialData.runs, "x");
  const before = (await dataStores["counter"]?.get<number>("total")) ?? 0;
  await dataStores["counter"]?.set("total", before + 1);
  stateHistory["number"] = before + 1;
  transitionTo("finished");
});

/** Two stores, in the order that the input asks for; a transfer never changes the sum. */
export const transfer = new Blueprint({
  name: "transfer",
  apiEndpoint: "jobs/transfer",
  dataStores: { left: { money: 1_000 }, right: { money: 1_000 } },
}).handlerFor("start", { isStart: true }, async ({ dataStores, initialData }, { transitionTo }) => {
  const [from = "left", to = "right"] = initialData.turned === true ? ["right", "left"] : ["left", "right"];
  await dataStores[from]?.increment("money", -1);
  await dataStores[to]?.increment("money");
  transitionTo("finished");
});

/** Takes its thread down after it has touched the store, if it is told to. */
export const deadly = new Blueprint({
  name: "deadly",
  apiEndpoint: "jobs/deadly",
  dataStores: { counter: { total: 0 } },
}).handlerFor("start", { isStart: true }, async ({ dataStores, initialData }, { transitionTo }) => {
  const total = (await dataStores["counter"]?.get<number>("total")) ?? 0;
  await dataStores["counter"]?.set("total", total + 1);
  if (initialData.dies === true) process.exit(1);
  transitionTo("finished");
});
