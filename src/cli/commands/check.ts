import type { Command } from "commander";
import type { Finding } from "../../catalog/port.ts";
import { type CommandContext, type Flags, withExample, withJson } from "../command.ts";
import { EXIT } from "../exit.ts";

export function addCheck(program: Command, context: CommandContext): void {
  const command = program
    .command("check")
    .description("every static check of blueprint files: file:line:column: rule: what to do")
    .argument("[paths...]", "files and folders (default: ./blueprints)")
    .option("--strict", "warnings count as errors");
  withExample(withJson(command), "orchestrator check blueprints/my-flow.ts", "orchestrator check --strict --json");
  command.action((paths: readonly string[], flags: Flags) =>
    context.run(flags, async () => {
      const { findings, files } = await context.parts.check(paths.length > 0 ? paths : ["./blueprints"]);
      if (flags["json"] === true) context.terminal.out(`${JSON.stringify({ findings })}\n`);
      else {
        for (const finding of findings) context.terminal.out(`${format(finding)}\n`);
        context.terminal.err(`${summary(files, findings)}\n`);
      }
      return findings.some((finding) => finding.severity === "error" || flags["strict"] === true)
        ? EXIT.wentWrong
        : EXIT.done;
    }),
  );
}

function summary(files: number, findings: readonly Finding[]): string {
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const warnings = findings.length - errors;
  const problems = [errors > 0 && counted(errors, "error"), warnings > 0 && counted(warnings, "warning")];
  return `${counted(files, "file")}, ${problems.filter(Boolean).join(" and ") || "no problems"}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function format({ severity, file, line, column, rule, message }: Finding): string {
  return `${file}:${line}:${column}: ${severity === "warning" ? "warning: " : ""}${rule}: ${message}`;
}
