/** A parent whose child asks a person, and who then asks one itself. */
import { Blueprint } from "orchestrator";

const transitions = { approved: "yes", rejected: "no" };

export const child = new Blueprint({ name: "family_child" });
child.handlerFor("start", { isStart: true }, (_context, actions) => {
  actions.awaitHumanApproval({ integration: "telegram", message: "The child asks.", transitions });
});
child.handlerFor("yes", { isEnd: true }, () => undefined);
child.handlerFor("no", { isEnd: true }, () => undefined);

export const parent = new Blueprint({ name: "family_parent", apiVersion: "v1", apiEndpoint: "jobs/family" });
parent.handlerFor("start", { isStart: true }, (_context, actions) => {
  actions.runBlueprint({
    blueprintName: "family_child",
    transitions: { success: "asking", failure: "failed", cancelled: "failed" },
  });
});
parent.handlerFor("asking", (_context, actions) => {
  actions.awaitHumanApproval({ integration: "telegram", message: "The parent asks.", transitions });
});
parent.handlerFor("yes", { isEnd: true }, () => undefined);
parent.handlerFor("no", { isEnd: true }, () => undefined);
parent.handlerFor("failed", { isEnd: true }, () => undefined);
