import type { Command } from "commander";
import type { JsonMap } from "../../system/errors.ts";
import { suggestion } from "../../system/nearest.ts";
import { parseMoment } from "../../system/iso.ts";
import { type Client, isObject } from "../client.ts";
import { type CommandContext, type Flags, withAdvice, withConnection, withExample, withJson } from "../command.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { readInput } from "../input.ts";
import { idempotencyHeader } from "../job-request.ts";
import { collectTags } from "../many-jobs.ts";
import { describeJob, exitCodeOfJob } from "../job-view.ts";
import { printable } from "../printable.ts";
import { createProgressView } from "../progress.ts";
import { EXIT_LEFT, watchToTheEnd } from "../watched.ts";

export function addSubmit(jobs: Command, context: CommandContext): void {
  const command = jobs
    .command("submit")
    .description("start a job; with --wait, follow it to its end")
    .argument("<blueprint|endpoint>", "a blueprint's name, or its endpoint such as jobs/simple_flow")
    .option("--input <json>", "initial data: JSON, @FILE, or - for standard input (default: {})")
    .option("--wait", "stay until the job has ended: exit code 0 if it finished, 1 if not")
    .option("--idempotency-key <key>", "the same key again starts no second job")
    .option("--webhook-url <url>", "told of the job's end")
    .option("--priority <number>", "higher first (default: 0)")
    .option("--start-at <time>", "it begins then: a moment with its zone, such as 2027-01-31T08:00:00Z")
    .option("--unique-key <key>", "while a job with this key is not over, it is the answer, and no second one is made")
    .option("--tag <tag>", "to find it by: `jobs list --tag`; may be given several times", collectTags);
  withJson(withConnection(command), "print the 202 body; with --wait, the job as it ended");
  const example = 'orchestrator jobs submit simple_linear_flow --input \'{"name": "Ada"}\' --wait';
  withExample(command, example, "echo '{}' | orchestrator jobs submit jobs/simple_flow --input - --json");
  withAdvice(
    command,
    `Example: ${example}`,
    "`orchestrator blueprints list` names the blueprints; what a job is to begin with goes behind --input, as JSON.",
  );
  command.action((target: string, flags: Flags) => context.run(flags, () => submit(context, target, flags)));
}

async function submit(context: CommandContext, target: string, flags: Flags): Promise<number> {
  const { terminal } = context;
  const body = { initial_data: await readInput(flags["input"], terminal), ...optionsOf(flags) };
  const client = await context.client(flags);
  const accepted = await create(client, target, body, idempotencyHeader(flags));
  const jobId = String(accepted["job_id"]);
  if (accepted["existing"] === true) terminal.err("a job with this unique key is not over: no other was made\n");
  if (typeof accepted["warning"] === "string") terminal.err(`warning: ${printable(accepted["warning"])}\n`);
  if (flags["wait"] !== true) {
    terminal.out(`${flags["json"] === true ? JSON.stringify(accepted) : jobId}\n`);
    return EXIT.done;
  }
  terminal.err(`job ${jobId}\n`);
  const view = createProgressView(terminal, { jobId });
  const job = await watchToTheEnd({ client, terminal, jobId, view });
  if (job === undefined) return EXIT_LEFT;
  terminal.out(flags["json"] === true ? `${JSON.stringify(job)}\n` : describeJob(job));
  return exitCodeOfJob(job);
}

/**
 * Starting by name is for operators: it works for blueprints without an endpoint too. A client is
 * refused there, before anything is created, and takes the blueprint's endpoint.
 */
async function create(
  client: Client,
  target: string,
  body: JsonMap,
  headers: Record<string, string>,
): Promise<JsonMap> {
  if (target.includes("/")) return client.post(pathOfEndpoint(target), body, headers);
  try {
    return await client.post(`/api/blueprints/${encodeURIComponent(target)}/jobs`, body, headers);
  } catch (error) {
    const isForOperators =
      error instanceof CommandFailure && error.exitCode === EXIT.refused && error.answer.status !== 429;
    if (!isForOperators) throw error;
    const path = await endpointOf(client, target);
    if (path === undefined) throw error;
    return client.post(path, body, headers);
  }
}

/** Undefined: the blueprint has none. */
async function endpointOf(client: Client, name: string): Promise<string | undefined> {
  const { blueprints } = await client.get("/api/blueprints");
  const known = Array.isArray(blueprints) ? blueprints.filter(isObject) : [];
  const found = known.find((one) => one["name"] === name);
  if (!found) {
    const meant = suggestion(
      name,
      known.map((one) => String(one["name"])),
    );
    throw new CommandFailure(EXIT.notFound, "BLUEPRINT_NOT_FOUND", `No blueprint is named ${name}${meant}`);
  }
  if (typeof found["endpoint"] !== "string") return undefined;
  const version = typeof found["api_version"] === "string" ? found["api_version"] : "";
  return `/api/${version === "" ? "" : `${version}/`}${found["endpoint"]}`;
}

/** "jobs/simple_flow", "v2/jobs/simple_flow" and "/api/v1/jobs/simple_flow" are all understood. */
function pathOfEndpoint(target: string): string {
  const endpoint = target.replace(/^\/?(?:api\/)?/, "");
  return /^v\d+\//.test(endpoint) ? `/api/${endpoint}` : `/api/v1/${endpoint}`;
}

function optionsOf(flags: Flags): JsonMap {
  const { startAt, uniqueKey, tag } = flags;
  return {
    ...webhookOf(flags["webhookUrl"]),
    ...priorityOf(flags["priority"]),
    ...startOf(startAt),
    ...(typeof uniqueKey === "string" && { unique_key: uniqueKey }),
    ...(Array.isArray(tag) && { tags: tag }),
  };
}

function webhookOf(flag: unknown): JsonMap {
  if (typeof flag !== "string") return {};
  if (URL.canParse(flag) && /^https?:$/.test(new URL(flag).protocol)) return { webhook_url: flag };
  const message = `--webhook-url is "${flag}": it has to be an address that begins with http:// or https://.`;
  throw new CommandFailure(EXIT.wrongUse, "WRONG_FLAG", message);
}

function startOf(flag: unknown): JsonMap {
  if (typeof flag !== "string") return {};
  if (parseMoment(flag) !== undefined) return { start_at: flag };
  const message = `--start-at is "${flag}": it has to be a moment with its zone, such as 2027-01-31T08:00:00Z or 2027-01-31T08:00:00+01:00.`;
  throw new CommandFailure(EXIT.wrongUse, "WRONG_FLAG", message);
}

function priorityOf(flag: unknown): JsonMap {
  if (typeof flag !== "string") return {};
  const priority = Number(flag);
  if (flag.trim() === "" || !Number.isFinite(priority)) {
    throw new CommandFailure(EXIT.wrongUse, "WRONG_FLAG", `--priority is "${flag}": it has to be a number.`);
  }
  return { priority };
}
