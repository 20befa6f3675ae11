/** A blueprint as a picture before it has a format: what each state and each transition shows. */
import type { Edge, Manifest, StateAct, StateFacts } from "../catalog/port.ts";
import { isImplicitEnd } from "./definition.ts";

export type Drawn = Pick<Manifest, "name" | "states" | "edges">;

/** What a state is to somebody who looks at it. */
export type Role =
  | "step"
  | "task"
  | "aggregator"
  | "child"
  | "person"
  | "wait"
  | "end"
  | "failed"
  | "cancelled"
  | "missing";

export type Tone = "plain" | "good" | "bad" | "cancelled" | "late" | "event" | "unknown";

export interface PictureState {
  /** What edges name it by: its name, unless it is drawn several times. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly isStart: boolean;
  /** What it asks for, a line each. */
  readonly lines: readonly string[];
}

export interface PictureEdge {
  readonly from: string;
  /** Left out: where it leads cannot be known. */
  readonly to?: string;
  readonly caption: string;
  /** When the handler runs that it comes from, where the state has several: "if …", shortened, or "otherwise". */
  readonly condition?: string;
  readonly tone: Tone;
}

export interface Picture {
  readonly title: string;
  readonly states: readonly PictureState[];
  readonly edges: readonly PictureEdge[];
}

const CONDITION_LENGTH_MAX = 60;
const LINES_MAX = 4;

export function pictureOf({ name, states, edges }: Drawn): Picture {
  const declared = new Set(states.map((state) => state.name));
  const choosing = new Set(edges.filter(({ condition }) => condition !== undefined).map(({ from }) => from));
  const others = new Set(edges.map(({ to }) => to).filter((state) => !declared.has(state)));
  return {
    title: name,
    states: [...states.map(stateOf), ...[...others].map(undeclared)],
    edges: [
      ...edges.map((edge) => edgeOf(edge, choosing.has(edge.from))),
      ...states.filter(({ isOpen }) => isOpen).map(openEdge),
    ],
  };
}

function stateOf({ name, isStart, isEnd, isAggregator, acts = [] }: StateFacts): PictureState {
  const lines = acts.map(lineOf);
  const more = lines.length > LINES_MAX ? [`and ${lines.length - LINES_MAX + 1} more`] : [];
  const shown = lines.slice(0, LINES_MAX - more.length);
  return { id: name, name, isStart, role: roleOf({ name, isEnd, isAggregator, acts }), lines: [...shown, ...more] };
}

function undeclared(name: string): PictureState {
  return { id: name, name, isStart: false, role: isImplicitEnd(name) ? endOf(name) : "missing", lines: [] };
}

function roleOf({
  name,
  isEnd,
  isAggregator,
  acts,
}: Omit<Required<StateFacts>, "isOpen" | "isHidden" | "isStart">): Role {
  if (isEnd) return endOf(name);
  if (isAggregator) return "aggregator";
  const actions = new Set(acts.map(({ action }) => action));
  if (actions.has("awaitHumanApproval")) return "person";
  if (actions.has("runBlueprint")) return "child";
  if (actions.has("dispatchTask") || actions.has("dispatchParallel")) return "task";
  return actions.size > 0 ? "wait" : "step";
}

/** States of the first two names end a job as failed. */
function endOf(name: string): Role {
  if (name === "failed" || name === "error") return "failed";
  return name === "cancelled" ? "cancelled" : "end";
}

function lineOf({ action, subject, join }: StateAct): string {
  const about = subject === undefined ? "" : ` ${subject}`;
  switch (action) {
    case "dispatchTask":
      return `task${about}`;
    case "dispatchParallel":
      return `tasks${about} in parallel${joinText(join)}`;
    case "awaitHumanApproval":
      return subject === undefined ? "asks a person" : `asks a person: ${subject}`;
    case "runBlueprint":
      return `blueprint${about}`;
    case "waitFor":
      return `waits${about}`;
    case "waitForEvent":
      return `waits for event${about}`;
    default:
      return action + about;
  }
}

function joinText(join: StateAct["join"]): string {
  switch (join) {
    case undefined:
      return "";
    case "settled":
      return ", good or bad";
    case "any":
      return ", the first good one";
    default:
      return `, ${join} good ones`;
  }
}

function edgeOf({ from, to, label, kind, condition }: Edge, isChosen: boolean): PictureEdge {
  return {
    from,
    to,
    caption: captionOf(label, kind),
    tone: toneOf(label, kind),
    ...(isChosen && { condition: condition === undefined ? "otherwise" : `if ${shortened(condition)}` }),
  };
}

function openEdge({ name }: StateFacts): PictureEdge {
  return { from: name, caption: "cannot be known", tone: "unknown" };
}

function captionOf(label: string, kind: Edge["kind"]): string {
  if (label === "transition" && (kind ?? "transition") === "transition") return label;
  if (kind === "timer") return label === "timer" ? "later" : `after ${label.replace(/^timer /, "")}`;
  return kind === "worker-event" ? `on event ${label}` : `on ${label}`;
}

function toneOf(label: string, kind: Edge["kind"]): Tone {
  if (kind === "transition") return "plain";
  if (kind === "worker-event") return "event";
  switch (label) {
    case "success":
    case "approved":
    case "received":
      return "good";
    case "failure":
    case "rejected":
      return "bad";
    case "cancelled":
      return "cancelled";
    case "timeout":
      return "late";
    default:
      return "plain";
  }
}

function shortened(condition: string): string {
  const text = condition
    .replaceAll(/\bcontext\./g, "")
    .replaceAll(/\s+/g, " ")
    .trim();
  return text.length > CONDITION_LENGTH_MAX ? `${text.slice(0, CONDITION_LENGTH_MAX - 1)}…` : text;
}
