import type { Command } from "commander";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";
import { cell } from "../table.ts";

export function addScheduleTrigger(schedules: Command, context: CommandContext): void {
  const command = schedules
    .command("trigger")
    .description("start a job of a schedule now, beside those that are due; prints its id")
    .option("--idempotency-key <key>", "the same key gives the same job");
  addChange(command, context, "trigger", "job_id");
}

export function addSchedulePause(schedules: Command, context: CommandContext): void {
  const command = schedules.command("pause").description("start no jobs of a schedule until it is resumed");
  addChange(command, context, "pause", "status");
}

export function addScheduleResume(schedules: Command, context: CommandContext): void {
  const command = schedules
    .command("resume")
    .description("start jobs of a schedule again; what was due in between is left out");
  addChange(command, context, "resume", "status");
}

function addChange(command: Command, context: CommandContext, change: string, shown: "job_id" | "status"): void {
  command.argument("<name>", "the schedule's name");
  withExample(withJson(withConnection(command, "operators")), `orchestrator schedules ${change} nightly`);
  command.action((name: string, flags: Flags) =>
    context.run(flags, async () => {
      const client = await context.client(flags, "operators");
      const key = flags["idempotencyKey"];
      const headers = typeof key === "string" ? { "idempotency-key": key } : undefined;
      const answer = await client.post(`/api/admin/schedules/${encodeURIComponent(name)}/${change}`, {}, headers);
      const text = shown === "job_id" ? cell(answer[shown]) : `${name}  ${cell(answer[shown])}`;
      context.terminal.out(`${flags["json"] === true ? JSON.stringify(answer) : text}\n`);
      return EXIT.done;
    }),
  );
}
