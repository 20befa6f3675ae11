/** Cancelling, retrying or migrating all jobs that filters name, page after page. */
import type { Command } from "commander";
import type { JsonMap } from "../system/errors.ts";
import { isObject } from "./client.ts";
import type { CommandContext, Flags } from "./command.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { cell } from "./table.ts";

const FILTERS = {
  status: "status",
  blueprint: "blueprint",
  createdAfter: "created_after",
  createdBefore: "created_before",
} as const;
const PAGE = 500;
const DONE = { cancel: "are being cancelled", retry: "go on", migrate: "are of that version now" } as const;
type Change = keyof typeof DONE;

export function withFilters(command: Command): Command {
  return command
    .option("--status <status>", "only jobs with this status")
    .option("--blueprint <name>", "only jobs of this blueprint")
    .option("--created-after <time>", "only later ones, such as 2027-01-31T08:00:00Z")
    .option("--created-before <time>", "only earlier ones")
    .option("--tag <tag>", "only jobs with this tag; given several times, with all of them", collectTags)
    .option("--dry-run", "only say which jobs they are");
}

/** A flag that may be given several times. */
export function collectTags(tag: string, before: readonly string[] = []): readonly string[] {
  return [...before, tag];
}

export function hasFilters(flags: Flags): boolean {
  return (
    flags["dryRun"] === true ||
    flags["tag"] !== undefined ||
    Object.keys(FILTERS).some((name) => flags[name] !== undefined)
  );
}

export async function changeMany(
  context: CommandContext,
  what: Change,
  id: string | undefined,
  flags: Flags,
  more: JsonMap = {},
): Promise<number> {
  if (id !== undefined) {
    throw new CommandFailure(EXIT.wrongUse, "WRONG_USE", "Give either the id of one job, or filters for many.");
  }
  const filters = filtersOf(flags);
  if (Object.keys(filters).length === 0) {
    const message = `Give the id of a job, or say which jobs are meant: --status, --blueprint, --tag, --created-after or --created-before.`;
    throw new CommandFailure(EXIT.wrongUse, "WRONG_USE", message);
  }
  const { changed, skipped } = await askAll(
    context,
    what,
    { ...filters, ...more, dry_run: flags["dryRun"] === true },
    flags,
  );
  tell(context, what, changed, skipped, flags);
  return skipped.length > 0 ? EXIT.wentWrong : EXIT.done;
}

async function askAll(context: CommandContext, what: string, filters: JsonMap, flags: Flags) {
  const client = await context.client(flags, what === "migrate" ? "operators" : "clients");
  const changed: string[] = [];
  const skipped: JsonMap[] = [];
  let cursor: unknown;
  do {
    const page = await client.post(`/api/jobs/${what}`, {
      ...filters,
      limit: PAGE,
      ...(typeof cursor === "string" && { cursor }),
    });
    if (Array.isArray(page["job_ids"])) changed.push(...page["job_ids"].map(String));
    if (Array.isArray(page["skipped"])) skipped.push(...page["skipped"].filter(isObject));
    cursor = page["next_cursor"];
  } while (typeof cursor === "string");
  return { changed, skipped };
}

function tell(
  { terminal }: CommandContext,
  what: Change,
  changed: readonly string[],
  skipped: readonly JsonMap[],
  flags: Flags,
): void {
  if (flags["json"] === true) {
    const isDryRun = flags["dryRun"] === true;
    return terminal.out(`${JSON.stringify({ dry_run: isDryRun, job_ids: changed, skipped })}\n`);
  }
  for (const id of changed) terminal.out(`${id}\n`);
  for (const one of skipped) terminal.err(`${cell(one["job_id"])}: ${cell(one["error"])}\n`);
  const done = flags["dryRun"] === true ? `would be asked to ${what}` : DONE[what];
  terminal.err(`${counted(changed.length, done)}${skipped.length > 0 ? `, ${skipped.length} refused` : ""}\n`);
}

function filtersOf(flags: Flags): JsonMap {
  const filters: JsonMap = {};
  for (const [flag, name] of Object.entries(FILTERS)) {
    const value = flags[flag];
    if (typeof value === "string") filters[name] = value;
  }
  const { tag } = flags;
  return Array.isArray(tag) ? { ...filters, tag } : filters;
}

function counted(count: number, done: string): string {
  if (count !== 1) return `${count} jobs ${done}`;
  return `1 job ${done.replace(/^are /, "is ").replace(/^go /, "goes ")}`;
}
