import type { Command } from "commander";
import type { JsonMap } from "../../system/errors.ts";
import { isObject } from "../client.ts";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printable } from "../printable.ts";
import { relativeTime } from "../relative-time.ts";
import { cell, formatTable } from "../table.ts";

const HEAD = ["NAME", "BLUEPRINT", "DUE", "ZONE", "NEXT", "LAST", "LAST JOB"] as const;

export function addScheduleList(schedules: Command, context: CommandContext): void {
  const command = schedules.command("list").description("schedules: when each is due, and what its last job did");
  withExample(withJson(withConnection(command, "operators")), "orchestrator schedules list");
  command.action((flags: Flags) => context.run(flags, () => list(context, flags)));
}

async function list({ client, terminal }: CommandContext, flags: Flags): Promise<number> {
  const answer = await (await client(flags, "operators")).get("/api/admin/schedules");
  if (flags["json"] === true) {
    terminal.out(`${JSON.stringify(answer)}\n`);
    return EXIT.done;
  }
  const schedules = Array.isArray(answer["schedules"]) ? answer["schedules"].filter(isObject) : [];
  const nowMs = terminal.clock.nowMs();
  terminal.out(
    formatTable(
      HEAD,
      schedules.map((schedule) => rowOf(schedule, nowMs)),
    ),
  );
  terminal.err(notes(answer, schedules, nowMs));
  return EXIT.done;
}

function rowOf(schedule: JsonMap, nowMs: number): readonly string[] {
  const lastJob = schedule["last_job_id"];
  return [
    cell(schedule["name"]),
    cell(schedule["blueprint"]),
    cell(schedule["timing"]),
    cell(schedule["timezone"]),
    nextOf(schedule, nowMs),
    relativeTime(schedule["last_due"], nowMs),
    typeof lastJob === "string" ? `${lastJob} ${cell(schedule["last_job_status"])}` : "-",
  ];
}

function nextOf(schedule: JsonMap, nowMs: number): string {
  if (schedule["enabled"] === false) return "switched off";
  return schedule["paused"] === true ? "paused" : relativeTime(schedule["next_due"], nowMs);
}

/** What is wrong stands below the table, where there is room for a sentence. */
function notes(answer: JsonMap, schedules: readonly JsonMap[], nowMs: number): string {
  const lines = schedules.flatMap((schedule) => notesOf(schedule, nowMs));
  const { file, file_error: fileError } = answer;
  if (typeof fileError === "string") lines.push(`the file as it is now does not serve: ${fileError}`);
  if (schedules.length === 0) lines.push(`no schedules: write them in ${cell(file) || "schedules.toml"}`);
  return lines.map((line) => `${printable(line)}\n`).join("");
}

const REASONS: Readonly<Record<string, string>> = {
  missed: "nothing could run it then",
  overlap: "the job of the run before was still open",
};

function notesOf(schedule: JsonMap, nowMs: number): readonly string[] {
  const { name, error, left_out: leftOut, last_due: lastDue } = schedule;
  const lines = typeof error === "string" ? [`${cell(name)}: ${error}`] : [];
  if (!isObject(leftOut) || String(leftOut["due"]) < String(lastDue ?? "")) return lines;
  const reason = REASONS[String(leftOut["reason"])] ?? cell(leftOut["reason"]);
  return [
    ...lines,
    `${cell(name)}: the run that was due ${relativeTime(leftOut["due"], nowMs)} was left out: ${reason}`,
  ];
}
