import type { Command } from "commander";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";
import { cell } from "../table.ts";

export function addBlueprintPause(blueprints: Command, context: CommandContext): void {
  const command = blueprints
    .command("pause")
    .description("take new jobs of a blueprint and let them wait; those that have begun go on (operators)");
  addChange(command, context, "pause");
}

export function addBlueprintResume(blueprints: Command, context: CommandContext): void {
  const command = blueprints
    .command("resume")
    .description("let jobs of a blueprint begin again, those that waited first (operators)");
  addChange(command, context, "resume");
}

function addChange(command: Command, context: CommandContext, change: "pause" | "resume"): void {
  command.argument("<name>", "the blueprint's name");
  withExample(withJson(withConnection(command, "operators")), `orchestrator blueprints ${change} simple_linear_flow`);
  command.action((name: string, flags: Flags) =>
    context.run(flags, async () => {
      const client = await context.client(flags, "operators");
      const answer = await client.post(`/api/admin/blueprints/${encodeURIComponent(name)}/${change}`, {});
      const text = flags["json"] === true ? JSON.stringify(answer) : `${name}  ${cell(answer["status"])}`;
      context.terminal.out(`${text}\n`);
      return EXIT.done;
    }),
  );
}
