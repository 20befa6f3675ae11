import type { Command } from "commander";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";
import { jobPath } from "../job-request.ts";
import { changeMany, hasFilters, withFilters } from "../many-jobs.ts";
import { cell } from "../table.ts";

export function addCancel(jobs: Command, context: CommandContext): void {
  const command = jobs
    .command("cancel")
    .description("cancel a job in any state, or many by filters")
    .argument("[id]", "the job's id; left out: the jobs that the filters name");
  withFilters(withJson(withConnection(command)));
  withExample(
    command,
    "orchestrator jobs cancel 01993c6e-7c1a-7000-8000-000000000000",
    "orchestrator jobs cancel --status waiting_for_worker --blueprint thumbnail --dry-run",
  );
  command.action((id: string | undefined, flags: Flags) =>
    context.run(flags, async () => {
      if (id === undefined || hasFilters(flags)) return changeMany(context, "cancel", id, flags);
      const client = await context.client(flags);
      const answer = await client.post(jobPath(id, "cancel"), {});
      context.terminal.out(
        `${flags["json"] === true ? JSON.stringify(answer) : `${id}  ${saidOf(answer["status"])}`}\n`,
      );
      return EXIT.done;
    }),
  );
}

/** A task that runs may take its time to stop: the job ends with it, or without it after a while. */
const SAID: Readonly<Record<string, string>> = {
  cancellation_request_sent: "is being cancelled: its task was told to stop",
  cancellation_request_accepted: "is being cancelled",
};

function saidOf(status: unknown): string {
  return SAID[cell(status)] ?? cell(status);
}
