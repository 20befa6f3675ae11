/**
 * Recipe 2: a person decides. A worker drafts something, a moderator is asked by Telegram, and the job goes where the
 * answer says. It waits as long as it takes, over restarts; here a week at most.
 *
 * Without a bot nobody is asked, and the job waits all the same. To be asked, talk to @BotFather, put the bot into a chat,
 * and start the server with TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID in its environment.
 *
 * Try it:
 *   orchestrator worker blueprints/_workers/02-data.ts
 *   orchestrator jobs submit moderation_flow --input '{"topic": "foxes"}'
 *   orchestrator jobs show ID                                   what it waits for, and what may be decided
 *   orchestrator jobs approve ID --comment "nice"               ends in "finished"; or press the button in Telegram
 *   orchestrator jobs reject ID                                 ends in "rejected_by_moderator"
 *   ... or submit it with {"timeout_seconds": 5}, and decide nothing: it ends in "nobody_decided"
 *   ... or cancel it while it waits: the message in Telegram says so
 */
import { Blueprint } from "orchestrator";

const WEEK_SECONDS = 7 * 24 * 3600;

const moderation = new Blueprint({ name: "moderation_flow", apiVersion: "v1", apiEndpoint: "jobs/moderation_flow" });

moderation.handlerFor("generate_data", { isStart: true }, ({ initialData }, actions) => {
  actions.dispatchTask({
    taskType: "data_generation",
    params: initialData,
    transitions: { success: "awaiting_approval", failure: "failed", cancelled: "cancelled" },
  });
});

moderation.handlerFor("awaiting_approval", ({ jobId, initialData, stateHistory }, actions) => {
  actions.awaitHumanApproval({
    integration: "telegram",
    message: `Approval required for Job ${jobId}:\n\n${stateHistory["draft"]}`,
    transitions: { approved: "process_approved_data", rejected: "rejected_by_moderator", timeout: "nobody_decided" },
    timeoutSeconds: Number(initialData["timeout_seconds"] ?? WEEK_SECONDS),
  });
});

// Who decided what, how, and with which comment is in the history from here on.
moderation.handlerFor("process_approved_data", ({ stateHistory }, actions) => {
  const approval = stateHistory["approval"] as { by: string; comment?: string };
  stateHistory["result"] = { published: stateHistory["draft"], approved_by: approval.by };
  actions.transitionTo("finished");
});

moderation.handlerFor("finished", { isEnd: true }, ({ jobId, log }) => {
  log.info(`what job ${jobId} made is published`);
});

moderation.handlerFor("rejected_by_moderator", { isEnd: true }, ({ jobId, log, stateHistory }) => {
  log.info(`job ${jobId} was rejected by the moderator`, { approval: stateHistory["approval"] });
});

moderation.handlerFor("nobody_decided", { isEnd: true }, ({ jobId, log }) => {
  log.warn(`nobody decided about job ${jobId} in time`);
});

moderation.handlerFor("failed", { isEnd: true }, ({ error, log }) => {
  log.warn("the worker could not do it", { error });
});

moderation.handlerFor("cancelled", { isEnd: true }, ({ log }) => {
  log.info("somebody called it off");
});

export default moderation;
