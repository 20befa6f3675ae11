import type { Command } from "commander";
import type { JsonMap } from "../../system/errors.ts";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { jobPath } from "../job-request.ts";
import { changeMany, hasFilters, withFilters } from "../many-jobs.ts";
import { cell } from "../table.ts";

const VERSION_SHOWN = 12;

export function addMigrate(jobs: Command, context: CommandContext): void {
  const command = jobs
    .command("migrate")
    .description("take running jobs to another version of their blueprint; what runs for them goes on (operators)")
    .argument("[id]", "the job's id; left out: the jobs that the filters name")
    .requiredOption("--to <version>", 'the version: "current", or its hash as `blueprints show` tells it')
    .option("--map <old=new...>", "a state and what it is called in that version; may be given several times");
  withFilters(withJson(withConnection(command, "operators")));
  withExample(
    command,
    "orchestrator jobs migrate 01993c6e-7c1a-7000-8000-000000000000 --to current --map check=review",
    "orchestrator jobs migrate --blueprint order --status waiting_for_human --to current --dry-run",
  );
  command.action((id: string | undefined, flags: Flags) =>
    context.run(flags, () => {
      const body = { to: cell(flags["to"]), states: statesOf(flags["map"]) };
      const { dryRun: _, ...others } = flags;
      return id === undefined || hasFilters(others)
        ? changeMany(context, "migrate", id, flags, body)
        : migrateOne(context, id, { ...body, dry_run: flags["dryRun"] === true }, flags);
    }),
  );
}

async function migrateOne(context: CommandContext, id: string, body: JsonMap, flags: Flags): Promise<number> {
  const client = await context.client(flags, "operators");
  const answer = await client.post(jobPath(id, "migrate"), body);
  context.terminal.out(`${flags["json"] === true ? JSON.stringify(answer) : textOf(id, answer)}\n`);
  return EXIT.done;
}

function textOf(id: string, { status, from, to, current_state: state, dry_run: isDryRun }: JsonMap): string {
  const [before, after] = [from, to].map((hash) => cell(hash).slice(0, VERSION_SHOWN));
  if (status === "unchanged") return `${id}  is of version ${after} already`;
  return `${id}  ${isDryRun === true ? "would be migrated" : "migrated"}, ${before} to ${after}, in state ${cell(state)}`;
}

function statesOf(flag: unknown): JsonMap {
  const states: JsonMap = {};
  for (const pair of Array.isArray(flag) ? flag : []) {
    const [, from, to] = /^([^=]+)=([^=]+)$/.exec(String(pair)) ?? [];
    if (from === undefined || to === undefined) {
      const message = `--map is "${pair}": it has to be old=new, two names of states.`;
      throw new CommandFailure(EXIT.wrongUse, "WRONG_FLAG", message);
    }
    states[from] = to;
  }
  return states;
}
