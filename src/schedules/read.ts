/** schedules.toml: a table for each schedule. All of it is good, or it is refused with the first thing that is not. */
import { parse as parseToml, TomlError } from "smol-toml";
import { type CreationOptions, readCreation } from "../protocol/creation.ts";
import { isObject } from "../protocol/json.ts";
import { type JsonMap, Refusal } from "../system/errors.ts";
import { readJitterMs, readTiming, readZone, TIMING_KEYS } from "./read-timing.ts";
import { MISSED_POLICIES, OVERLAP_POLICIES, type OverlapPolicy, type Schedule } from "./schedule.ts";
import type { ScheduleSource } from "./source.ts";
import { Table } from "./table.ts";

/** None where there is no file. */
export async function readSource(source: ScheduleSource | undefined, serverZone: string): Promise<readonly Schedule[]> {
  const text = await source?.read();
  return source === undefined || text === undefined ? [] : readSchedules({ file: source.file, text, serverZone });
}

export interface ScheduleFile {
  /** For messages. */
  readonly file: string;
  readonly text: string;
  /** Of schedules that name none. */
  readonly serverZone: string;
}

/** Passed to each job as they stand in the body of a creation. */
const JOB_KEYS = [
  "priority",
  "tags",
  "dispatch_timeout",
  "result_timeout",
  "deadline_seconds",
  "webhook_url",
  "metadata",
  "security",
] as const;
const KEYS: readonly string[] = [
  "blueprint",
  "input_data",
  "initial_data",
  "enabled",
  ...TIMING_KEYS,
  "time",
  "timezone",
  "missed",
  "overlap",
  "jitter_seconds",
  ...JOB_KEYS,
];
const SCHEDULES_MAX = 1_000;
const NAME_LENGTH_MAX = 200;

export function readSchedules({ file, text, serverZone }: ScheduleFile): readonly Schedule[] {
  const tables = Object.entries(parseOrRefuse(file, text));
  if (tables.length > SCHEDULES_MAX) {
    const message = `${file} has ${tables.length} schedules, and ${SCHEDULES_MAX} at most can be kept: take some out.`;
    throw new Refusal("WRONG_SCHEDULE", 400, message);
  }
  return tables.map(([name, values]) => readSchedule(tableOf(file, name, values), serverZone));
}

function parseOrRefuse(file: string, text: string): Readonly<Record<string, unknown>> {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n")[0]?.replace(/\.$/, "");
    throw new Refusal("WRONG_SCHEDULE", 400, `${file}:${error.line}:${error.column} cannot be read: ${reason}.`);
  }
}

function tableOf(file: string, name: string, values: unknown): Table {
  if (name.trim() === "" || name.length > NAME_LENGTH_MAX || /\p{Cc}/u.test(name)) {
    const shown = JSON.stringify(name.slice(0, 40));
    const message = `${file}: [${shown}] a schedule's name has to be 1 to ${NAME_LENGTH_MAX} characters on one line.`;
    throw new Refusal("WRONG_SCHEDULE", 400, message);
  }
  if (isObject(values)) return new Table(file, name, values);
  const message = `${file}: ${name} stands outside of any table: write [NAME] above it, a table for each schedule.`;
  throw new Refusal("WRONG_SCHEDULE", 400, message);
}

function readSchedule(table: Table, serverZone: string): Schedule {
  table.refuseUnknownKeys(KEYS);
  const blueprint = table.text("blueprint");
  if (blueprint === undefined) throw table.refusal('names no blueprint: set blueprint = "NAME".');
  const timing = readTiming(table);
  const timezone = readZone(table, serverZone);
  return {
    name: table.name,
    blueprint,
    enabled: table.flag("enabled", true),
    timing,
    timezone,
    // An interval that is over runs at once, as it always did; a time of day that has passed is over.
    missed: table.choice("missed", MISSED_POLICIES, timing.type === "interval" ? "once" : "skip"),
    overlap: readOverlap(table),
    jitterMs: readJitterMs(table, timing, timezone),
    ...readJob(table),
  };
}

function readOverlap(table: Table): OverlapPolicy {
  if (table.values["overlap"] !== "queue") return table.choice("overlap", OVERLAP_POLICIES, "allow");
  const instead = 'take "allow" and limit how many jobs of the blueprint run at once, or "skip"';
  throw table.wrong("overlap", `is not offered: ${instead}.`);
}

function readJob(table: Table): { readonly initialData: string; readonly options: CreationOptions } {
  if (table.has("input_data") && table.has("initial_data")) {
    throw table.refusal("sets input_data and initial_data, which are two names for one thing: keep one.");
  }
  const inputKey = table.has("initial_data") ? "initial_data" : "input_data";
  const input = jsonOf(table, inputKey) ?? {};
  if (!isObject(input)) throw table.wrong(inputKey, 'has to be a table, like { name = "Ada" }.');
  const body: JsonMap = { initial_data: input };
  for (const key of JOB_KEYS) if (table.has(key)) body[key] = jsonOf(table, key) as JsonMap[string];
  try {
    const { initialData, options } = readCreation(body);
    return { initialData, options };
  } catch (error) {
    throw error instanceof Refusal ? translated(table, error) : error;
  }
}

/** Dates of TOML become texts; a number that JSON has no word for would become null in silence. */
function jsonOf(table: Table, key: string): unknown {
  const value = table.values[key];
  if (value === undefined) return undefined;
  const text = JSON.stringify(value, (_name, part: unknown) => {
    if (typeof part !== "number" || Number.isFinite(part)) return part;
    throw table.refusal(`${key} holds ${part}, which no job can be given: write a number or a text.`);
  });
  return JSON.parse(text) as unknown;
}

/** What a creation's body would be told, in the words of the table. */
function translated(table: Table, refusal: Refusal): Refusal {
  const [first] = Array.isArray(refusal.details) ? refusal.details : [];
  if (!isObject(first) || typeof first["path"] !== "string") return table.refusal(refusal.message);
  return table.wrong(first["path"].slice(1), `${String(first["message"])}.`);
}
