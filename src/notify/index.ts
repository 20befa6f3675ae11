/** Everything that leaves the process, and the ways by which people's answers come back, from the settings. */
import { timingSafeEqual } from "node:crypto";
import type { OutboxReader } from "../storage/port.ts";
import { Refusal } from "../system/errors.ts";
import type { System } from "../system/index.ts";
import type { Service } from "../system/lifecycle.ts";
import { type ApprovalLinks, createApprovalLinks } from "./approval-links.ts";
import { createApprovalWebhook } from "./approval-webhook.ts";
import { createSeal } from "./keys.ts";
import { noFilesToClean } from "./files-cleanup.ts";
import type { Integration, Questions, Sender } from "./port.ts";
import { createSender, notSetUp } from "./sender.ts";
import { createSlack } from "./slack.ts";
import { createTargets, readAllowed, type Targets } from "./targets.ts";
import { createTelegram } from "./telegram.ts";
import { createTelegramApi } from "./telegram-api.ts";
import { createButtons } from "./telegram-buttons.ts";
import { createTelegramUpdates } from "./telegram-updates.ts";
import { createWebhookSender } from "./webhooks.ts";

export interface NotifySettings {
  readonly webhookSecret: string | undefined;
  readonly webhookAllow: readonly string[];
  readonly publicUrl: string | undefined;
  readonly approvalLinkHours: number;
  readonly telegramBotToken: string | undefined;
  readonly telegramChatId: string | undefined;
  readonly telegramApiUrl: string;
  readonly telegramUpdates: "poll" | "webhook";
  readonly slackWebhookUrl: string | undefined;
  readonly approvalWebhookUrl: string | undefined;
}

export interface NotifyParts {
  readonly system: System;
  readonly settings: NotifySettings;
  readonly version: string;
  /** The store's own: what is made here for people is sealed with it. */
  readonly secret: Uint8Array;
  readonly outbox: OutboxReader;
  readonly questions: Questions;
  /** Left out: there is no store of files. */
  readonly filesCleanup?: Sender | undefined;
  /** Where the server serves, known once it does. */
  readonly ownUrl: () => string;
}

export interface Notify {
  readonly sender: Sender;
  readonly targets: Targets;
  readonly approvals: Approvals;
  /** Asks for people's answers, where they do not come by themselves. */
  readonly updates: Service;
}

/** What the doors need for people who answer. */
export interface Approvals {
  readonly links: Pick<ApprovalLinks, "read">;
  /** Takes what Telegram sends; false: it is not Telegram that sends. Left out: nothing is awaited from it. */
  readonly telegram?: (word: string | null, update: unknown) => Promise<boolean>;
}

export const TELEGRAM_PATH = "/_public/webhooks/telegram";

/** Throws a Refusal for settings that do not go together. */
export function createNotify(parts: NotifyParts): Notify {
  const { system, settings, secret, version, ownUrl } = parts;
  const targets = createTargets(allowedOf(settings));
  const outgoing = { ...system, version, secret: settings.webhookSecret };
  const links = createApprovalLinks({
    secret,
    clock: system.clock,
    lifetimeMs: settings.approvalLinkHours * 3_600_000,
    publicUrl: () => settings.publicUrl ?? ownUrl(),
  });
  const telegram = telegramOf(parts);
  const { slackWebhookUrl: slack, approvalWebhookUrl: webhook } = settings;
  const { timers } = system;
  const integrations = new Map<string, Integration>([
    ["telegram", telegram?.integration ?? notSetUp("TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID")],
    [
      "slack",
      slack === undefined ? notSetUp("SLACK_WEBHOOK_URL") : createSlack({ url: new URL(slack), links, timers }),
    ],
    [
      "webhook",
      webhook === undefined
        ? notSetUp("APPROVAL_WEBHOOK_URL")
        : createApprovalWebhook({ ...outgoing, url: new URL(webhook), links }),
    ],
  ]);
  return {
    targets,
    sender: createSender({
      webhooks: createWebhookSender({ ...outgoing, targets }),
      filesCleanup: parts.filesCleanup ?? noFilesToClean,
      integrations,
      outbox: parts.outbox,
    }),
    approvals: { links, ...(telegram?.receive && { telegram: telegram.receive }) },
    updates: telegram?.updates ?? { start: async () => undefined, stop: async () => undefined },
  };
}

function telegramOf({ system, settings, secret, outbox, questions }: NotifyParts) {
  const { telegramBotToken: token, telegramChatId: chat, telegramApiUrl: url, publicUrl } = settings;
  if (token === undefined && chat === undefined) return undefined;
  if (token === undefined || chat === undefined) {
    const [set, missing] = token === undefined ? ["CHAT_ID", "BOT_TOKEN"] : ["BOT_TOKEN", "CHAT_ID"];
    throw wrong(`TELEGRAM_${set} is set and TELEGRAM_${missing} is not: set both, or neither.`);
  }
  const { log, timers } = system;
  const api = createTelegramApi({ url, token, timers });
  const telegram = createTelegram({ api, buttons: createButtons(secret), chat, questions, outbox, log });
  if (settings.telegramUpdates === "poll") {
    return { integration: telegram, updates: createTelegramUpdates({ api, telegram, timers, log }) };
  }
  if (publicUrl === undefined) {
    throw wrong("TELEGRAM_UPDATES is webhook, so that Telegram has to reach this server: set PUBLIC_URL, or poll.");
  }
  const word = createSeal(secret, "telegram webhook", 24).of("word");
  const pushed = { url: publicUrl + TELEGRAM_PATH, secretToken: word };
  return {
    integration: telegram,
    updates: createTelegramUpdates({ api, telegram, timers, log, pushed }),
    receive: async (presented: string | null, update: unknown) => {
      if (presented === null || !isSame(presented, word)) return false;
      await telegram.handle(update, new AbortController().signal);
      return true;
    },
  };
}

function isSame(presented: string, word: string): boolean {
  const [one, other] = [Buffer.from(presented), Buffer.from(word)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function allowedOf({ webhookAllow }: NotifySettings) {
  const allowed = readAllowed(webhookAllow);
  if (allowed) return allowed;
  const given = JSON.stringify(webhookAllow.join(","));
  throw wrong(
    `WEBHOOK_ALLOW is ${given}: it has to be networks and host names with commas between, such as "10.0.0.0/8,hooks.internal".`,
  );
}

function wrong(message: string): Refusal {
  return new Refusal("WRONG_SETTING", 400, message);
}
