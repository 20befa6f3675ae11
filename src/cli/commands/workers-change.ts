import type { Command } from "commander";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";
import { cell } from "../table.ts";

export function addWorkerDrain(workers: Command, context: CommandContext): void {
  const command = workers.command("drain").description("give a worker no new tasks; what it runs goes on (operators)");
  addChange(command, context, "drain");
}

export function addWorkerResume(workers: Command, context: CommandContext): void {
  const command = workers.command("resume");
  command.description("give a worker tasks again: after a drain, or though its reputation is too low (operators)");
  addChange(command, context, "resume");
}

function addChange(command: Command, context: CommandContext, change: "drain" | "resume"): void {
  command.argument("<id>", "the worker's id");
  withExample(withJson(withConnection(command, "operators")), `orchestrator workers ${change} worker-001`);
  command.action((id: string, flags: Flags) =>
    context.run(flags, async () => {
      const client = await context.client(flags, "operators");
      const answer = await client.post(`/api/admin/workers/${encodeURIComponent(id)}/${change}`, {});
      const text = flags["json"] === true ? JSON.stringify(answer) : `${id}  ${cell(answer["status"])}`;
      context.terminal.out(`${text}\n`);
      return EXIT.done;
    }),
  );
}
