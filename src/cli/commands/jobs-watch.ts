import type { Command } from "commander";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { describeJob, exitCodeOfJob } from "../job-view.ts";
import { createJsonView, createProgressView } from "../progress.ts";
import { EXIT_LEFT, watchToTheEnd } from "../watched.ts";

export function addWatch(jobs: Command, context: CommandContext): void {
  const command = jobs
    .command("watch")
    .description("live: states, tasks and progress, until the job ends")
    .argument("<id>", "the job's id");
  withJson(withConnection(command), "print one event a line on standard output");
  withExample(command, "orchestrator jobs watch 01993c6e-7c1a-7000-8000-000000000000");
  command.action((id: string, flags: Flags) => context.run(flags, () => watch(context, id, flags)));
}

async function watch(context: CommandContext, id: string, flags: Flags): Promise<number> {
  const { terminal } = context;
  const client = await context.client(flags);
  // An id that is none, or somebody else's, is refused here and not waited for.
  await client.get(`/api/jobs/${encodeURIComponent(id)}`);
  const isJson = flags["json"] === true;
  const view = isJson ? createJsonView(terminal) : createProgressView(terminal, { jobId: id });
  const job = await watchToTheEnd({ client, terminal, jobId: id, view });
  if (job === undefined) return EXIT_LEFT;
  if (!isJson) terminal.out(describeJob(job));
  return exitCodeOfJob(job);
}
