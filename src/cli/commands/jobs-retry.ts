import type { Command } from "commander";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";
import { idempotencyHeader, jobPath, withIdempotencyKey } from "../job-request.ts";
import { changeMany, hasFilters, withFilters } from "../many-jobs.ts";

export function addRetry(jobs: Command, context: CommandContext): void {
  const command = jobs
    .command("retry")
    .description("let a job that failed, was cancelled or is quarantined go on at the step that failed; or many")
    .argument("[id]", "the job's id; left out: the jobs that the filters name");
  withFilters(withIdempotencyKey(withJson(withConnection(command))));
  withExample(
    command,
    "orchestrator jobs retry 01993c6e-7c1a-7000-8000-000000000000",
    "orchestrator jobs retry --status quarantined --blueprint thumbnail --dry-run",
  );
  command.action((id: string | undefined, flags: Flags) =>
    context.run(flags, async () => {
      if (id === undefined || hasFilters(flags)) return changeMany(context, "retry", id, flags);
      const client = await context.client(flags);
      const answer = await client.post(jobPath(id, "retry"), {}, idempotencyHeader(flags));
      context.terminal.out(flags["json"] === true ? `${JSON.stringify(answer)}\n` : `${id}  goes on\n`);
      return EXIT.done;
    }),
  );
}
