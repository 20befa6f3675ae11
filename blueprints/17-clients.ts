/**
 * Recipe 17: clients with plans and monthly quotas. What a client may have is in its table, and the handler goes by it.
 *
 * Put this into clients.toml, in the folder that the server is started in, and start the server:
 *   [client_premium]
 *   token = "user_token_vip"
 *   plan = "premium"
 *   monthly_attempts = 100000
 *   languages = ["en", "de", "fr"]
 *
 *   [client_free]
 *   token = "user_token_free"
 *   plan = "free"
 *   monthly_attempts = 100
 *   languages = ["en"]
 *
 * Try it:
 *   orchestrator worker blueprints/_workers/17-generation.ts
 *   CLIENT_TOKEN=user_token_vip orchestrator jobs submit jobs/premium_flow --wait --input '{"prompt": "a fox"}'
 *   CLIENT_TOKEN=user_token_free orchestrator jobs submit jobs/premium_flow --wait --input '{"prompt": "a fox"}'
 *   ... change languages of client_free to ["es"], save, and submit again: it ends in "failed", no worker is asked
 *   ... set its monthly_attempts to 1: every request but the first is answered 429
 */
import { Blueprint } from "orchestrator";

const premium = new Blueprint({ name: "premium_flow", apiVersion: "v1", apiEndpoint: "jobs/premium_flow" });

premium.handlerFor("start", { isStart: true }, ({ client, initialData }, actions) => {
  const languages: string[] = client.config["languages"] ?? [];
  const transitions = { success: "finished", failure: "failed", cancelled: "cancelled" };
  if (client.plan === "premium") {
    actions.dispatchTask({ taskType: "high_quality_generation", params: initialData, transitions });
  } else if (languages.includes("en")) {
    actions.dispatchTask({ taskType: "standard_quality_generation", params: initialData, transitions });
  } else {
    actions.transitionTo("failed", { errorMessage: "Language not supported for your plan" });
  }
});

premium.handlerFor("finished", { isEnd: true }, ({ client, log, stateHistory }) => {
  stateHistory["result"] = { client: client.id, quality: stateHistory["quality"], text: stateHistory["text"] };
  log.info("generated", { client: client.id });
});

premium.handlerFor("failed", { isEnd: true }, ({ client, error, log }) => {
  log.warn("not generated", { client: client.id, error });
});

premium.handlerFor("cancelled", { isEnd: true }, ({ log }) => {
  log.info("somebody called it off");
});

export default premium;
