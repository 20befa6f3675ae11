/** Shows a followed job to people: a bar that is drawn over on a terminal, plain lines elsewhere. */
import type { EventFacts } from "../job/event-facts.ts";
import { createEventTeller, type EventTeller } from "./event-text.ts";
import type { Follower, JobUpdate } from "./follow.ts";
import { createScale } from "./percent.ts";
import { printable } from "./printable.ts";
import type { Terminal } from "./terminal.ts";
import type { Quiet } from "./waiting.ts";

const BAR_CELLS = 24;
const CLEAR_LINE = "\r\u001b[2K";

export interface ProgressView extends Follower {
  /** Whole lines that come between. */
  say(text: string): void;
  close(): void;
}

export interface ViewOptions {
  /** Ends the sentence about tasks that nobody takes. */
  readonly advice?: string;
  /** Of a job that commands reach: how to decide for it is told when it asks. */
  readonly jobId?: string;
}

export function createProgressView(terminal: Terminal, options: ViewOptions = {}): ProgressView {
  return terminal.isInteractive ? createBar(terminal, options) : createLines(terminal, options);
}

/** `jobs watch --json`: one event a line on standard output. */
export function createJsonView(terminal: Terminal): Follower {
  return {
    update: (update) => terminal.out(`${JSON.stringify(update)}\n`),
    lost: () => terminal.err("connection lost, trying again\n"),
    waits: (quiet) => terminal.err(`${waiting(quiet)}\n`),
  };
}

function waiting(quiet: Quiet, advice = ""): string {
  if ("held" in quiet) return printable(`waiting: ${quiet.held}`);
  const { taskTypes, shutOut, drained, meant } = quiet;
  // Another worker of the kind would help less than a look at this one.
  const why =
    (shutOut && `; ${shutOut.join(", ")} would, once its reputation is back (see orchestrator workers resume)`) ??
    (drained && `; ${drained.join(", ")} would, but is drained: orchestrator workers resume ${drained[0]}`) ??
    (meant !== undefined ? `; did you mean ${meant}, which one takes?` : undefined);
  return printable(`waiting: no connected worker takes ${taskTypes.join(", ")}${why ?? advice}`);
}

function createLines(terminal: Terminal, { advice, jobId }: ViewOptions): ProgressView {
  const toPercent = createScale();
  const teller = createEventTeller();
  let isLost = false;
  return {
    update(update) {
      isLost = false;
      const line = describe(update, toPercent, teller);
      if (line !== undefined) terminal.err(`${line}\n${decideText(update, jobId)}`);
    },
    lost() {
      if (!isLost) terminal.err("connection lost, trying again\n");
      isLost = true;
    },
    waits: (quiet) => terminal.err(`${waiting(quiet, advice)}\n`),
    say: (text) => terminal.err(text),
    close: () => undefined,
  };
}

function createBar(terminal: Terminal, { advice, jobId }: ViewOptions): ProgressView {
  const toPercent = createScale();
  const teller = createEventTeller();
  let isDrawn = false;
  const clear = () => {
    if (isDrawn) terminal.err(CLEAR_LINE);
    isDrawn = false;
  };
  const draw = (text: string) => {
    terminal.err(CLEAR_LINE + text.slice(0, Math.max(10, terminal.columns - 1)));
    isDrawn = true;
  };
  return {
    update(update) {
      if (update.event === "progress") return hasNumber(update) ? draw(bar(update, toPercent, teller)) : undefined;
      const line = describe(update, toPercent, teller);
      clear();
      if (line !== undefined) terminal.err(`${line}\n${decideText(update, jobId)}`);
    },
    lost: () => draw("connection lost, trying again"),
    waits(quiet) {
      clear();
      terminal.err(`${waiting(quiet, advice)}\n`);
    },
    say(text) {
      clear();
      terminal.err(text);
    },
    close: clear,
  };
}

type Scale = (progress: number) => number;

/** Of several tasks the bar shows all together: each of them alone would let it jump. */
function bar({ data }: JobUpdate, toPercent: Scale, { branches }: EventTeller): string {
  const own = toPercent(numberOf(data["progress"]));
  branches.progressed(textOf(data["task_id"]), own);
  const branch = branches.nameOf(textOf(data["task_id"]));
  const overall = branch === undefined ? undefined : branches.overall();
  const percent = overall?.percent ?? own;
  const full = Math.round((percent / 100) * BAR_CELLS);
  const message = overall ? `${overall.done} of ${overall.of} done  ${branch}: ` : "";
  const said = printable(`${message}${textOf(data["message"])}`);
  return `${"█".repeat(full)}${"░".repeat(BAR_CELLS - full)} ${String(percent).padStart(3)} %  ${said}`;
}

function describe(update: JobUpdate, toPercent: Scale, teller: EventTeller): string | undefined {
  const { data, event } = update;
  if (event === "progress") {
    if (!hasNumber(update)) return undefined;
    const percent = toPercent(numberOf(data["progress"]));
    const branch = teller.branches.nameOf(textOf(data["task_id"]));
    const of = branch === undefined ? "" : `  ${branch}`;
    return printable(`progress ${percent} %${of}  ${textOf(data["message"])}`.trimEnd());
  }
  if (event === "end") return undefined;
  const time = textOf(data["timestamp"]).slice(11, 19);
  const state = textOf(data["state"]);
  const next = textOf(data["next_state"]);
  const worker = textOf(data["worker_id"]);
  const attempt = typeof data["attempt_number"] === "number" ? data["attempt_number"] : undefined;
  const { name, details } = teller.tell({ type: event, attempt, facts: data as EventFacts });
  const parts = [time, name, state, next && `→ ${next}`, worker && `(${worker})`, details];
  return printable(parts.filter((part) => part !== "").join("  "));
}

/** Whoever watches may be the one that is asked. */
function decideText({ event, data }: JobUpdate, jobId: string | undefined): string {
  const { wait } = data as EventFacts;
  if (event !== "approval_requested" || jobId === undefined || !Array.isArray(wait?.["decisions"])) return "";
  const decisions = wait["decisions"].map(String).join(" or ");
  return printable(`waiting: decide with orchestrator jobs decide ${jobId} DECISION, which is ${decisions}`) + "\n";
}

/** Progress comes live with its number, and once more as an event of the history without it. */
function hasNumber({ data }: JobUpdate): boolean {
  return typeof data["progress"] === "number";
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
