/** Says why a job is quiet, where that can be told: it has not begun, or no connected worker takes a task of it. */
import type { Cancel } from "../system/clock.ts";
import type { JsonMap, JsonValue } from "../system/errors.ts";
import { nearest } from "../system/nearest.ts";
import { type Client, isObject } from "./client.ts";
import { heldText } from "./held.ts";
import type { Terminal } from "./terminal.ts";

const FIRST_LOOK_MS = 1_500;
/** Looking costs the server something: ever more seldom while nothing happens. */
const LOOK_MS_MAX = 60_000;
const TAKES_NOTHING: readonly JsonValue[] = ["offline", "draining"];

/** Task types that nobody takes, and what may be why; or why it has not begun. */
export type Quiet = Untaken | { readonly held: string };

interface Untaken {
  readonly taskTypes: readonly string[];
  /** Who would take them if their results had been better. */
  readonly shutOut?: readonly string[];
  /** Who would take them, had nobody taken them out of service. */
  readonly drained?: readonly string[];
  /** A type that a worker takes and that is written much like the first of them. */
  readonly meant?: string;
}

export interface QuietWatch {
  /** Something happened: the job is not quiet. */
  heard(): void;
  stop(): void;
}

export interface QuietWatchOptions {
  readonly client: Client;
  readonly terminal: Terminal;
  readonly jobPath: string;
  /** Told once for each reason. */
  readonly waitsFor: (quiet: Quiet) => void;
}

export function watchQuiet({ client, terminal, jobPath, waitsFor }: QuietWatchOptions): QuietWatch {
  let cancel: Cancel = () => undefined;
  let isStopped = false;
  let delayMs = FIRST_LOOK_MS;
  let told = "";

  async function look(): Promise<void> {
    const quiet = await reasonOf(client, jobPath).catch(() => undefined);
    if (isStopped) return;
    const key = quiet === undefined ? "" : JSON.stringify(quiet);
    if (quiet !== undefined && key !== told) waitsFor(quiet);
    told = key;
    delayMs = Math.min(LOOK_MS_MAX, delayMs * 2);
    plan();
  }

  function plan(): void {
    cancel();
    if (!isStopped) cancel = terminal.timers.after(delayMs, () => void (isStopped || look()));
  }

  plan();
  return {
    heard() {
      delayMs = FIRST_LOOK_MS;
      plan();
    },
    stop() {
      isStopped = true;
      cancel();
    },
  };
}

async function reasonOf(client: Client, jobPath: string): Promise<Quiet | undefined> {
  const job = await client.get(jobPath);
  const held = heldText(job["waiting_for"]);
  if (held !== undefined) return { held };
  return untakenTypes(client, job);
}

/** It gets no tasks until it has enough of its reputation back. */
export function isShutOut({ reputation, reputation_needed: needed }: JsonMap): boolean {
  return typeof reputation === "number" && typeof needed === "number" && reputation < needed;
}

/** Types of the job's queued tasks that no worker takes now. */
async function untakenTypes(client: Client, { tasks }: JsonMap): Promise<Quiet | undefined> {
  const queued = Array.isArray(tasks) ? tasks.filter(isObject).filter((task) => task["status"] === "queued") : [];
  const types = new Set(queued.flatMap(({ type }) => (typeof type === "string" ? [type] : [])));
  if (types.size === 0) return undefined;
  const workers = await client.list("/api/workers");
  const taken = new Set(workers.filter((worker) => takesTasks(worker) && !isShutOut(worker)).flatMap(tasksOf));
  const taskTypes = [...types].filter((type) => !taken.has(type)).toSorted();
  if (taskTypes.length === 0) return undefined;
  const able = workers.filter((worker) => tasksOf(worker).some((one) => taskTypes.includes(one)));
  const shutOut = idsOf(able.filter((worker) => takesTasks(worker) && isShutOut(worker)));
  const drained = idsOf(able.filter((worker) => worker["draining"] === true && !isAway(worker)));
  const [first = ""] = taskTypes;
  const meant = able.length > 0 ? undefined : nearest(first, taken);
  return {
    taskTypes,
    ...(shutOut.length > 0 && { shutOut }),
    ...(drained.length > 0 && { drained }),
    ...(meant !== undefined && { meant }),
  };
}

function idsOf(workers: readonly JsonMap[]): string[] {
  return workers.map((worker) => String(worker["worker_id"])).toSorted();
}

function isAway(worker: JsonMap): boolean {
  return worker["connected"] === false && worker["current_load"] === 0;
}

function takesTasks(worker: JsonMap): boolean {
  return !isAway(worker) && worker["draining"] !== true && !TAKES_NOTHING.includes(worker["status"] ?? "");
}

/** Workers name their tasks in the spellings of several generations. */
function tasksOf(worker: JsonMap): readonly string[] {
  return [worker["supported_tasks"], worker["supported_skills"]].flatMap((names) =>
    (Array.isArray(names) ? names : []).flatMap((one) => {
      const name = isObject(one) ? one["name"] : one;
      return typeof name === "string" ? [name] : [];
    }),
  );
}
