import type { Command } from "commander";
import type { JsonMap } from "../../system/errors.ts";
import { isObject } from "../client.ts";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";
import { cell, formatTable } from "../table.ts";

const HEAD = ["CLIENT", "PLAN", "ATTEMPTS A MONTH", "USED", "LEFT"] as const;

export function addClientList(clients: Command, context: CommandContext): void {
  const command = clients
    .command("list")
    .description("the clients of clients.toml, and what they have left this month");
  withExample(withJson(withConnection(command, "operators")), "orchestrator clients list");
  command.action((flags: Flags) => context.run(flags, () => list(context, flags)));
}

async function list({ client, terminal }: CommandContext, flags: Flags): Promise<number> {
  const answer = await (await client(flags, "operators")).get("/api/admin/clients");
  if (flags["json"] === true) {
    terminal.out(`${JSON.stringify(answer)}\n`);
    return EXIT.done;
  }
  const clients = Array.isArray(answer["clients"]) ? answer["clients"].filter(isObject) : [];
  terminal.out(formatTable(HEAD, clients.map(rowOf)));
  const what = answer["quota_counts"] === "creations" ? "jobs that are started" : "requests";
  terminal.err(`counted: ${what}, until ${cell(answer["resets_at"])}\n`);
  return EXIT.done;
}

function rowOf({ id, plan, monthly_attempts: limit, used, remaining }: JsonMap): readonly string[] {
  return [cell(id), cell(plan), limit === null ? "no limit" : cell(limit), cell(used), cell(remaining)];
}
