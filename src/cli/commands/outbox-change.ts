/** Messages that were given up are sent again, or thrown away: one by its id, or all. */
import type { Command } from "commander";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { cell } from "../table.ts";

export function addOutboxRetry(outbox: Command, context: CommandContext): void {
  const command = outbox.command("retry").description("send messages again that were given up");
  addChange(command, context, "retry", "to be tried again: `orchestrator outbox list` shows what still cannot be sent");
}

export function addOutboxDiscard(outbox: Command, context: CommandContext): void {
  const command = outbox.command("discard").description("throw messages away that were given up");
  addChange(command, context, "discard", "thrown away");
}

function addChange(command: Command, context: CommandContext, change: string, done: string): void {
  command.argument("[id]", "the message's id, as `outbox list` shows it").option("--all", "all of them");
  withExample(withJson(withConnection(command, "operators")), `orchestrator outbox ${change} --all`);
  command.action((id: string | undefined, flags: Flags) =>
    context.run(flags, async () => {
      const which = pathOf(id, flags, change);
      const answer = await (await context.client(flags, "operators")).post(`/api/admin/outbox/${which}${change}`, {});
      const text = `${cell(answer["messages"])} ${done}`;
      context.terminal.out(`${flags["json"] === true ? JSON.stringify(answer) : text}\n`);
      return EXIT.done;
    }),
  );
}

/** All of them is never meant by leaving something out. */
function pathOf(id: string | undefined, flags: Flags, change: string): string {
  const isAll = flags["all"] === true;
  if ((id !== undefined) !== isAll) return id === undefined ? "" : `${encodeURIComponent(id)}/`;
  const message = `Say which message: orchestrator outbox ${change} ID, or --all for all that were given up, one of the two.`;
  throw new CommandFailure(EXIT.wrongUse, "WHICH_MESSAGE", message);
}
