import type { Command } from "commander";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";
import { readInput } from "../input.ts";
import { idempotencyHeader, jobPath, withIdempotencyKey } from "../job-request.ts";

const MEMORY = `
The new job gets the initial data of this one and nothing of its memory: stateHistory is empty, also with --from. A state
in the middle that reads what earlier states or tasks have written there has to manage without, or is given it with
--input. To go on with all that is known, at the step that failed: orchestrator jobs retry ID`;

export function addRerun(jobs: Command, context: CommandContext): void {
  const command = jobs
    .command("rerun")
    .description("start a new job like this one, with the newest version of its blueprint")
    .argument("<id>", "the job's id")
    .option("--from <state>", "begin in this state, not in the start state: with an empty stateHistory, see below")
    .option("--input <json>", "other initial data: JSON, @FILE, or - for standard input");
  withIdempotencyKey(withJson(withConnection(command)));
  withExample(command, "orchestrator jobs rerun 01993c6e-7c1a-7000-8000-000000000000 --from process");
  command.addHelpText("after", MEMORY);
  command.action((id: string, flags: Flags) =>
    context.run(flags, async () => {
      const body = {
        ...(typeof flags["from"] === "string" && { from_state: flags["from"] }),
        ...(flags["input"] !== undefined && { initial_data: await readInput(flags["input"], context.terminal) }),
      };
      const client = await context.client(flags);
      const answer = await client.post(jobPath(id, "rerun"), body, idempotencyHeader(flags));
      context.terminal.out(flags["json"] === true ? `${JSON.stringify(answer)}\n` : `${String(answer["job_id"])}\n`);
      return EXIT.done;
    }),
  );
}
