/** Every setting there is, one table for each kind of command. */
import type { LogLevel } from "../system/log.ts";
import {
  address,
  list,
  neighbourPort,
  number,
  oneOf,
  optionalAddress,
  optionalText,
  optionalWhole,
  type Setting,
  text,
  type ValuesOf,
  whole,
  yesOrNo,
} from "./setting.ts";

const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
export const DEFAULT_DATA_DIR = "./data";
const SECONDS_MAX = 366 * 24 * 3600;
const PART = { min: 0, max: 1 };

/** Where a command looks for the local door: somebody who names a folder means that one alone. */
const dataDir = optionalText();

/** Without an address the server is looked for on this machine, at the port that `serve` would take here. */
const port = neighbourPort({ environment: ["API_PORT"] });

const levels = oneOf(LOG_LEVELS, "info", { environment: ["LOG_LEVEL"] });
/** Others write it out. */
const logLevel: Setting<LogLevel> = {
  ...levels,
  parse: (value) => levels.parse(value.toLowerCase() === "warning" ? "warn" : value),
};
const logFormat = oneOf(["auto", "json", "text"], "auto", { environment: ["LOG_FORMAT"] });

/** Anything that could be one; which they are is read where they are used. */
function hostsAndNetworks(texts: readonly string[]): readonly string[] | undefined {
  return texts.every((one) => /^[\w.*:/-]+$/.test(one)) ? texts : undefined;
}

export const SERVE = {
  host: text("127.0.0.1", { environment: ["API_HOST"] }),
  port: whole(8080, { min: 0, max: 65_535 }, { environment: ["API_PORT"] }),
  dataDir: text(DEFAULT_DATA_DIR),
  blueprints: text("./blueprints", { environment: ["BLUEPRINTS_DIR"] }),
  clientToken: optionalText({ environment: ["CLIENT_TOKEN"] }),
  workerToken: optionalText({ environment: ["GLOBAL_WORKER_TOKEN", "WORKER_TOKEN"] }),
  operatorToken: optionalText({ environment: ["OPERATOR_TOKEN"] }),
  clientsConfigPath: optionalText({ environment: ["CLIENTS_CONFIG_PATH"] }),
  workersConfigPath: optionalText({ environment: ["WORKERS_CONFIG_PATH"] }),
  /** What takes an attempt of a client's quota: each of its requests, or each job that it starts. */
  quotaCounts: oneOf(["requests", "creations"], "requests", { environment: ["QUOTA_COUNTS"] }),
  rateLimitingEnabled: yesOrNo(true, { environment: ["RATE_LIMITING_ENABLED"] }),
  /** Set, it holds for clients and workers too; else for those without a good token alone. */
  rateLimitLimit: optionalWhole({ min: 1, max: 1_000_000_000 }, { environment: ["RATE_LIMIT_LIMIT"] }),
  rateLimitHeartbeatLimit: optionalWhole(
    { min: 1, max: 1_000_000_000 },
    { environment: ["RATE_LIMIT_HEARTBEAT_LIMIT"] },
  ),
  /** Seconds. */
  rateLimitPeriod: whole(60, { min: 1, max: 86_400 }, { environment: ["RATE_LIMIT_PERIOD"] }),
  timezone: text("UTC", { environment: ["TZ"] }),
  logLevel,
  logFormat,
  workerTimeoutSeconds: whole(300, { min: 1, max: SECONDS_MAX }, { environment: ["WORKER_TIMEOUT_SECONDS"] }),
  workerPollTimeoutSeconds: whole(30, { min: 1, max: 600 }, { environment: ["WORKER_POLL_TIMEOUT_SECONDS"] }),
  workerHealthCheckIntervalSeconds: whole(
    60,
    { min: 1, max: 86_400 },
    { environment: ["WORKER_HEALTH_CHECK_INTERVAL_SECONDS"] },
  ),
  /** Of 1, which every worker begins with: what results take and give, what an hour gives back, and with how little it gets no tasks. */
  reputationPenaltyContractViolation: number(0.2, PART, { environment: ["REPUTATION_PENALTY_CONTRACT_VIOLATION"] }),
  reputationPenaltyTaskFailure: number(0.05, PART, { environment: ["REPUTATION_PENALTY_TASK_FAILURE"] }),
  reputationRewardSuccess: number(0.001, PART, { environment: ["REPUTATION_REWARD_SUCCESS"] }),
  reputationRecoveryPerHour: number(0.6, { min: 0, max: 3600 }, { environment: ["REPUTATION_RECOVERY_PER_HOUR"] }),
  reputationMinThreshold: number(0.3, PART, { environment: ["REPUTATION_MIN_THRESHOLD"] }),
  /** Whether an event that its worker's own schema does not take is refused, or taken with a line in the log. */
  strictEventValidation: yesOrNo(true, { environment: ["STRICT_EVENT_VALIDATION"] }),
  /** Days that jobs are kept after their end, with their history; left out: for ever. */
  retentionDays: optionalWhole({ min: 1, max: 36_500 }, { environment: ["RETENTION_DAYS"] }),
  jobMaxRetries: whole(3, { min: 0, max: 1000 }, { environment: ["JOB_MAX_RETRIES"] }),
  maxTransitionsPerJob: whole(100, { min: 1, max: 1_000_000 }, { environment: ["MAX_TRANSITIONS_PER_JOB"] }),
  // Read from the working folder if it is there, unless its path is set.
  schedulesConfigPath: optionalText({ environment: ["SCHEDULES_CONFIG_PATH"] }),
  /** Signs what is sent to webhooks. */
  webhookSecret: optionalText({ environment: ["WEBHOOK_SECRET"] }),
  /** Not public, and webhooks may go there all the same. */
  webhookAllow: list(
    hostsAndNetworks,
    'networks and host names with commas between, such as "10.0.0.0/8,hooks.internal"',
    {
      environment: ["WEBHOOK_ALLOW"],
    },
  ),
  /** Where people and Telegram reach this server: it stands in the links that are sent. */
  publicUrl: optionalAddress({ environment: ["PUBLIC_URL"] }),
  approvalLinkHours: whole(168, { min: 1, max: 8784 }, { environment: ["APPROVAL_LINK_HOURS"] }),
  telegramBotToken: optionalText({ environment: ["TELEGRAM_BOT_TOKEN"] }),
  telegramChatId: optionalText({ environment: ["TELEGRAM_CHAT_ID"] }),
  telegramApiUrl: address("https://api.telegram.org", { environment: ["TELEGRAM_API_URL"] }),
  /** webhook: Telegram sends what is decided to PUBLIC_URL; poll: it is asked. */
  telegramUpdates: oneOf(["poll", "webhook"], "poll", { environment: ["TELEGRAM_UPDATES"] }),
  slackWebhookUrl: optionalAddress({ environment: ["SLACK_WEBHOOK_URL"] }),
  approvalWebhookUrl: optionalAddress({ environment: ["APPROVAL_WEBHOOK_URL"] }),
  /** For so long a message that cannot be delivered is tried again. */
  outboxRetrySeconds: whole(86_400, { min: 0, max: SECONDS_MAX }, { environment: ["OUTBOX_RETRY_SECONDS"] }),
  /** Empty: there are no files. What the names mean: src/files/settings.ts. */
  s3EndpointUrl: optionalText({ environment: ["S3_ENDPOINT_URL"] }),
  s3Region: optionalText({ environment: ["S3_REGION"] }),
  s3Bucket: optionalText({ environment: ["S3_BUCKET", "S3_BUCKET_NAME", "S3_DEFAULT_BUCKET"], agree: true }),
  s3AccessKey: optionalText({ environment: ["S3_ACCESS_KEY", "S3_ACCESS_KEY_ID"], agree: true }),
  s3SecretKey: optionalText({ environment: ["S3_SECRET_KEY", "S3_SECRET_ACCESS_KEY"], agree: true }),
  s3MaxConcurrency: optionalWhole({ min: 1, max: 10_000 }, { environment: ["S3_MAX_CONCURRENCY"] }),
  s3PatienceSeconds: optionalWhole({ min: 1, max: SECONDS_MAX }, { environment: ["S3_PATIENCE_SECONDS"] }),
  /** At its end a job's folder in the bucket is removed. */
  s3AutoCleanup: yesOrNo(false, { environment: ["S3_AUTO_CLEANUP"] }),
  taskFilesDir: text("/tmp/avtomatika-payloads", { environment: ["TASK_FILES_DIR"] }),
  cancelGraceSeconds: whole(10, { min: 0, max: 86_400 }, { environment: ["CANCEL_GRACE_SECONDS"] }),
} as const;
export type ServeSettings = ValuesOf<typeof SERVE>;

export const WORKER = {
  url: optionalText(),
  token: optionalText({
    environment: ["WORKER_INDIVIDUAL_TOKEN", "AVTOMATIKA_WORKER_TOKEN", "WORKER_TOKEN"],
  }),
  id: optionalText({ environment: ["WORKER_ID"] }),
  transport: oneOf(["auto", "ws", "poll"], "auto"),
  // The worker reads MAX_CONCURRENT_TASKS itself: what a worker file says comes before it, a flag before both.
  concurrency: optionalWhole({ min: 1, max: 10_000 }),
  port,
  dataDir,
  logLevel,
  logFormat,
} as const;
export type WorkerSettings = ValuesOf<typeof WORKER>;

export const CLIENT = {
  url: optionalText(),
  token: optionalText({ environment: ["CLIENT_TOKEN"] }),
  /** Taken by commands for operators first, and by others where no other token is set. */
  operatorToken: SERVE.operatorToken,
  port,
  dataDir,
} as const;
export type ClientSettings = ValuesOf<typeof CLIENT>;

export const TABLES = [SERVE, WORKER, CLIENT] as const;
