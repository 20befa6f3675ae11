/** Ends at once, in the way that its input asks for; or waits for a worker that never comes. */
import { Blueprint } from "orchestrator";

const ending = new Blueprint({ name: "ending", apiVersion: "v1", apiEndpoint: "jobs/ending" });

ending.handlerFor("start", { isStart: true }, ({ initialData, stateHistory }, actions) => {
  stateHistory["result"] = { said: initialData["say"] ?? null };
  if (initialData["end"] === "failed") actions.transitionTo("failed", { errorMessage: "as it was asked to" });
  else if (initialData["end"] === "quarantined") throw new Error("as it was asked to");
  else if (initialData["end"] === "cancelled") actions.transitionTo("waiting");
  else actions.transitionTo("done");
});
ending.handlerFor("waiting", (_context, actions) => {
  actions.dispatchTask({
    taskType: "nobody_does_this",
    transitions: { success: "done", failure: "failed", cancelled: "called_off" },
  });
});
ending.handlerFor("done", { isEnd: true }, () => undefined);
ending.handlerFor("failed", { isEnd: true }, () => undefined);
ending.handlerFor("called_off", { isEnd: true }, () => undefined);

export default ending;
