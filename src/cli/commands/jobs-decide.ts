/** Deciding for a job that waits for a person: `approve` and `reject` are the two words that most offer. */
import type { Command } from "commander";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";
import { idempotencyHeader, jobPath, withIdempotencyKey } from "../job-request.ts";

const ID = "01993c6e-7c1a-7000-8000-000000000000";

export function addApprove(jobs: Command, context: CommandContext): void {
  addWord(jobs, context, "approve", "approved");
}

export function addReject(jobs: Command, context: CommandContext): void {
  addWord(jobs, context, "reject", "rejected");
}

function addWord(jobs: Command, context: CommandContext, word: string, decision: string): void {
  const command = jobs
    .command(word)
    .description(`decide "${decision}" for a job that waits for a person`)
    .argument("<id>", "the job's id");
  withComment(command, `orchestrator jobs ${word} ${ID} --comment "seen by Ada"`);
  command.action((id: string, flags: Flags) => context.run(flags, () => decide(context, id, decision, flags)));
}

export function addDecide(jobs: Command, context: CommandContext): void {
  const command = jobs
    .command("decide")
    .description("decide for a job that waits for a person; `jobs show` lists what it offers")
    .argument("<id>", "the job's id")
    .argument("<decision>", "one of the decisions that it offers");
  withComment(command, `orchestrator jobs decide ${ID} needs_work --comment "the title is missing"`);
  command.action((id: string, decision: string, flags: Flags) =>
    context.run(flags, () => decide(context, id, decision, flags)),
  );
}

function withComment(command: Command, example: string): void {
  command.option("--comment <text>", "kept with the decision");
  withIdempotencyKey(withJson(withConnection(command)));
  withExample(command, example);
}

async function decide(context: CommandContext, id: string, decision: string, flags: Flags): Promise<number> {
  const client = await context.client(flags);
  const comment = typeof flags["comment"] === "string" ? { comment: flags["comment"] } : {};
  const answer = await client.post(jobPath(id, "decision"), { decision, ...comment }, idempotencyHeader(flags));
  context.terminal.out(flags["json"] === true ? `${JSON.stringify(answer)}\n` : `${id}  ${decision}\n`);
  return EXIT.done;
}
