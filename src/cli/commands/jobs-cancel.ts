import type { Command } from "commander";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";
import { cell } from "../table.ts";

export function addCancel(jobs: Command, context: CommandContext): void {
  const command = jobs.command("cancel").description("cancel a job in any state").argument("<id>", "the job's id");
  withExample(withJson(withConnection(command)), "orchestrator jobs cancel 01993c6e-7c1a-7000-8000-000000000000");
  command.action((id: string, flags: Flags) =>
    context.run(flags, async () => {
      const client = await context.client(flags);
      const answer = await client.post(`/api/jobs/${encodeURIComponent(id)}/cancel`, {});
      context.terminal.out(`${flags["json"] === true ? JSON.stringify(answer) : `${id}  ${cell(answer["status"])}`}\n`);
      return EXIT.done;
    }),
  );
}
