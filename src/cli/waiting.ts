/** Says why a job is quiet, where that can be told: a task of it waits, and no connected worker takes such tasks. */
import type { Cancel } from "../system/clock.ts";
import type { JsonMap, JsonValue } from "../system/errors.ts";
import { type Client, isObject } from "./client.ts";
import type { Terminal } from "./terminal.ts";

const FIRST_LOOK_MS = 1_500;
/** Looking costs the server something: ever more seldom while nothing happens. */
const LOOK_MS_MAX = 60_000;
const TAKES_NOTHING: readonly JsonValue[] = ["offline", "draining"];

export interface QuietWatch {
  /** Something happened: the job is not quiet. */
  heard(): void;
  stop(): void;
}

export interface QuietWatchOptions {
  readonly client: Client;
  readonly terminal: Terminal;
  readonly jobPath: string;
  /** Told once for each set of task types that nobody takes. */
  readonly waitsFor: (taskTypes: readonly string[]) => void;
}

export function watchQuiet({ client, terminal, jobPath, waitsFor }: QuietWatchOptions): QuietWatch {
  let cancel: Cancel = () => undefined;
  let isStopped = false;
  let delayMs = FIRST_LOOK_MS;
  let told = "";

  async function look(): Promise<void> {
    const types = await untakenTypes(client, jobPath).catch(() => []);
    if (isStopped) return;
    const key = types.join();
    if (key !== "" && key !== told) waitsFor(types);
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

/** Types of the job's queued tasks that no worker takes now. */
async function untakenTypes(client: Client, jobPath: string): Promise<readonly string[]> {
  const { tasks } = await client.get(jobPath);
  const queued = Array.isArray(tasks) ? tasks.filter(isObject).filter((task) => task["status"] === "queued") : [];
  const types = new Set(queued.flatMap(({ type }) => (typeof type === "string" ? [type] : [])));
  if (types.size === 0) return [];
  const taken = new Set((await client.list("/api/workers")).flatMap(tasksOf));
  return [...types].filter((type) => !taken.has(type)).toSorted();
}

/** Workers name their tasks in the spellings of several generations. */
function tasksOf(worker: JsonMap): readonly string[] {
  const isAway = worker["connected"] === false && worker["current_load"] === 0;
  if (isAway || worker["draining"] === true || TAKES_NOTHING.includes(worker["status"] ?? "")) return [];
  return [worker["supported_tasks"], worker["supported_skills"]].flatMap((names) =>
    (Array.isArray(names) ? names : []).flatMap((one) => {
      const name = isObject(one) ? one["name"] : one;
      return typeof name === "string" ? [name] : [];
    }),
  );
}
