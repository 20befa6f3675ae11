/** The command line: one file a command, listed here. */
import { Command, CommanderError } from "commander";
import { addBlueprintPause, addBlueprintResume } from "./commands/blueprints-change.ts";
import { addBlueprintList, addBlueprintShow } from "./commands/blueprints-list.ts";
import { addCheck } from "./commands/check.ts";
import { addGraph } from "./commands/graph.ts";
import { addClientList } from "./commands/clients-list.ts";
import { addCancel } from "./commands/jobs-cancel.ts";
import { addApprove, addDecide, addReject } from "./commands/jobs-decide.ts";
import { addEvent } from "./commands/jobs-event.ts";
import { addHistory } from "./commands/jobs-history.ts";
import { addList } from "./commands/jobs-list.ts";
import { addMigrate } from "./commands/jobs-migrate.ts";
import { addRerun } from "./commands/jobs-rerun.ts";
import { addRetry } from "./commands/jobs-retry.ts";
import { addShow } from "./commands/jobs-show.ts";
import { addSubmit } from "./commands/jobs-submit.ts";
import { addWatch } from "./commands/jobs-watch.ts";
import { addOutboxDiscard, addOutboxRetry } from "./commands/outbox-change.ts";
import { addOutboxList } from "./commands/outbox-list.ts";
import { addRun } from "./commands/run.ts";
import { addSchedulePause, addScheduleResume, addScheduleTrigger } from "./commands/schedules-change.ts";
import { addScheduleList } from "./commands/schedules-list.ts";
import { addServe } from "./commands/serve.ts";
import { addVersion, versionLine } from "./commands/version.ts";
import { addWorker } from "./commands/worker.ts";
import { addWorkerDrain, addWorkerResume } from "./commands/workers-change.ts";
import { addWorkerList, addWorkerShow } from "./commands/workers-list.ts";
import { type CommandContext, createContext, withExample } from "./command.ts";
import { EXIT } from "./exit.ts";
import type { CliParts } from "./parts.ts";
import type { Terminal } from "./terminal.ts";

const PROGRAM_COMMANDS = [addServe, addWorker, addRun, addCheck, addGraph] as const;
const WORKER_COMMANDS = [addWorkerList, addWorkerShow, addWorkerDrain, addWorkerResume] as const;
const BLUEPRINT_COMMANDS = [addBlueprintList, addBlueprintShow, addBlueprintPause, addBlueprintResume] as const;
const SCHEDULE_COMMANDS = [addScheduleList, addScheduleTrigger, addSchedulePause, addScheduleResume] as const;
const OUTBOX_COMMANDS = [addOutboxList, addOutboxRetry, addOutboxDiscard] as const;
const JOB_COMMANDS = [
  addSubmit,
  addList,
  addShow,
  addWatch,
  addHistory,
  addApprove,
  addReject,
  addDecide,
  addEvent,
  addCancel,
  addRetry,
  addRerun,
  addMigrate,
] as const;

/** `argv` without the program's own name. Resolves with the exit code. */
export async function runCli(argv: readonly string[], parts: CliParts, terminal: Terminal): Promise<number> {
  let exitCode: number = EXIT.done;
  const context = createContext(terminal, parts, (code) => {
    exitCode = code;
  });
  try {
    const program = createProgram(context);
    await program.parseAsync([...helpAsOption(argv, program)], { from: "user" });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.done : EXIT.wrongUse;
  }
}

/** `help jobs submit` asks for `jobs submit --help`: the library looks at one word alone. */
function helpAsOption(argv: readonly string[], program: Command): readonly string[] {
  if (argv[0] !== "help" || argv.length < 3) return argv;
  const path: string[] = [];
  let command = program;
  for (const word of argv.slice(1)) {
    if (command.commands.length === 0) break;
    path.push(word);
    const next = command.commands.find((one) => one.name() === word);
    // A word that is no command is refused as it is anywhere else.
    if (!next) return path;
    command = next;
  }
  return [...path, "--help"];
}

function createProgram(context: CommandContext): Command {
  const { terminal } = context;
  const program = new Command("orchestrator")
    .description("Durable jobs from blueprints, done by workers anywhere.")
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
    .showSuggestionAfterError()
    .helpCommand("help [command...]", "what a command does and takes")
    .version(versionLine(), "-v, --version", "which program this is");
  withExample(program, "orchestrator serve", "orchestrator jobs submit simple_linear_flow --wait");
  for (const add of PROGRAM_COMMANDS) add(program, context);
  const jobs = program.command("jobs").description("start, follow, decide for, cancel and retry jobs");
  withExample(jobs, "orchestrator jobs list --status failed");
  for (const add of JOB_COMMANDS) add(jobs, context);
  const blueprints = program.command("blueprints").description("see which flows serve, pause and resume them");
  withExample(blueprints, "orchestrator blueprints list");
  for (const add of BLUEPRINT_COMMANDS) add(blueprints, context);
  const workers = program.command("workers").description("see the workers, take one out of service for a while");
  withExample(workers, "orchestrator workers list");
  for (const add of WORKER_COMMANDS) add(workers, context);
  const schedules = program.command("schedules").description("see, trigger and pause what runs by the clock");
  withExample(schedules, "orchestrator schedules list");
  for (const add of SCHEDULE_COMMANDS) add(schedules, context);
  const outbox = program.command("outbox").description("see and send again what could not be delivered (operators)");
  withExample(outbox, "orchestrator outbox list");
  for (const add of OUTBOX_COMMANDS) add(outbox, context);
  const clients = program.command("clients").description("clients with tokens and quotas of their own (operators)");
  withExample(clients, "orchestrator clients list");
  addClientList(clients, context);
  addVersion(program, context);
  return program;
}
