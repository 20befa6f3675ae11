/** When a schedule is due: what may be written, and how it is said to people. */
export type Timing =
  | { readonly type: "interval"; readonly seconds: number }
  | { readonly type: "daily"; readonly at: TimeOfDay }
  | { readonly type: "weekly"; readonly days: readonly Weekday[]; readonly at: TimeOfDay }
  | { readonly type: "monthly"; readonly dates: readonly number[]; readonly at: TimeOfDay }
  | { readonly type: "cron"; readonly expression: string };

export interface TimeOfDay {
  readonly hour: number;
  readonly minute: number;
}

/** As cron counts them: the place in the list is the number. */
export const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
export type Weekday = (typeof WEEKDAYS)[number];

type Calendar = Exclude<Timing, { readonly type: "interval" }>;

/** Every calendar timing is a cron expression of five fields. */
export function cronOf(timing: Calendar): string {
  switch (timing.type) {
    case "daily":
      return `${clockFields(timing.at)} * * *`;
    case "weekly":
      return `${clockFields(timing.at)} * * ${timing.days.map((day) => WEEKDAYS.indexOf(day)).join(",")}`;
    case "monthly":
      return `${clockFields(timing.at)} ${timing.dates.join(",")} * *`;
    case "cron":
      return timing.expression;
  }
}

function clockFields({ hour, minute }: TimeOfDay): string {
  return `${minute} ${hour}`;
}

/** "every Monday and Friday at 06:30" */
export function timingText(timing: Timing): string {
  switch (timing.type) {
    case "interval":
      return `every ${secondsText(timing.seconds)}`;
    case "daily":
      return `every day at ${clockText(timing.at)}`;
    case "weekly":
      return `every ${listText(timing.days.map(dayText))} at ${clockText(timing.at)}`;
    case "monthly":
      return `on the ${listText(timing.dates.map(ordinal))} of the month at ${clockText(timing.at)}`;
    case "cron":
      return `cron ${timing.expression}`;
  }
}

function clockText({ hour, minute }: TimeOfDay): string {
  return `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`;
}

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

function secondsText(seconds: number): string {
  const [unit, length] = UNITS.find(([, unitSeconds]) => seconds % unitSeconds === 0) ?? ["second", 1];
  const count = seconds / length;
  return count === 1 ? unit : `${count} ${unit}s`;
}

const DAY_NAMES = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const;

function dayText(day: Weekday): string {
  return DAY_NAMES[WEEKDAYS.indexOf(day)] ?? day;
}

function ordinal(date: number): string {
  const isTeen = date >= 11 && date <= 13;
  const ending = isTeen ? "th" : (["th", "st", "nd", "rd"][date % 10] ?? "th");
  return `${date}${ending}`;
}

function listText(parts: readonly string[]): string {
  const last = parts.at(-1) ?? "";
  return parts.length < 2 ? last : `${parts.slice(0, -1).join(", ")} and ${last}`;
}
