/** What every command is given, and how its end becomes an exit code. */
import type { Command } from "commander";
import { messageOf, Refusal } from "../system/errors.ts";
import { type Client, createClient } from "./client.ts";
import { type Audience, doorFor } from "./door.ts";
import { CommandFailure, exitCodeOf } from "./exit.ts";
import type { CliParts } from "./parts.ts";
import type { Terminal } from "./terminal.ts";

export type Flags = Readonly<Record<string, unknown>>;

export interface CommandContext {
  readonly terminal: Terminal;
  readonly parts: CliParts;
  /** Wraps what a command does: its exit code is kept, what it throws is said in one sentence. */
  run(flags: Flags, action: () => Promise<number>): Promise<void>;
  /** A client by the flags, the environment and orchestrator.toml; of an operator where the command is for those. */
  client(flags: Flags, audience?: Audience): Promise<Client>;
}

export function createContext(terminal: Terminal, parts: CliParts, ended: (exitCode: number) => void): CommandContext {
  return {
    terminal,
    parts,
    async run(flags, action) {
      try {
        ended(await action());
      } catch (error) {
        sayFailure(terminal, error, flags["json"] === true);
        ended(exitCodeOf(error));
      }
    },
    client: async (flags, audience) => createClient(await doorFor(flags, terminal, audience), terminal),
  };
}

/** With --json the one document on standard output is the error, in the form that the server gives errors. */
function sayFailure(terminal: Terminal, error: unknown, isJson: boolean): void {
  const message = messageOf(error);
  terminal.err(`error: ${message}\n`);
  const isExpected = error instanceof CommandFailure || error instanceof Refusal;
  if (!isExpected && error instanceof Error && error.stack) terminal.err(`${error.stack}\n`);
  if (!isJson) return;
  const { details, error: said = message } = error instanceof CommandFailure ? error.answer : {};
  const code = isExpected ? error.code : "INTERNAL_ERROR";
  terminal.out(`${JSON.stringify({ error: said, code, ...(details !== undefined && { details }) })}\n`);
}

/** Somebody who called it wrongly is shown the first example. */
export function withExample(command: Command, ...examples: readonly string[]): Command {
  withAdvice(command, `Example: ${examples[0] ?? ""}`);
  const lines = examples.map((example) => `  $ ${example}`);
  return command.addHelpText("after", `\n${examples.length === 1 ? "Example" : "Examples"}:\n${lines.join("\n")}`);
}

/** Lines after the message about a wrong call. */
export function withAdvice(command: Command, ...lines: readonly string[]): Command {
  const names: string[] = [];
  for (let one: Command | null = command; one !== null; one = one.parent) names.unshift(one.name());
  return command.showHelpAfterError([...lines, `More: ${names.join(" ")} --help`].join("\n"));
}

export function withSources(command: Command): Command {
  return command
    .option("--config <file>", "settings file (default: orchestrator.toml, if it is there)")
    .option("--env-file <file>", "file of NAME=value lines to read first; none is read unasked");
}

export function withConnection(command: Command, audience: Audience = "clients"): Command {
  const token =
    audience === "operators"
      ? "operator's token (better: the variable OPERATOR_TOKEN)"
      : "client's token (better: the variable CLIENT_TOKEN)";
  return withSources(
    command
      .option(
        "--url <url>",
        "where the server is (default: the local door in the data folder, else http://127.0.0.1:8080, or the port that is set)",
      )
      .option("--token <token>", token)
      .option("--data-dir <folder>", "data folder whose local door is used (default: ./data)"),
  );
}

export function withJson(command: Command, what = "print one JSON document on standard output"): Command {
  return command.option("--json", what);
}
