/** Asks a program of the operator's, with decisions of its own. */
import { Blueprint } from "orchestrator";

const asking = new Blueprint({ name: "asking", apiVersion: "v1", apiEndpoint: "jobs/asking" });

asking.handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
  actions.awaitHumanApproval({
    integration: "webhook",
    message: "May it go on?",
    transitions: { "go on": "went_on", stop: "stopped", "ask again": "again", timeout: "stopped" },
    timeoutSeconds: Number(initialData["timeout_seconds"] ?? 3600),
  });
});
asking.handlerFor("again", (_context, actions) => {
  actions.awaitHumanApproval({
    integration: "webhook",
    message: "And now?",
    transitions: { "go on": "went_on", stop: "stopped", timeout: "stopped" },
    timeoutSeconds: 3600,
  });
});
asking.handlerFor("went_on", { isEnd: true }, () => undefined);
asking.handlerFor("stopped", { isEnd: true }, () => undefined);

export default asking;
