import type { Command } from "commander";
import type { JsonMap, JsonValue } from "../../system/errors.ts";
import { suggestion } from "../../system/nearest.ts";
import { type Client, isObject } from "../client.ts";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { printable } from "../printable.ts";
import { cell, formatTable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { isShutOut } from "../waiting.ts";

const HEAD = ["WORKER", "STATE", "RUNNING", "ROOM FOR", "REPUTATION", "TASKS"] as const;

export function addWorkerList(workers: Command, context: CommandContext): void {
  const command = workers
    .command("list")
    .description("the workers that the server knows, and what they take")
    .option("--all", "those without a name of their own too that are away: each of their starts was another worker");
  withExample(withJson(withConnection(command)), "orchestrator workers list");
  command.action((flags: Flags) =>
    context.run(flags, async () => {
      const found = await (await context.client(flags)).list("/api/workers");
      if (flags["json"] === true) context.terminal.out(`${JSON.stringify({ workers: found })}\n`);
      else show(found, flags["all"] === true, context.terminal);
      return EXIT.done;
    }),
  );
}

/** What a worker is called that was given no name. */
const MADE_UP = /^worker-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function show(found: readonly JsonMap[], isAll: boolean, terminal: Terminal): void {
  const isGone = (worker: JsonMap) => stateOf(worker) === "away" && MADE_UP.test(cell(worker["worker_id"]));
  const shown = isAll ? found : found.filter((worker) => !isGone(worker) || worker["current_load"] !== 0);
  terminal.out(formatTable(HEAD, shown.map(rowOf)));
  const left = found.length - shown.length;
  if (left > 0)
    terminal.err(`left out: ${left} without a name (--id) that ${left === 1 ? "is" : "are"} away; --all shows all\n`);
}

export function addWorkerShow(workers: Command, context: CommandContext): void {
  const command = workers.command("show").description("all that a worker says of itself").argument("<id>", "its id");
  withExample(withJson(withConnection(command)), "orchestrator workers show worker-001");
  command.action((id: string, flags: Flags) =>
    context.run(flags, async () => {
      const worker = await workerOf(await context.client(flags), id);
      if (flags["json"] === true) context.terminal.out(`${JSON.stringify(worker)}\n`);
      else context.terminal.out(describe(worker));
      return EXIT.done;
    }),
  );
}

async function workerOf(client: Client, id: string): Promise<JsonMap> {
  const workers = await client.list("/api/workers");
  const found = workers.find((worker) => worker["worker_id"] === id);
  if (found) return found;
  const ids = workers.map((worker) => String(worker["worker_id"]));
  throw new CommandFailure(EXIT.notFound, "WORKER_NOT_FOUND", `No worker has the id ${id}${suggestion(id, ids)}`);
}

function rowOf(worker: JsonMap): readonly string[] {
  const { worker_id: id, current_load: load, reputation } = worker;
  return [cell(id), stateOf(worker), cell(load), cell(roomOf(worker)), cell(reputation), tasksOf(worker).join(", ")];
}

function stateOf(worker: JsonMap): string {
  const { draining, connected, status } = worker;
  if (draining === true) return "draining";
  if (connected !== true) return "away";
  return isShutOut(worker) ? "shut out" : atWork(worker, status);
}

/** What a worker said last of itself is older than what the server knows that it runs. */
function atWork(worker: JsonMap, said: JsonValue | undefined): string {
  if (said !== undefined && said !== null && said !== "idle" && said !== "busy") return cell(said);
  const { current_load: load } = worker;
  const max = roomOf(worker);
  if (typeof load !== "number") return cell(said ?? "idle");
  if (load === 0) return "idle";
  return typeof max === "number" && load >= max ? "full" : "busy";
}

function roomOf({ max_concurrent_tasks: max, resources }: JsonMap): JsonValue | undefined {
  return max ?? (isObject(resources) ? resources["max_concurrent_tasks"] : undefined);
}

/** Workers name their tasks in the spellings of several generations. */
function tasksOf({ supported_tasks: tasks, supported_skills: skills }: JsonMap): readonly string[] {
  const named = [tasks, skills].flatMap((names) =>
    (Array.isArray(names) ? names : []).map((one) => (isObject(one) ? cell(one["name"]) : cell(one))),
  );
  return [...new Set(named)];
}

function describe(worker: JsonMap): string {
  const width = Math.max(...Object.keys(worker).map((name) => name.length));
  return Object.entries(worker)
    .map(([name, value]) => `${name.padEnd(width)}  ${printable(cell(value))}\n`)
    .join("");
}
