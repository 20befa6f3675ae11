import type { Command } from "commander";
import type { JsonMap } from "../../system/errors.ts";
import { isObject } from "../client.ts";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";
import { relativeTime } from "../relative-time.ts";
import { cell, formatTable } from "../table.ts";

const HEAD = ["ID", "KIND", "JOB", "TO", "TRIES", "GIVEN UP", "ERROR"] as const;

export function addOutboxList(outbox: Command, context: CommandContext): void {
  const command = outbox
    .command("list")
    .description("messages that were given up, newest first, and how many still wait")
    .option("--limit <number>", "so many at most (default: 100)")
    .option("--cursor <id>", "go on behind this one");
  withExample(withJson(withConnection(command, "operators")), "orchestrator outbox list");
  command.action((flags: Flags) => context.run(flags, () => list(context, flags)));
}

async function list({ client, terminal }: CommandContext, flags: Flags): Promise<number> {
  const query = new URLSearchParams({ failed: "true" });
  for (const name of ["limit", "cursor"]) {
    const value = flags[name];
    if (typeof value === "string") query.set(name, value);
  }
  const answer = await (await client(flags, "operators")).get(`/api/admin/outbox?${query}`);
  if (flags["json"] === true) {
    terminal.out(`${JSON.stringify(answer)}\n`);
    return EXIT.done;
  }
  const messages = Array.isArray(answer["messages"]) ? answer["messages"].filter(isObject) : [];
  const nowMs = terminal.clock.nowMs();
  terminal.out(
    formatTable(
      HEAD,
      messages.map((message) => rowOf(message, nowMs)),
    ),
  );
  const { waiting, failed, next_cursor: next } = answer;
  terminal.err(`${cell(waiting)} wait to be delivered, ${cell(failed)} were given up\n`);
  if (typeof next === "string") terminal.err(`there are more: --cursor ${next}\n`);
  return EXIT.done;
}

function rowOf(message: JsonMap, nowMs: number): readonly string[] {
  return [
    cell(message["event_id"]),
    cell(message["kind"]),
    cell(message["job_id"]),
    cell(message["destination"]),
    cell(message["attempts"]),
    relativeTime(message["failed_at"], nowMs),
    cell(message["error"]),
  ];
}
