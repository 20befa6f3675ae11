import type { Command } from "commander";
import { WORKER } from "../../config/tables.ts";
import { type CommandContext, type Flags, withExample, withSources } from "../command.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { environmentFor, settingsFor } from "../settings.ts";
import { whileRunning } from "../stop.ts";
import { sleep, type Terminal } from "../terminal.ts";

/** So long a server that starts together with its worker may take to make its data folder. */
const FOLDER_WAIT_MS = 3_000;
const LOOK_MS = 100;

/** What has no flag, because it belongs to the place where the worker runs. */
const VARIABLES = `
Of its environment it reads, among others:
  ORCHESTRATORS_CONFIG      several servers: [{"url": "http://a:8080", "priority": 1, "weight": 2, "token": "…"}, …]
  MULTI_ORCHESTRATOR_MODE   FAILOVER (default: the first that answers gives the tasks) or ROUND_ROBIN (all, by weight)
  WORKER_ID                 a name that stays: results that a crash interrupts are handed in at the next start
  WORKER_DATA_DIR           where those lie until then (default: workers in the data folder)
  WORKER_PORT               where GET /health answers
  WORKER_STALL_SECONDS      a handler that blocks the thread for longer loses its tasks (default: 300; 0: never)
  S3_ENDPOINT_URL           a store of files: params that begin with s3:// are downloaded, returned files are uploaded
  S3_BUCKET, S3_ACCESS_KEY, S3_SECRET_KEY, S3_REGION, S3_MAX_CONCURRENCY
  S3_PATIENCE_SECONDS       how long the store may be away before who waits for it hears of it (default: 120)
  WORKER_PAYLOAD_DIR        where those files lie meanwhile; from nowhere else any are uploaded (default: /tmp/payloads)
  MAX_CONCURRENT_TASKS, HEARTBEAT_INTERVAL, WORKER_SHUTDOWN_TIMEOUT, TLS_CA_PATH`;

export function addWorker(program: Command, context: CommandContext): void {
  const command = program
    .command("worker")
    .description("one worker with the tasks of these files")
    .argument("<file...>", "worker files: each has a Worker as its default export")
    .option(
      "--url <url>",
      "where the server is (default: the local door in the data folder, else http://127.0.0.1:8080, or the port that is set)",
    )
    .option("--token <token>", "worker token (better: the variable WORKER_TOKEN)")
    .option("--id <name>", "the worker's name")
    .option("--transport <kind>", "auto, ws or poll (default: auto)")
    .option("--concurrency <number>", "tasks at once")
    .option("--watch", "start anew when the files change: what runs may end first")
    .option("--log-level <level>", "debug, info, warn or error (default: info)")
    .option("--log-format <format>", "auto, json or text (default: auto, text at a terminal and else json)")
    .option(
      "--data-dir <folder>",
      "data folder whose local door is used and waited for; one that does not exist is given 3 s to come (default: ./data)",
    );
  withExample(
    withSources(command),
    "orchestrator worker my-worker.ts --id gpu-1 --concurrency 4",
    "orchestrator worker my-worker.ts --watch",
  );
  command.addHelpText("after", VARIABLES);
  command.action((files: readonly string[], flags: Flags) =>
    context.run(flags, async () => {
      const settings = await settingsFor(WORKER, flags, context.terminal);
      if (settings.url === undefined && settings.token === undefined)
        await folderOf(settings.dataDir, context.terminal);
      const environment = await environmentFor(flags, context.terminal);
      const call = { files, settings, environment, watch: flags["watch"] === true };
      return whileRunning(context.terminal, (stop) => context.parts.worker({ ...call, stop }));
    }),
  );
}

/** The worker waits for a door that is not there yet; a folder that does not come at all was misspelled. */
async function folderOf(dataDir: string | undefined, terminal: Terminal): Promise<void> {
  if (dataDir === undefined) return;
  const endMs = terminal.clock.monotonicMs() + FOLDER_WAIT_MS;
  while (!terminal.exists(dataDir)) {
    if (terminal.clock.monotonicMs() >= endMs) throw noFolder(dataDir);
    await sleep(terminal, LOOK_MS);
  }
}

function noFolder(dataDir: string): CommandFailure {
  const message = `There is no folder ${dataDir}, and none came in ${FOLDER_WAIT_MS / 1000} s: check its name, or start its server first with \`orchestrator serve --data-dir ${dataDir}\`.`;
  return new CommandFailure(EXIT.noServer, "NO_SERVER", message);
}
