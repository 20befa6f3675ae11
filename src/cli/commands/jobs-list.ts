import type { Command } from "commander";
import { isJobStatus, JOB_STATUSES } from "../../job/model.ts";
import { suggestion } from "../../system/nearest.ts";
import { type Client, isObject } from "../client.ts";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { collectTags } from "../many-jobs.ts";
import { percent } from "../percent.ts";
import { cell, formatTable } from "../table.ts";
import type { Terminal } from "../terminal.ts";

const HEAD = ["ID", "BLUEPRINT", "STATUS", "STATE", "PROGRESS", "CREATED"] as const;
const FIELDS = ["id", "blueprint_name", "status", "current_state", "progress", "created_at"] as const;

const LIMIT_MAX = 1_000;

const STATUSES = `
Statuses:
  pending               accepted, not begun: it runs in a moment, or waits for its time or its turn
  running               a handler of the blueprint runs; a running task is waiting_for_worker
  waiting_for_worker    a task is queued, or a worker runs it: \`jobs show\` tells which
  waiting_for_parallel  the same, with several tasks at once
  waiting_for_sub_job   a job of another blueprint, which it started
  waiting_for_human     a person's decision: \`jobs approve\`, \`jobs reject\`, \`jobs decide\`
  waiting_for_event     an event: \`jobs event\`
  waiting_for_timer     a time
  awaiting_retry        a task or a handler failed and is tried again after a pause
  finished              ended well
  failed                ended badly, in a state that the blueprint has for it
  cancelled             ended by \`jobs cancel\`
  quarantined           given up after all attempts: look at its error and history
  error                 ended badly, in the state "error"`;

export function addList(jobs: Command, context: CommandContext): void {
  const command = jobs
    .command("list")
    .description("jobs, newest first")
    .option("--status <status>", "only jobs with this status; see below")
    .option("--blueprint <name>", "only jobs of this blueprint")
    .option("--tag <tag>", "only jobs with this tag; given several times, with all of them", collectTags)
    .option("--parent <id>", "only jobs that this job runs inside its own")
    .option("--limit <number>", `at most so many, 1 to ${LIMIT_MAX} (default: 20)`)
    .option("--cursor <cursor>", "the page after this one");
  withExample(withJson(withConnection(command)), "orchestrator jobs list --status failed --limit 5");
  command.addHelpText("after", STATUSES);
  command.action((flags: Flags) => context.run(flags, () => list(context, flags)));
}

async function list(context: CommandContext, flags: Flags): Promise<number> {
  refuseUnknownStatus(flags["status"]);
  refuseWrongLimit(flags["limit"]);
  const client = await context.client(flags);
  const page = await client.get(`/api/jobs?${queryOf(flags)}`);
  if (flags["json"] === true) {
    context.terminal.out(`${JSON.stringify(page)}\n`);
    return EXIT.done;
  }
  const jobs = Array.isArray(page["jobs"]) ? page["jobs"].filter(isObject) : [];
  context.terminal.out(
    formatTable(
      HEAD,
      jobs.map((job) => FIELDS.map((field) => cell(field === "progress" ? percent(job[field]) : job[field]))),
    ),
  );
  if (jobs.length === 0) await tellOfNone(client, flags, context.terminal);
  const next = page["next_cursor"];
  if (typeof next === "string") context.terminal.err(`more: --cursor ${next}\n`);
  return EXIT.done;
}

/** A table without rows may have a name that was mistyped; jobs of a blueprint that is gone are found all the same. */
async function tellOfNone(client: Client, flags: Flags, terminal: Terminal): Promise<void> {
  const { blueprint } = flags;
  if (typeof blueprint !== "string") return terminal.err("no jobs\n");
  const { blueprints } = await client.get("/api/blueprints");
  const names = Array.isArray(blueprints) ? blueprints.filter(isObject).map(({ name }) => String(name)) : [];
  if (names.includes(blueprint)) return terminal.err("no jobs\n");
  terminal.err(`no jobs, and no blueprint in service is named ${blueprint}${suggestion(blueprint, names)}\n`);
}

function queryOf(flags: Flags): string {
  const query = new URLSearchParams({ limit: String(flags["limit"] ?? 20) });
  for (const name of ["status", "blueprint", "parent", "cursor"]) {
    const value = flags[name];
    if (typeof value === "string") query.set(name, value);
  }
  for (const tag of Array.isArray(flags["tag"]) ? flags["tag"] : []) query.append("tag", String(tag));
  return query.toString();
}

function refuseWrongLimit(limit: unknown): void {
  if (typeof limit !== "string") return;
  const number = Number(limit);
  if (limit.trim() !== "" && Number.isInteger(number) && number >= 1 && number <= LIMIT_MAX) return;
  const message = `--limit is "${limit}": it has to be a whole number from 1 to ${LIMIT_MAX}.`;
  throw new CommandFailure(EXIT.wrongUse, "WRONG_FLAG", message);
}

function refuseUnknownStatus(status: unknown): void {
  if (typeof status !== "string" || isJobStatus(status)) return;
  const message = `--status is "${status}", which is no status${suggestion(status, JOB_STATUSES)} There are: ${JOB_STATUSES.join(", ")}.`;
  throw new CommandFailure(EXIT.wrongUse, "WRONG_FLAG", message);
}
