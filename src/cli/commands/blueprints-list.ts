import type { Command } from "commander";
import type { JsonMap } from "../../system/errors.ts";
import { isObject } from "../client.ts";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printable } from "../printable.ts";
import { relativeTime } from "../relative-time.ts";
import { cell, formatTable } from "../table.ts";

const HEAD = ["NAME", "ENDPOINT", "STATES", "AT ONCE", "RUNNING", "WAITING", "PAUSED", "VERSION"] as const;
const VERSION_SHOWN = 12;

export function addBlueprintList(blueprints: Command, context: CommandContext): void {
  const command = blueprints
    .command("list")
    .description("blueprints in service: their limits, who runs and waits at them, which are paused");
  withExample(withJson(withConnection(command)), "orchestrator blueprints list");
  command.action((flags: Flags) => context.run(flags, () => list(context, flags)));
}

async function list({ client, terminal }: CommandContext, flags: Flags): Promise<number> {
  const answer = await (await client(flags)).get("/api/blueprints");
  if (flags["json"] === true) {
    terminal.out(`${JSON.stringify(answer)}\n`);
    return EXIT.done;
  }
  const found = Array.isArray(answer["blueprints"]) ? answer["blueprints"].filter(isObject) : [];
  const nowMs = terminal.clock.nowMs();
  terminal.out(
    formatTable(
      HEAD,
      found.map((one) => rowOf(one, nowMs)),
    ),
  );
  for (const { text } of listOf(answer["refused"])) terminal.err(`refused: ${printable(cell(text))}\n`);
  return EXIT.done;
}

function rowOf(one: JsonMap, nowMs: number): readonly string[] {
  const crowd = isObject(one["at_gate"]) ? one["at_gate"] : {};
  return [
    cell(one["name"]),
    endpointOf(one),
    cell(one["states"]),
    limitOf(one["concurrency"]),
    cell(crowd["inside"]),
    cell(crowd["waiting"]),
    one["paused"] === true ? relativeTime(one["paused_since"], nowMs) : "-",
    cell(one["version"]).slice(0, VERSION_SHOWN),
  ];
}

function endpointOf({ endpoint, api_version: version }: JsonMap): string {
  if (typeof endpoint !== "string") return "-";
  return version === "" || version === undefined ? endpoint : `${cell(version)}/${endpoint}`;
}

function limitOf(limit: unknown): string {
  if (!isObject(limit)) return "-";
  return limit["key"] === undefined ? cell(limit["max"]) : `${cell(limit["max"])} per ${cell(limit["key"])}`;
}

export function addBlueprintShow(blueprints: Command, context: CommandContext): void {
  const command = blueprints
    .command("show")
    .description("one blueprint: its version, its limit, its states and where they lead")
    .argument("<name>", "the blueprint's name");
  withExample(withJson(withConnection(command)), "orchestrator blueprints show simple_linear_flow");
  command.action((name: string, flags: Flags) =>
    context.run(flags, async () => {
      const one = await (await context.client(flags)).get(`/api/blueprints/${encodeURIComponent(name)}`);
      context.terminal.out(flags["json"] === true ? `${JSON.stringify(one)}\n` : describe(one));
      return EXIT.done;
    }),
  );
}

function describe(one: JsonMap): string {
  const crowd = isObject(one["at_gate"]) ? one["at_gate"] : undefined;
  const facts: readonly (readonly [string, unknown])[] = [
    ["name", one["name"]],
    ["version", one["version"]],
    ["file", one["file"]],
    ["endpoint", one["endpoint"] === null ? undefined : endpointOf(one)],
    ["at once", one["concurrency"] === null ? undefined : limitOf(one["concurrency"])],
    ["at gate", crowd && `${cell(crowd["inside"])} running, ${cell(crowd["waiting"])} waiting`],
    ["paused", one["paused_since"]],
    ["warning", one["warning"]],
    ["input", one["input_schema"]],
  ];
  const shown = facts.filter(([, value]) => value !== undefined && value !== null);
  const lines = shown.map(([name, value]) => `${name.padEnd(10)} ${printable(cell(value))}`);
  return [...lines, ...stateLines(one)].map((line) => `${line}\n`).join("");
}

function stateLines(one: JsonMap): readonly string[] {
  const transitions = listOf(one["transitions"]);
  return listOf(one["state_names"]).map((state) => {
    const marks = ["start", "end", "aggregator"].filter((mark) => state[`is_${mark}`] === true);
    const next = transitions
      .filter(({ from }) => from === state["name"])
      .map(({ label, to }) => `${cell(label)} → ${cell(to)}`);
    const facts = [...marks, ...new Set(next)].join(", ");
    return `state      ${printable(cell(state["name"]))}${facts === "" ? "" : `: ${printable(facts)}`}`;
  });
}

function listOf(value: unknown): readonly JsonMap[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
