import type { Command } from "commander";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { followJob } from "../follow.ts";
import { describeJob, exitCodeOfJob } from "../job-view.ts";
import { createJsonView, createProgressView } from "../progress.ts";

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
  if (flags["json"] === true) return exitCodeOfJob(await followJob(client, terminal, id, createJsonView(terminal)));
  const view = createProgressView(terminal, { jobId: id });
  const job = await followJob(client, terminal, id, view).finally(() => view.close());
  terminal.out(describeJob(job));
  return exitCodeOfJob(job);
}
