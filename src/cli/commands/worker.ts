import type { Command } from "commander";
import { WORKER } from "../../config/tables.ts";
import { localDoor } from "../client.ts";
import { type CommandContext, type Flags, withExample, withSources } from "../command.ts";
import { settingsFor } from "../settings.ts";
import { whileRunning } from "../stop.ts";

export function addWorker(program: Command, context: CommandContext): void {
  const command = program
    .command("worker")
    .description("one worker with the tasks of these files")
    .argument("<file...>", "worker files: each has a Worker as its default export")
    .option("--url <url>", "where the server is (default: the local door in the data folder, or http://127.0.0.1:8080)")
    .option("--token <token>", "worker token (better: the variable WORKER_TOKEN)")
    .option("--id <name>", "the worker's name")
    .option("--transport <kind>", "auto, ws or poll (default: auto)")
    .option("--concurrency <number>", "tasks at once")
    .option("--data-dir <folder>", "data folder whose local door is used (default: ./data)");
  withExample(withSources(command), "orchestrator worker my-worker.ts --id gpu-1 --concurrency 4");
  command.action((files: readonly string[], flags: Flags) =>
    context.run(flags, async () => {
      const settings = await settingsFor(WORKER, flags, context.terminal);
      const socket = localDoor(settings, context.terminal);
      const call = { files, settings, ...(socket !== undefined && { socket }) };
      return whileRunning(context.terminal, (stop) => context.parts.worker({ ...call, stop }));
    }),
  );
}
