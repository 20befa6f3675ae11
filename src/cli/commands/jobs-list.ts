import type { Command } from "commander";
import { isJobStatus, JOB_STATUSES } from "../../job/model.ts";
import { suggestion } from "../../config/nearest.ts";
import { isObject } from "../client.ts";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { cell, formatTable } from "../table.ts";

const HEAD = ["ID", "BLUEPRINT", "STATUS", "STATE", "PROGRESS", "CREATED"] as const;
const FIELDS = ["id", "blueprint_name", "status", "current_state", "progress", "created_at"] as const;

export function addList(jobs: Command, context: CommandContext): void {
  const command = jobs
    .command("list")
    .description("jobs, newest first")
    .option("--status <status>", "only jobs with this status")
    .option("--blueprint <name>", "only jobs of this blueprint")
    .option("--limit <number>", "at most so many (default: 20)")
    .option("--cursor <cursor>", "the page after this one");
  withExample(withJson(withConnection(command)), "orchestrator jobs list --status failed --limit 5");
  command.action((flags: Flags) => context.run(flags, () => list(context, flags)));
}

async function list(context: CommandContext, flags: Flags): Promise<number> {
  refuseUnknownStatus(flags["status"]);
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
      jobs.map((job) => FIELDS.map((field) => cell(job[field]))),
    ),
  );
  const next = page["next_cursor"];
  if (typeof next === "string") context.terminal.err(`more: --cursor ${next}\n`);
  return EXIT.done;
}

function queryOf(flags: Flags): string {
  const query = new URLSearchParams({ limit: String(flags["limit"] ?? 20) });
  for (const name of ["status", "blueprint", "cursor"]) {
    const value = flags[name];
    if (typeof value === "string") query.set(name, value);
  }
  return query.toString();
}

function refuseUnknownStatus(status: unknown): void {
  if (typeof status !== "string" || isJobStatus(status)) return;
  const message = `--status is "${status}", which is no status${suggestion(status, JOB_STATUSES)} There are: ${JOB_STATUSES.join(", ")}.`;
  throw new CommandFailure(EXIT.wrongUse, "WRONG_FLAG", message);
}
