import type { Command } from "commander";
import { type CommandContext, type Flags, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";
import { commit, version } from "../version.ts";

const facts = { version, commit, bun: Bun.version, platform: `${process.platform}-${process.arch}` };

export function versionLine(): string {
  return `orchestrator ${version} (commit ${commit}, Bun ${facts.bun}, ${facts.platform})`;
}

export function addVersion(program: Command, context: CommandContext): void {
  const command = program.command("version").description("which program this is");
  withExample(withJson(command), "orchestrator version --json").action((flags: Flags) =>
    context.run(flags, async () => {
      context.terminal.out(`${flags["json"] === true ? JSON.stringify(facts) : versionLine()}\n`);
      return EXIT.done;
    }),
  );
}
