import type { Command } from "commander";
import { originalsIn } from "../../config/original.ts";
import { mistypedIn } from "../../config/mistyped.ts";
import { SERVE } from "../../config/tables.ts";
import { type CommandContext, type Flags, withExample, withSources } from "../command.ts";
import { environmentFor, settingsFor } from "../settings.ts";
import { whileRunning } from "../stop.ts";

/** What has no flag, because it is a secret or belongs to the place where the server runs. */
const VARIABLES = `
Of its environment, or of orchestrator.toml, it reads, among others:
  S3_ENDPOINT_URL           a store of files: handlers have taskFiles, clients put and get files of their jobs
                            (AWS: https://s3.REGION.amazonaws.com; empty: no files)
  S3_BUCKET, S3_ACCESS_KEY, S3_SECRET_KEY, S3_REGION, S3_MAX_CONCURRENCY
  S3_PATIENCE_SECONDS       how long the store may be away before who waits for it hears of it (default: 120)
  S3_AUTO_CLEANUP           true: a job's files are removed at its end (default: they stay)
  TASK_FILES_DIR            where handlers' copies of them lie meanwhile (default: /tmp/avtomatika-payloads)
  REPUTATION_MIN_THRESHOLD  a worker whose results cost it more gets no tasks for a while (default: 0.3 of 1;
                            0: nobody is shut out)
  REPUTATION_REWARD_SUCCESS, REPUTATION_PENALTY_TASK_FAILURE, REPUTATION_PENALTY_CONTRACT_VIOLATION
                            what results give and take (default: 0.001, 0.05 and 0.2)
  REPUTATION_RECOVERY_PER_HOUR
                            what time gives back (default: 0.6)
  STRICT_EVENT_VALIDATION   false: events that do not fit their worker's own schema are taken all the same`;

export function addServe(program: Command, context: CommandContext): void {
  const command = program
    .command("serve")
    .description("the server: its database, its doors, its blueprints")
    .option("--host <address>", "address to listen on (default: 127.0.0.1, this machine alone)")
    .option("--port <number>", "port to listen on (default: 8080; 0: any free one)")
    .option("--data-dir <folder>", "where everything is kept (default: ./data)")
    .option("--blueprints <folder>", "folder of blueprint files (default: ./blueprints)")
    .option("--clients-config-path <file>", "clients with tokens and quotas (default: clients.toml, once it is there)")
    .option(
      "--workers-config-path <file>",
      "workers with tokens of their own (default: workers.toml, once it is there)",
    )
    .option("--quota-counts <what>", "requests or creations: what takes an attempt of a quota (default: requests)")
    .option("--log-level <level>", "debug, info, warn or error (default: info)")
    .option("--log-format <format>", "auto, json or text (default: auto, text at a terminal and else json)");
  withExample(withSources(command), "orchestrator serve --port 8080 --data-dir ./data --blueprints ./blueprints");
  command.addHelpText("after", VARIABLES);
  command.action((flags: Flags) =>
    context.run(flags, async () => {
      const settings = await settingsFor(SERVE, flags, context.terminal);
      const environment = await environmentFor(flags, context.terminal);
      const notes = [...originalsIn(environment), ...mistypedIn(environment)];
      return whileRunning(context.terminal, (stop) => context.parts.serve({ settings, notes, stop }));
    }),
  );
}
