import type { Command } from "commander";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";
import { readValue } from "../input.ts";
import { idempotencyHeader, jobPath, withIdempotencyKey } from "../job-request.ts";

export function addEvent(jobs: Command, context: CommandContext): void {
  const command = jobs
    .command("event")
    .description("send an event to a job; one that the job does not wait for yet is kept for it")
    .argument("<id>", "the job's id")
    .argument("<name>", "the event's name, as the blueprint waits for it")
    .option("--data <json>", "what comes with it: JSON, @FILE, or - for standard input (default: null)");
  withIdempotencyKey(withJson(withConnection(command)));
  withExample(command, "orchestrator jobs event 01993c6e-7c1a-7000-8000-000000000000 paid --data '{\"amount\": 12}'");
  command.action((id: string, event: string, flags: Flags) =>
    context.run(flags, async () => {
      const data = await readValue("--data", flags["data"], context.terminal);
      const client = await context.client(flags);
      const answer = await client.post(jobPath(id, "event"), { event, data }, idempotencyHeader(flags));
      if (typeof answer["warning"] === "string" && flags["json"] !== true)
        context.terminal.err(`warning: ${answer["warning"]}\n`);
      context.terminal.out(
        flags["json"] === true ? `${JSON.stringify(answer)}\n` : `${id}  event ${event} is with the job\n`,
      );
      return EXIT.done;
    }),
  );
}
