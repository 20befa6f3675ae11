import type { Command } from "commander";
import { draw, GRAPH_FORMATS, type GraphFormat, graphFormatOf } from "../../blueprint/index.ts";
import type { Manifest } from "../../catalog/port.ts";
import { SERVE } from "../../config/tables.ts";
import { messageOf } from "../../system/errors.ts";
import { suggestion } from "../../system/nearest.ts";
import { createClient } from "../client.ts";
import { type CommandContext, type Flags, withConnection, withExample, withJson } from "../command.ts";
import { doorFor } from "../door.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { type NamedGraph, servedGraph } from "../served-graph.ts";
import { settingsFor } from "../settings.ts";
import type { Terminal } from "../terminal.ts";
import { formatFinding } from "../../catalog/index.ts";

export function addGraph(program: Command, context: CommandContext): void {
  const command = program
    .command("graph")
    .description("the picture of a blueprint, drawn from its handlers' own code; nothing has to be installed")
    .argument("<name|file>", "a blueprint of the running server or of the blueprints folder, or a blueprint file")
    .option("--format <format>", `${GRAPH_FORMATS.join(", ")} (default: by the ending of --out, else svg)`)
    .option("--out <file>", "write it there (default: standard output)")
    .option("--blueprint <name>", "which one, where the file has several")
    .option("--blueprints <folder>", "where a name is looked for when no server runs (default: ./blueprints)");
  withJson(withConnection(command), "print one JSON document: the text of the graph, or the file with --out");
  withExample(
    command,
    "orchestrator graph blueprints/01-simple-pipeline.ts --out pipeline.png",
    "orchestrator graph simple_linear_flow --format mermaid",
  );
  command.action((target: string, flags: Flags) => context.run(flags, () => graph(context, target, flags)));
}

interface Output {
  readonly format: GraphFormat;
  readonly file?: string;
  readonly isJson: boolean;
}

async function graph(context: CommandContext, target: string, flags: Flags): Promise<number> {
  const output = outputOf(flags, context.terminal);
  const isFile = context.terminal.exists(target);
  const drawn = isFile ? await graphOfFile(context, target, flags) : await graphOfName(context, target, flags);
  await write(drawn.name, await draw(drawn, output.format), output, context.terminal);
  return EXIT.done;
}

function outputOf(flags: Flags, terminal: Terminal): Output {
  const file = typeof flags["out"] === "string" ? flags["out"] : undefined;
  const format = formatOf(flags["format"], file);
  const isJson = flags["json"] === true;
  if (format === "png" && file === undefined && (isJson || terminal.showsOutput)) {
    const where = isJson ? "JSON" : "a terminal";
    throw new CommandFailure(
      EXIT.wrongUse,
      "BINARY_OUTPUT",
      `A PNG cannot be shown in ${where}: write it with --out FILE.`,
    );
  }
  return { format, isJson, ...(file !== undefined && { file }) };
}

function formatOf(wanted: unknown, file: string | undefined): GraphFormat {
  if (wanted === undefined) return formatByEnding(file);
  const format = graphFormatOf(String(wanted));
  if (format) return format;
  const near = suggestion(String(wanted), GRAPH_FORMATS);
  const message = `There is no format ${String(wanted)}${near} Choose one of ${GRAPH_FORMATS.join(", ")}.`;
  throw new CommandFailure(EXIT.wrongUse, "UNKNOWN_FORMAT", message);
}

/** A file that says by its name what it holds has to hold that. */
function formatByEnding(file: string | undefined): GraphFormat {
  const ending = file === undefined ? undefined : /\.(\w+)$/.exec(file)?.[1]?.toLowerCase();
  if (ending === undefined) return "svg";
  const format = graphFormatOf(ENDINGS[ending] ?? ending);
  if (format) return format;
  const message = `${file} ends with .${ending}, which is no format of graphs: let it end with .${GRAPH_FORMATS.join(", .")}, or say which is meant with --format.`;
  throw new CommandFailure(EXIT.wrongUse, "UNKNOWN_FORMAT", message);
}

const ENDINGS: Readonly<Record<string, GraphFormat>> = { mmd: "mermaid", gv: "dot" };

async function graphOfFile(context: CommandContext, file: string, flags: Flags): Promise<Manifest> {
  const { manifests, findings } = await context.parts.check([file]);
  const wanted = flags["blueprint"];
  const [only, other] = manifests;
  if (only && !other && wanted === undefined) return only;
  const found = manifests.find(({ name }) => name === wanted);
  if (found) return found;
  if (only) throw whichOne(file, manifests, wanted);
  for (const finding of findings) context.terminal.err(`${formatFinding(finding, ".")}\n`);
  throw new CommandFailure(EXIT.wentWrong, "NOT_LOADED", `${file} has no blueprint that can be drawn: see above.`);
}

function whichOne(file: string, manifests: readonly Manifest[], wanted: unknown): CommandFailure {
  const names = manifests.map(({ name }) => name);
  const asked = typeof wanted === "string" ? `, but not ${wanted}${suggestion(wanted, names)}` : ".";
  const message = `${file} has ${names.join(", ")}${asked} Choose one with --blueprint.`;
  return new CommandFailure(EXIT.wrongUse, "WHICH_BLUEPRINT", message);
}

/** The server first: it knows what runs. Somebody who names a server means that one alone. */
async function graphOfName(context: CommandContext, name: string, flags: Flags): Promise<NamedGraph> {
  const { terminal } = context;
  const door = await doorFor(flags, terminal);
  try {
    return await servedGraph(createClient(door, terminal), name);
  } catch (error) {
    if (!(error instanceof CommandFailure) || door.isNamed === true) throw error;
    return graphInFolder(context, name, flags, error);
  }
}

async function graphInFolder(
  context: CommandContext,
  name: string,
  flags: Flags,
  served: CommandFailure,
): Promise<NamedGraph> {
  const { blueprints: folder } = await settingsFor({ blueprints: SERVE.blueprints }, flags, context.terminal);
  const { manifests } = context.terminal.exists(folder) ? await context.parts.check([folder]) : { manifests: [] };
  const found = manifests.find((manifest) => manifest.name === name);
  if (found) return found;
  if (served.exitCode !== EXIT.noServer && served.exitCode !== EXIT.notFound) throw served;
  const near = suggestion(
    name,
    manifests.map((manifest) => manifest.name),
  );
  const server = served.exitCode === EXIT.noServer ? "No server answers" : "The server has no such blueprint";
  const message = `${server}, and there is neither a blueprint nor a file ${name} in ${folder}${near}`;
  throw new CommandFailure(EXIT.notFound, "NO_SUCH_BLUEPRINT", message);
}

async function write(name: string, bytes: Uint8Array, output: Output, terminal: Terminal): Promise<void> {
  const { format, file, isJson } = output;
  if (file === undefined) {
    const text = () => JSON.stringify({ name, format, graph: new TextDecoder().decode(bytes) });
    terminal.out(isJson ? `${text()}\n` : bytes);
    return;
  }
  try {
    await terminal.writeFile(file, bytes);
  } catch (error) {
    throw new CommandFailure(EXIT.wentWrong, "NOT_WRITTEN", `${file} cannot be written (${messageOf(error)}).`);
  }
  if (isJson) terminal.out(`${JSON.stringify({ name, format, file })}\n`);
  else terminal.err(`The graph of ${name} is in ${file}\n`);
}
