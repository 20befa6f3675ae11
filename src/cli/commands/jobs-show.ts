import type { Command } from "commander";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";
import { describeJob } from "../job-view.ts";

export function addShow(jobs: Command, context: CommandContext): void {
  const command = jobs.command("show").description("one job, as it stands").argument("<id>", "the job's id");
  withExample(withJson(withConnection(command)), "orchestrator jobs show 01993c6e-7c1a-7000-8000-000000000000");
  command.action((id: string, flags: Flags) =>
    context.run(flags, async () => {
      const client = await context.client(flags);
      const job = await client.get(`/api/jobs/${encodeURIComponent(id)}`);
      context.terminal.out(flags["json"] === true ? `${JSON.stringify(job)}\n` : describeJob(job));
      return EXIT.done;
    }),
  );
}
